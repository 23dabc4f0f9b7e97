"""A bundle, made of a run: its network as one graph from images on, and what is known of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convladder.core import backend, files
from convladder.core.errors import BundleError, RunError
from convladder.core.experiment import Experiment
from convladder.core.formatting import short_name
from convladder.core.worker import Emit
from convladder.core.worker_pool import call
from convladder.data.image_size import form_of_network
from convladder.evaluation import calibration, conformal, prediction_sets, predictions
from convladder.evaluation.intervals import Proportion, proportion
from convladder.models.variants import PUBLISHED
from convladder.results import folders, model_card, outputs, saved_run
from convladder.results.bundle import bundle, container, schema, tensors

_logger = logging.getLogger(__name__)

KEPT = f"bundle{bundle.SUFFIX}"  # beside the run's other files


# docs/decisions/070-bundles-are-made-when-one-is-wanted.md
def bundle_of(place: str | Path, on_making: Callable[[], None] = lambda: None) -> Path:
    """Return the file of a bundle: `place` itself, or that of a run's folder, made if need be.

    It is made anew where it is of another training, or the run's card was edited since. `on_making`
    is called before that, which takes a while. Raises RunError where a folder is no run, or is
    damaged.
    """
    path = Path(place)
    if not path.is_dir():
        return path
    run, kept = saved_run.SavedRun(path), path / KEPT
    if not _is_current(run, kept):
        on_making()
        content = make(run)
        try:
            files.write_bytes(kept, content)
        except OSError as error:
            raise RunError(
                f"the bundle cannot be written to {path} ({error.strerror}): write it elsewhere "
                f"with convladder bundle {path} -o FILE"
            ) from None
    return kept


def write(
    run: saved_run.SavedRun,
    out: Path | None = None,
    accuracy: float = model_card.WANTED,
    *,
    as_seen: bool = False,
    coverage: float = conformal.COVERAGE,
) -> Path:
    """Write a run's bundle to a file, by default in this folder under its name; return the path.

    `accuracy` and `as_seen` choose its threshold: see `calibration.select`. `coverage` is that of
    its prediction sets. An earlier bundle of the same run is replaced. Raises RunError where
    another file is there already, where it would lie among the run's images, or where the run is
    damaged.
    """
    name = run.folder.resolve().name
    path = out or Path(f"{name}{bundle.SUFFIX}")
    if path.is_dir():
        path /= f"{name}{bundle.SUFFIX}"
    data = run.experiment.data
    outputs.check_file_outside(path, (data.source, data.image_root), "-o")
    if path.exists() and not _is_of(run, path):
        raise RunError(
            f"{path} already exists and is not a bundle of {run.folder}: choose another name "
            "with -o"
        )
    folders.check_writable(path.absolute().parent)
    files.write_bytes(path, make(run, accuracy, as_seen=as_seen, coverage=coverage))
    return path


def make(
    run: saved_run.SavedRun,
    accuracy: float = model_card.WANTED,
    *,
    as_seen: bool = False,
    coverage: float = conformal.COVERAGE,
) -> bytes:
    """Return the file of a run's bundle, with its threshold by accuracy. Raises RunError."""
    temperature = calibration.temperature_of(run.predictions)
    selection = calibration.select(run.predictions, accuracy, as_seen=as_seen)
    sets = prediction_sets.measure(run.predictions, coverage)
    network = call(convert, run.folder, temperature)
    arrays = run.weights
    contents = _contents(run, temperature, selection, sets, arrays)
    return container.pack(
        {
            container.CONTENTS: contents.model_dump_json(indent=2).encode(),
            container.CARD: model_card.without_paths(run).encode(),
            container.WEIGHTS: tensors.pack(arrays),
            container.MODEL: network,
        }
    )


def _is_current(run: saved_run.SavedRun, path: Path) -> bool:
    """Whether a file is a bundle of a run in today's format, with the words of its card."""
    told = _read(path)
    return (
        told is not None
        and told[2] == container.FORMAT
        and _is_trained_as(run, told[0])
        and not model_card.is_reworded(run, told[1])
    )


