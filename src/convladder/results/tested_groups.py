"""Groups of runs on the same test images: what each run answered, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from convladder.core.errors import RunError
from convladder.core.formatting import plural
from convladder.core.metrics import Metric
from convladder.evaluation import predictions, scores
from convladder.evaluation.components import Correct, Scale
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.predictions import Answers
from convladder.evaluation.robustness import Robustness
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, measure_robustness, pool


class TestedGroups:
    """Groups of runs. Raises RunError, at the first question, if their test images differ.

    In cross-validation the runs of one seed, a run a fold, count as one network that was tested on
    every image; a seed that lacks a fold is left out, and a group without any whole seed too.
    """

    def __init__(self, groups: Mapping[str, Sequence[SavedRun]]) -> None:
        self.pooled = {name: found for name, runs in groups.items() if (found := pool(runs))}
        self.groups = {
            name: tuple(run for each in found for run in each.runs)
            for name, found in self.pooled.items()
        }

    @cached_property
    def folds(self) -> int | None:
        """Into how many folds the images were parted; None where there is one test split."""
        counts = {each.folds: each for pooled in self.pooled.values() for each in pooled}
        if None in counts and len(counts) > 1:
            raise RunError("runs of a cross-validation cannot be compared with others")
        if len(counts) > 1:
            raise _folded_otherwise(list(counts.values())[1])
        return next(iter(counts), None)

    @cached_property
    def tested_in(self) -> Folds:
        """In which fold each test image was tested, `(images,)`."""
        return next(iter(self.pooled.values()))[0].tested_in

    @cached_property
    def seeds(self) -> dict[str, list[int]]:
        """The seeds of each group, in order."""
        return {name: [each.seed for each in pooled] for name, pooled in self.pooled.items()}

    @cached_property
    def correct(self) -> dict[str, Correct]:
        """For each group `(seeds, images)`: was the test image right?"""
        return {
            name: np.stack([predictions.correct(table) for table in tables])
            for name, tables in self._tables.items()
        }

    def scores_in(self, metric: Metric) -> dict[str, Correct]:
        """Return for each group `(seeds, images)`, the means of which are a metric.

        More is better. Raises RunError where the metric cannot be measured on these images.
        """
        for tested in self._tested_together():
            if said := scores.why_not(metric, tested.counts, "test"):
                raise RunError(said)
        return {name: self._scores_of(name, metric) for name in self._answers}

    def _scores_of(self, name: str, metric: Metric) -> Correct:
        tested_in = None if self.folds is None else self.tested_in
        return np.stack([scores.score(metric, each, tested_in) for each in self._answers[name]])

    def mean_of(self, name: str, metric: Metric) -> float:
        """Return a metric of a group on test, the mean of its seeds."""
        return metric.as_score(float(self._scores_of(name, metric).mean()))

    def said_of_images(self, metric: Metric) -> str:
        """Say on how many test images a metric rests, such as `120 test images`."""
        images = plural(len(self._first.labels), "test image")
        if metric.of_class is None:
            return images
        return f"{images}, {self._first.counts[metric.of_class]:,} of them {metric.of_class}"

    def if_wrong(self, name: str, metric: Metric) -> float | None:
        """Return the mean score that a group's networks would get for a wrong answer, of a loss."""
        if not metric.lower_is_better:
            return None
        return float(np.mean([scores.if_wrong(metric, each) for each in self._answers[name]]))

    def scale(self, metric: Metric) -> Scale:
        """Return how far one test image moves a metric."""
        return scores.scale(metric, self._first)

    @cached_property
    def corrupted(self) -> dict[str, Correct]:
        """For each group `(seeds, images)`: how often was the image right when it was degraded?

        A group is left out whose seeds had them degraded in several ways, by several versions of
        convladder.
        """
        return {
            name: np.stack([each.corrupted.by_image() for each in self.pooled[name]])
            for name, recipes in self.recipes.items()
            if len(recipes) == 1
        }

    @cached_property
    def recipes(self) -> dict[str, frozenset[Recipe]]:
        """For each group how its test images were degraded: in one way, as a rule."""
        return {
            name: frozenset(recipe for each in pooled for recipe in each.recipes)
            for name, pooled in self.pooled.items()
        }

    def asked_alike(self, name: str, reference: str) -> bool:
        """Whether two groups were asked about the same images, degraded in the same way.

        They were not where their images have another size or number of channels: severities depend
        on that. Nor where versions of convladder made them that do it otherwise.
        """
        alike = len(self.recipes[name] | self.recipes[reference]) == 1
        return alike and len(self._asked[name] | self._asked[reference]) == 1

    @cached_property
    def robustness(self) -> dict[str, Robustness]:
        """For each group its accuracy under each corruption and strength.

        A group is left out whose seeds had their images degraded in several ways.
        """
        return {name: measure_robustness(self.pooled[name]) for name in self.corrupted}

    def asked_as(self, name: str) -> dict[str, Robustness]:
        """Return the robustness of a group, and of all that were asked alike; empty without it."""
        found = self.robustness
        return {
            other: own
            for other, own in found.items()
            if name in found and (other == name or self.asked_alike(other, name))
        }

    @cached_property
    def robustness_by_recipe(self) -> list[dict[str, Robustness]]:
        """The same, apart for each way to degrade images.

        Only those of one way stand side by side.
        """
        found: dict[Recipe, dict[str, Robustness]] = {}
        for name, own in self.robustness.items():
            (recipe,) = self.recipes[name]
            found.setdefault(recipe, {})[name] = own
        return list(found.values())

    @cached_property
    def _answers(self) -> dict[str, list[Answers]]:
        """The answers to the test images for each run, all in the order of the first."""
        return {
            name: [predictions.answers(table) for table in tables]
            for name, tables in self._tables.items()
        }

    @cached_property
    def _first(self) -> Answers:
        """The answers of the first run: what only the test images say is the same for all."""
        return predictions.answers(next(iter(self._tables.values()))[0])

    def _tested_together(self) -> list[Answers]:
        """Return the test images that one network has answered: all, or those of each fold."""
        return [self._first.of(self.tested_in == fold) for fold in np.unique(self.tested_in)]

    @cached_property
    def _asked(self) -> dict[str, set[tuple[str, ...]]]:
        return {name: {_asked(each) for each in self.pooled[name]} for name in self.corrupted}

    @cached_property
    def _tables(self) -> dict[str, list[pd.DataFrame]]:
        """The predictions of the test images for each run, all in the order of the first."""
        _ = self.folds  # raises where some have folds and others none, which is the plainer reason
        first = next(iter(self.pooled.values()))[0]
        return {
            name: [_in_order(each, first) for each in pooled]
            for name, pooled in self.pooled.items()
        }


