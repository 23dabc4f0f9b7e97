"""A run's network on other images: evaluated with their labels, predicted without."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from convladder.core.container_limits import cores
from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.core.worker_pool import call
from convladder.data.bank.bank import Bank
from convladder.data.image_size import FORM, as_of_network, form_of_network, range_setting
from convladder.data.loading import load_bank
from convladder.data.sources.registry import limits_of, open_like, shared_settings
from convladder.evaluation import calibration, conformal, predictions, wording
from convladder.evaluation.calibration import Selection
from convladder.evaluation.prediction_sets import PredictionSets
from convladder.experiments.inference import count_seen, evaluate_elsewhere, predict_files
from convladder.experiments.run_options import RunOptions
from convladder.report import progress
from convladder.report.progress import Reporter
from convladder.results import folders, outputs
from convladder.results.saved_run import SavedRun


def evaluate(
    run: SavedRun, data: str | Path, changes: Mapping[str, Any], how: RunOptions
) -> dict[str, Any]:
    """Evaluate a run as `Run.evaluate` does, which says what is raised."""
    reporter = progress.reporter(quiet=how.quiet)
    if how.out is not None:
        outputs.check(Path(how.out), None, str(data))
        folders.check_writable(Path(how.out))
    bank = _bank_of(run, data, changes, how, reporter)
    seen = count_seen(run, bank)
    if seen and seen[0]:
        reporter.say(
            f"warning: the network was trained or validated on {seen[0]:,} of these "
            f"{seen[1]:,} images, so these figures are too good. Leave out the data to get "
            "its figures on unseen images"
        )
    with tempfile.TemporaryDirectory() as spare:
        return evaluate_elsewhere(run, bank, Path(how.out or spare), threads=cores())


def predict(
    run: SavedRun,
    paths: str | Path | Iterable[str | Path],
    selection: Selection,
    sets: PredictionSets,
) -> pd.DataFrame:
    """Predict files as `Run.predict` does, which says what the columns are."""
    files = _files_of(paths)
    logits, errors, misfits = call(predict_files, run.folder, files)
    names = predictions.class_names(run.predictions)
    temperature = calibration.temperature_of(run.predictions)
    chances = softmax(logits.astype(np.float64) / temperature, axis=1)  # NaN: no image
    confidence, best = chances.max(axis=1), chances.argmax(axis=1)
    least, numbers = sets.least_probability, range(len(files))
    held = (
        [None] * len(files) if least is None else conformal.possible_classes(chances, names, least)
    )
    return pd.DataFrame(
        {
            "path": [str(path) for path in files],
            "predicted": [None if each in errors else names[best[each]] for each in numbers],
            "confidence": confidence,
            "unsure": ~(confidence >= _least_confidence(selection))
            | [each in misfits for each in numbers],
            "error": [errors.get(each, "") for each in numbers],
            "warning": [misfits.get(each, "") for each in numbers],
            "prediction_set": [None if each in errors else held[each] for each in numbers],
        }
    )


def _bank_of(
    run: SavedRun,
    data: str | Path,
    changes: Mapping[str, Any],
    how: RunOptions,
    reporter: Reporter,
) -> Bank:
    """Decode other images as the run read its own, but for what the changes say."""
    own_form = form_of_network(run.experiment.data, run.network)
    settings = _settings_of(run, data, changes)
    given = {key.removeprefix("data.") for key in changes}
    source = open_like(settings, shared_settings(run.experiment.data, given))
    if "data.range" not in changes:
        source = as_of_network(source, own_form, limits_of(settings))
    with reporter.counting() as on_progress:
        bank, notes = load_bank(
            settings,
            source,
            allow_rejects=how.allow_rejects,
            network=own_form,
            progress=on_progress,
        )
    for note in notes:
        reporter.say(note, dim=True)
    return bank


def _settings_of(run: SavedRun, data: str | Path, changes: Mapping[str, Any]) -> Data:
    """Return the settings of other images, whose form is that of the run's own."""
    form = {f"data.{key}": getattr(run.experiment.data, key) for key in FORM}
    form["data.range"] = range_setting(form_of_network(run.experiment.data, run.network))
    return Experiment().replace(form | {"data.source": str(data)} | dict(changes)).data


def _files_of(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise ExperimentError("no files to predict: give the path of an image, or several")
    if not all(isinstance(path, str | Path) for path in given):
        raise ExperimentError(f"predict needs paths of image files; got {type(given[0]).__name__}")
    return [Path(path) for path in given]


def _least_confidence(selection: Selection) -> float:
    """Return the confidence from which on a prediction is sure; infinite where none is enough."""
    if selection.threshold is None:
        warnings.warn(wording.of_selection(selection), stacklevel=4)
        return np.inf
    return selection.threshold
