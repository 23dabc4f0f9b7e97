"""What a person gives, made into settings, ladders and images; and what is said at a stop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convladder.api.dataset import Dataset
from convladder.core import backend, defaults
from convladder.core.devices import Parallel
from convladder.core.errors import ExperimentError
from convladder.core.experiment import LARGEST_SEED, Experiment
from convladder.core.ladder import Ladder, load_ladder
from convladder.core.metrics import Metric
from convladder.core.settings.data import Data
from convladder.data import in_memory, loading
from convladder.data.dataset import SplitDataset
from convladder.data.source import Source
from convladder.data.sources import registry
from convladder.experiments.climb_plan import Load
from convladder.experiments.pretrained import backbones
from convladder.experiments.pretrained.imagenet import Say
from convladder.experiments.request import ClimbRequest, Request, TrainRequest
from convladder.report import progress, telling
from convladder.results import folders


@contextlib.contextmanager
def going_on(
    reporter: progress.Reporter, kept: Path | None, fresh: bool = False, *, run: Path | None = None
) -> Iterator[None]:
    """Say, where the block is stopped, how to go on from what is kept, unless it is finished."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if run and folders.is_finished(run):
            said = f"{run} is finished"
        elif kept is None:
            said = "nothing was saved; use --out to be able to resume"
        elif kept.exists():
            same = "the same command without --fresh" if fresh else "the same command"
            said = f"saved in {kept}; run {same} to resume"
        else:
            said = "nothing was saved yet; run the same command to start again"
        telling.tell(reporter.console, f"stopped; {said}")
        raise


def experiment_of(request: TrainRequest, parallel: Parallel, say: Say) -> tuple[str, Experiment]:
    """Return the rung that is to be trained, and its experiment, before the data are looked at.

    What is given overrules the rung. Raises ConvladderError.
    """
    backend.chosen()
    ladder, given = ladder_of(request), request.given | {"seed": request.seed}
    name = request.rung or ladder.rungs[-1].name
    check_data(given)
    begun = data_settings(request.data) | _backbone_of(request)
    experiment = backbones.with_backbone(ladder.experiment(name, begun).replace(given), say)
    parallel.check_batch(experiment.train.batch_size)
    return name, experiment


def start_of(request: ClimbRequest) -> dict[str, Any]:
    """Return all settings at the start of a ladder: of the data, of a backbone, and those given."""
    return data_settings(request.data) | _backbone_of(request) | request.given


def check_data(settings: Mapping[str, Any]) -> None:
    """Raise ExperimentError where a setting of the data cannot be, before a rung is blamed."""
    Experiment().replace({key: value for key, value in settings.items() if key.startswith("data.")})


def check_counts(**counts: int | None) -> None:
    """Raise ExperimentError where a count is none."""
    for name, count in counts.items():
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ExperimentError(f"{name} must be 1 or more; got {count!r}")


def check_margin(margin: float | None, metric: Metric) -> None:
    """Raise ExperimentError where a margin is no difference that a metric can have."""
    most = metric.per_unit * metric.largest
    if margin is not None and not 0 < margin < most:
        of_what = "points" if metric.is_share else f"differences in {metric.title}"
        below = "" if math.isinf(most) else f" and less than {most:g}"
        example = "1" if metric.is_share else "0.01"
        raise ExperimentError(
            f"margin must be a number of {of_what}, more than 0{below}, such as {example}; got "
            f"{margin!r}"
        )


def check_seconds(seconds: float | None) -> None:
    """Raise ExperimentError where a time is none."""
    is_number = isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0
    if seconds is not None and not is_number:
        raise ExperimentError(f"seconds must be a number above 0; got {seconds!r}")


def check_seeds(first: int, count: int) -> None:
    """Raise ExperimentError where one of so many seeds cannot be: before any of them is trained."""
    if not isinstance(first, int) or first < 0:
        raise ExperimentError(
            f"a seed must be a whole number from 0 to {LARGEST_SEED}; got {first!r}"
        )
    last = first + count - 1
    if last > LARGEST_SEED:
        raise ExperimentError(
            f"the largest seed is {LARGEST_SEED}, and {count} from {first} on end at {last}: give "
            "a smaller --seed"
        )