def _asked(pooled: SeedRun) -> tuple[str, ...]:
    paths = pooled.tested["path"].iloc[pooled.corrupted.rows]
    return (str(pooled.runs[0].about["data"]["image_shape"]), *paths)


def _in_order(own: SeedRun, first: SeedRun) -> pd.DataFrame:
    """Return the rows in the first's order. Raises RunError for other images or folds."""
    table, wanted = own.tested.assign(fold=own.tested_in), first.tested
    if table["path"].tolist() != wanted["path"].tolist():
        shared = len(set(table["path"]) & set(wanted["path"]))
        if shared < max(len(table), len(wanted)):
            raise RunError(
                f"{own.runs[0].folder} was tested on other images than the other runs: of its "
                f"{len(table):,} test images {shared:,} are among their {len(wanted):,}"
            )
        table = table.set_index("path").loc[wanted["path"]].reset_index()
    if table["label"].tolist() != wanted["label"].tolist():
        raise RunError(
            f"{own.runs[0].folder} was tested on images of the same names with other labels"
        )
    if table["fold"].tolist() != first.tested_in.tolist():
        raise _folded_otherwise(own)
    return table


def _folded_otherwise(pooled: SeedRun) -> RunError:
    return RunError(
        f"{pooled.runs[0].folder} split its images into other folds than the other runs, so its "
        "networks were trained on other images: train with the same data.split_seed and folds"
    )
