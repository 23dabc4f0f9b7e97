"""What a climb comes to: its trials with experiments and images, and how much work each is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from convladder.core.errors import ExperimentError, LadderError
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder
from convladder.core.metrics import ACCURACY
from convladder.core.settings.data import Data
from convladder.core.settings.train import Train
from convladder.data.dataset import SplitDataset
from convladder.experiments.judging import check_metric
from convladder.experiments.pretrained import backbones, leakage
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.trial import Trial
from convladder.models import shapes
from convladder.results.folders import TrialKey

Load = Callable[[Data], SplitDataset]


@dataclass(frozen=True)
class Plan:
    """A climb's trials, in the ladder's order, and a hash of all that they depend on.

    seeds : those that a rung may have. counts : how many of them it has at each look at the
        results; after the first, only rungs get more that these may decide something about.
    margin : how many points two rungs may differ by and still be called equal. seconds : how long
        it may take, from the first command on.
    """

    ladder: Ladder
    trials: tuple[Trial, ...]
    identity: str
    seeds: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    margin: float | None = None
    seconds: float | None = None

    @property
    def dataset(self) -> SplitDataset:
        """The images of the ladder's start."""
        return self.trials[0].dataset

    @property
    def rungs(self) -> tuple[str, ...]:
        """The names of the rungs, in order."""
        return tuple(rung.name for rung in self.ladder.rungs)


def make_plan(
    ladder: Ladder,
    seeds: Sequence[int],
    changes: Mapping[str, Any],
    load: Load,
    say: Say = silent,
    counts: Sequence[int] = (),
) -> Plan:
    """Resolve the experiment of every rung and seed; `changes` apply to the start of the ladder.

    `load` is called once for each way in which the rungs want their images. `say` is told of what
    is fetched for a backbone, and of what that has seen. `counts` is how many seeds there are at
    each look; without it there is one look, at all seeds.

    Raises
    ------
    LadderError
        A rung cannot be, or changes nothing, with these changes; or it would be tested on other
        images.
    DataError
        The images cannot be loaded.
    """
    ladder.check(changes)
    load, say = cache(load), cache(say)  # each thing is said once
    if "data.fold" in changes:
        raise ExperimentError("a climb tests every fold: leave data.fold out")
    trials: list[Trial] = []
    first: list[list[str]] = []
    for rung in ladder.rungs:
        experiment = backbones.with_backbone(ladder.experiment(rung.name, changes), say)
        dataset = load(experiment.data)
        folds = [leakage.check_unseen(experiment.model, each, say) for each in dataset.each_fold()]
        tested = [each.paths(each.splits.test) for each in folds]
        first = first or tested
        check_metric(experiment, folds)
        if tested != first:
            raise LadderError(
                f"rung {rung.name!r} would be tested on other images than {trials[0].rung!r}, and "
                "could not be compared: a rung must leave source, limit, split_seed, test and "
                "folds as they are"
            )
        for each in folds:
            settled = experiment.replace(each.settled())
            trials += [Trial(rung.name, settled.replace({"seed": seed}), each) for seed in seeds]
    if len({trial.experiment.metric for trial in trials}) > 1:
        raise LadderError("the rungs of a ladder must be judged by one metric: set it at the start")
    counts = tuple(counts) or (len(seeds),)
    identity = identity_of(trials)
    if len(counts) > 1:
        identity = hashlib.sha256(f"{identity} {counts}".encode()).hexdigest()
    return Plan(ladder, tuple(trials), identity, tuple(seeds), counts)


def identity_of(trials: Sequence[Trial]) -> str:
    content = [
        f"{trial.rung} {trial.dataset.bank.fingerprint} {_what_it_is(trial.experiment)}"
        for trial in trials
    ]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def weigh(trials: Sequence[Trial]) -> dict[TrialKey, float]:
    """Return how much work each trial is. Raises ExperimentError where images are too small."""
    return {
        trial.key: _flops(trial) * _passes(trial.experiment.train) * len(trial.dataset.splits.train)
        for trial in trials
    }


def _what_it_is(experiment: Experiment) -> str:
    """Return the experiment without what changes no result: checkpoints, the backbone's place.

    Nor the usual metric, which experiments of earlier versions do not name.
    """
    same: dict[str, Any] = {"train.checkpoint_seconds": Train().checkpoint_seconds}
    if experiment.model.backbone_sha256:
        same |= {"model.backbone": "anywhere", "model.weights": None}
    settings = experiment.replace(same).model_dump()
    if settings["metric"] == ACCURACY.name:
        del settings["metric"]
    return json.dumps(settings, indent=2)


def _passes(settings: Train) -> float:
    """Return how much work an image is in all its epochs; a whole one counts 1.

    The way back through a network takes about twice as long as the way through it; of frozen layers
    there is none.
    """
    return settings.epochs * (1 - settings.frozen_share * 2 / 3)


def _flops(trial: Trial) -> int:
    check_images(trial)
    shape, classes = trial.dataset.bank.form.shape, len(trial.dataset.class_names)
    return shapes.count_flops(trial.experiment.model, shape, classes)


def check_images(trial: Trial) -> None:
    """Raise ExperimentError where its images do not suit its network, before a worker would."""
    height, width, channels = trial.dataset.bank.form.shape
    shapes.check_size(trial.experiment.model, height, width)
    shapes.check_channels(trial.experiment.model, channels)