def _is_of(run: saved_run.SavedRun, path: Path) -> bool:
    """Whether a file is a bundle of a run, with whatever threshold and card."""
    told = _read(path)
    return told is not None and _is_trained_as(run, told[0])


def _read(path: Path) -> tuple[schema.Contents, str, int] | None:
    """Return what a bundle says of itself, its card and its format; None where it is none."""
    try:
        with container.Container(path) as opened:
            return bundle.read_contents(opened), bundle.read_card(opened), opened.manifest.format
    except BundleError as error:
        _logger.debug("what is there is made anew (%s)", error)
        return None


def _is_trained_as(run: saved_run.SavedRun, contents: schema.Contents) -> bool:
    """Whether a bundle is of this very training: of the same settings, images and time."""
    images, time = run.about["data"]["fingerprint"], run.about["environment"]["time"]
    told = contents.experiment, contents.images, contents.trained
    return told == (_without_paths(run.experiment), images, time)


def convert(folder: Path, temperature: float, emit: Emit) -> bytes:
    """Return the graph of a run's bundle; a task for a worker."""
    del emit
    backend.use_tensorflow()  # whatever trained it: the others' graphs are of one batch size
    from convladder.deploy.onnx_graph import graph_of
    from convladder.experiments.inference import load_network

    run = saved_run.SavedRun(folder)
    return graph_of(
        load_network(run), form_of_network(run.experiment.data, run.network), temperature
    )


def _contents(
    run: saved_run.SavedRun,
    temperature: float,
    selection: calibration.Selection,
    sets: prediction_sets.PredictionSets,
    arrays: dict[str, Any],
) -> schema.Contents:
    network, test = run.network, run.tested
    right = predictions.correct(test)
    statistics = network["statistics"]
    return schema.Contents(
        version=run.about["environment"]["versions"]["convladder"],
        trained=run.about["environment"]["time"],
        rung=run.rung,
        images=run.about["data"]["fingerprint"],
        class_names=tuple(network["class_names"]),
        form=schema.Form.of(form_of_network(run.experiment.data, network)),
        temperature=temperature,
        selection=_selection(selection),
        prediction_sets=_prediction_sets(sets),
        figures=schema.Figures(
            accuracy=_measured(proportion(int(right.sum()), len(right))),
            log_loss=run.metrics["test"]["log_loss"],
            parameters=run.metrics["price"]["parameters"],
            flops=run.metrics["price"]["flops"],
        ),
        statistics=schema.Statistics(mean=statistics[0], deviation=statistics[1])
        if statistics
        else None,
        tensors=tensors.describe(arrays),
        experiment=_without_paths(run.experiment),
    )


def _selection(found: calibration.Selection) -> schema.Selection:
    return schema.Selection(
        wanted=found.wanted,
        basis=found.basis,
        validation=found.validation,
        as_seen=schema.Kept(**_kept(found.as_seen)) if found.as_seen else None,
        **_kept(found),
    )


def _prediction_sets(found: prediction_sets.PredictionSets) -> schema.PredictionSets:
    measured = {"coverage": _measured(found.coverage), "single": _measured(found.single)}
    return schema.PredictionSets(**vars(found) | measured)


def _kept(found: calibration.Kept | calibration.Selection) -> dict[str, Any]:
    return {
        "threshold": found.threshold,
        "coverage": _measured(found.coverage),
        "accuracy": _measured(found.accuracy),
    }


def _measured(share: Proportion) -> schema.Measured:
    return schema.Measured(**vars(share))


def _without_paths(experiment: Experiment) -> Experiment:
    """Return the experiment with the names of files and folders in the place of their paths."""
    data, model = experiment.data, experiment.model
    backbone = model.backbone
    if backbone and backbone not in PUBLISHED:
        backbone = short_name(backbone)
    return experiment.replace(
        {
            "data.source": short_name(data.source),
            "data.image_root": None,
            "model.backbone": backbone,
            "model.weights": None,
        }
    )