def load_dataset(
    settings: Data,
    allow_rejects: bool,
    reporter: progress.Reporter,
    *,
    source: Source | None = None,
    like: SplitDataset | None = None,
) -> Dataset:
    """Decode the images of settings, split them, and say what they are."""
    with reporter.counting() as on_progress:
        loaded = loading.load(
            settings,
            source,
            like=like,
            allow_rejects=allow_rejects,
            progress=on_progress,
        )
    dataset = Dataset(**vars(loaded))
    sizes = ", ".join(f"{len(indices):,} {part}" for part, indices in vars(dataset.splits).items())
    if settings.folds:
        sizes += f" in fold {settings.fold + 1} of {settings.folds}"
    reporter.say(f"{dataset.bank.source}: {len(dataset.class_names)} classes; {sizes}")
    for note in (*dataset.notes, *dataset.decisions):
        reporter.say(note, dim=True)
    return dataset


def source_of(source: Any, labels: Any, changes: Mapping[str, Any]) -> tuple[Data, Source | None]:
    """Return the settings of a source, and the source itself where it is in memory."""
    if isinstance(source, Dataset):
        settings = Experiment(data=source.settings).replace(changes).data
        return settings, _origin_of(source, settings)
    if isinstance(source, Data):
        return Experiment(data=source).replace(changes).data, None
    if isinstance(source, str | Path):
        if labels is not None:
            raise ExperimentError(
                "labels are for an array of images only: a folder or a table has its own"
            )
        return Experiment().replace({"data.source": str(source)} | dict(changes)).data, None
    settings = Experiment().replace({"data.source": in_memory.NAME} | dict(changes)).data
    return settings, registry.open_values(source, labels, settings)


def _origin_of(dataset: SplitDataset, settings: Data) -> Source | None:
    """Return a dataset's source in memory, if the settings are of it. Raises DataError."""
    if dataset.origin is None or settings.source != dataset.settings.source:
        return None
    registry.refuse_reopening(dataset.settings, settings)
    return dataset.origin


def loader(
    data: str | Path | SplitDataset, allow_rejects: bool, reporter: progress.Reporter
) -> Load:
    """Return what gives the images for settings: the loaded ones, where the settings are theirs.

    Where settings differ in the images' form alone, the images and their split are those of the
    first.
    """
    first = data if isinstance(data, SplitDataset) else None

    def load(settings: Data) -> SplitDataset:
        nonlocal first
        if first is not None and settings == first.settings:
            return first
        alike = first is not None and loading.differ_in_form_alone(settings, first.settings)
        origin = None if first is None else _origin_of(first, settings)
        loaded = load_dataset(
            settings, allow_rejects, reporter, source=origin, like=first if alike else None
        )
        first = first or loaded
        return loaded

    return load


def ladder_of(request: Request) -> Ladder:
    """Return a ladder that is given by itself, its name or its file; None is the usual one."""
    usual = defaults.ladder(pretrained=bool(request.pretrained))
    ladder = usual if request.ladder is None else request.ladder
    return ladder if isinstance(ladder, Ladder) else load_ladder(str(ladder))


def _backbone_of(request: Request) -> dict[str, Any]:
    """Return what the start of a ladder takes from a backbone."""
    places = (request.pretrained, request.weights)
    named, file = (None if each is None else str(each) for each in places)
    return backbones.changes(named, file, request.given)


def data_settings(data: str | Path | SplitDataset) -> dict[str, Any]:
    """Return what the start of a ladder takes from the data: how a loaded dataset was loaded."""
    if isinstance(data, SplitDataset):
        return {
            f"data.{key}": value
            for key, value in data.settings
            if key != "fold" or data.settings.fold
        }
    if not isinstance(data, str | Path):
        raise ExperimentError(
            "load the images in memory first, with load(images, labels) or load(frame)"
        )
    return {"data.source": str(data)}


def name_of(data: str | Path | SplitDataset) -> str:
    """Return the name of the data, before they are opened: of a folder its path."""
    return str(data_settings(data)["data.source"])


def pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return height and width in pixels, of a size or of both."""
    return (size, size) if isinstance(size, int) else size
