"""`reproduce`: a run once more."""

from __future__ import annotations

import tempfile
from pathlib import Path

from convladder.api import inputs
from convladder.api.dataset import Dataset
from convladder.api.run import Run
from convladder.core import backend
from convladder.core.errors import ExperimentError, RunError
from convladder.data import in_memory
from convladder.data.dataset import SplitDataset
from convladder.experiments import reproduction, resume, single_training
from convladder.experiments.pretrained import backbones
from convladder.experiments.reproduction import Reproduction
from convladder.experiments.request import ReproduceRequest
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.run_options import ReproduceOptions
from convladder.experiments.trial import Trial
from convladder.report import progress
from convladder.report.progress import Reporter
from convladder.results import folders, outputs
from convladder.results.saved_run import SavedRun


def reproduce(
    run: str | Path | Run,
    data: str | Path | Dataset | None = None,
    *,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Reproduction:
    """Train a run again from its `experiment.json`, and say if the predictions are the same.

    Parameters
    ----------
    run
        The folder of a run, or a run.
    data
        Where the images of the run are now, if they have moved.
    pretrained
        Where the run is now that it started from (`pretrained`), if it has moved.
    weights
        Where the weights file is now that it started from (`weights`), if it has moved.
    out
        Save the new run in this folder, or resume the one that is there; None saves nothing.
    quiet
        As `load` takes it.

    Returns
    -------
    Reproduction
        Whether the predictions are the same, and what may explain a difference.

    Raises
    ------
    DataError
        The images are not those that the run was made of.
    RunError
        The folder holds no run, or there is one at `out` already.
    ConvladderError
        The training failed: what it raised, or TrainingError where its process died.
    """
    request = ReproduceRequest(run=run, data=data, pretrained=pretrained, weights=weights)
    return reproduce_request(request, ReproduceOptions(out=out, quiet=quiet))


def reproduce_request(request: ReproduceRequest, how: ReproduceOptions) -> Reproduction:
    """Train again as `reproduce` does, which says what is raised."""
    reporter = progress.reporter(quiet=how.quiet)
    backend.chosen()
    first = Run(request.run.folder if isinstance(request.run, SavedRun) else request.run)
    place = _place_of_new(first, request, how)
    dataset = _images_of(first, request, reporter)
    model = first.experiment.model
    moved = first.experiment.replace(backbones.moved(model, request.pretrained, request.weights))
    experiment = backbones.with_backbone(moved, reporter.say)
    trial = Trial(first.rung, experiment, reproduction.with_splits_of(first, dataset))
    with tempfile.TemporaryDirectory() as spare:
        folder = place or Path(spare) / "run"
        with (
            inputs.going_on(reporter, folders.unfinished(folder) if place else None, run=folder),
            reporter.trials() as display,
        ):
            threads = resume.threads_of(first.folder)
            again = single_training.train_one(
                trial, folder, threads=threads, how=ResumePolicy(), on_event=display.follow
            )
        return reproduction.compare(first, again)


def _place_of_new(first: Run, request: ReproduceRequest, how: ReproduceOptions) -> Path | None:
    """Return where the new run is kept, if it is to be."""
    if not how.out:
        return None
    if Path(how.out).resolve() == first.folder.resolve():
        raise RunError(f"{how.out} is the original run: choose another --out for the new one")
    return outputs.place_of(how.out, "run", _source_of(first, request))


def _images_of(first: Run, request: ReproduceRequest, reporter: Reporter) -> SplitDataset:
    """Return the images of a run, from where they are now."""
    if isinstance(request.data, SplitDataset):
        return request.data
    if first.experiment.data.source == in_memory.NAME:
        raise ExperimentError(
            "the run was trained on images in memory: pass them as data, as returned by load"
        )
    where = {"data.source": _source_of(first, request)}
    return inputs.load_dataset(first.experiment.replace(where).data, True, reporter)


def _source_of(first: Run, request: ReproduceRequest) -> str:
    return first.experiment.data.source if request.data is None else inputs.name_of(request.data)
