"""Networks side by side: groups of runs on the same test images, and claims about them.

A group is a rung of a climb, or whatever else is compared; its runs are its seeds. Every figure
comes from the runs' `predictions.csv` and `corrupted.npz`, prices from their `metrics.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from convladder.core.errors import RunError
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation import (
    cross_validation,
    differences,
    looks,
    mcnemar,
    moderation,
    next_run,
    predictions,
    scores,
    statistics,
)
from convladder.evaluation.components import SHARE, Components, Correct, Scale, components
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.differences import Difference
from convladder.evaluation.looks import FindEach, Look
from convladder.evaluation.moderation import Spread
from convladder.evaluation.next_run import Chance, Range
from convladder.evaluation.predictions import Answers
from convladder.evaluation.robustness import Robustness
from convladder.evaluation.statistics import Estimate
from convladder.results import planned_looks
from convladder.results.group_summary import (
    PRICES,
    Claim,
    GroupSummary,
    Price,
    extra_price,
    median_price,
    prices_of,
)
from convladder.results.planned_looks import PlannedLook
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, measure_robustness, pool

Pair = tuple[str, str]
Compare = Callable[..., list[Difference]]  # as mcnemar.compare


class GroupComparison:
    """Groups of runs. Raises RunError, at the first question, if their test images differ.

    In cross-validation the runs of one seed, a run a fold, count as one network that was tested on
    every image; a seed that lacks a fold is left out, and a group without any whole seed too.

    margin : how many points two groups may differ by and still be called equal. planned : when one
        looked at them with how many seeds, of which verdicts take account; None for a single look.
        metric : by which they are judged; None: as their experiments say.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[SavedRun]],
        margin: float | None = None,
        planned: Sequence[PlannedLook] | None = None,
        metric: Metric | None = None,
    ) -> None:
        self.metric = metric or _metric_of(groups)
        self._planned = planned
        self.margin = None if margin is None else margin / self.metric.per_unit
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
    def standings(self) -> dict[str, GroupSummary]:
        return {name: self._standing(name) for name in self.groups}

    @cached_property
    def correct(self) -> dict[str, Correct]:
        """For each group `(seeds, images)`: was the test image right?"""
        return {
            name: np.stack([predictions.correct(table) for table in tables])
            for name, tables in self._tables.items()
        }

    @cached_property
    def scores(self) -> dict[str, Correct]:
        """For each group `(seeds, images)`, the means of which are its metric; more is better."""
        return self.correct if self.metric == ACCURACY else self.scores_in(self.metric)

    def scores_in(self, metric: Metric) -> dict[str, Correct]:
        """Return the same for another metric."""
        tested_in = None if self.folds is None else self.tested_in
        return {
            name: np.stack([scores.score(metric, each, tested_in) for each in answers])
            for name, answers in self._answers.items()
        }

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

    def luck_of_choice(self) -> float | None:
        """Estimate how much too good the best group on validation looks on test.

        Seeds that choose and report at once have their luck in training in both. So for each seed
        the others choose the best, and this one says how good it is (leave one out). What all of
        them together choose and report is better by that luck. None where not all groups have the
        same seeds, two or more.
        """
        common = {*next(iter(self._seeds.values()))}
        alike = all({*own} == common for own in self._seeds.values())
        if len(common) < statistics.LEAST_SEEDS or not alike:
            return None
        together = self._chosen(common, common)
        apart = [self._chosen(common - {seed}, {seed}) for seed in common]
        return together - float(np.mean(apart))

    def _chosen(self, by: set[int], tested: set[int]) -> float:
        """Return the score on test, with some seeds, of the best on validation of others."""
        best = max(
            self.pooled,
            key=lambda name: np.mean(
                [
                    self.metric.as_score(each.on_validation(self.metric))
                    for each in self.pooled[name]
                    if each.seed in by
                ]
            ),
        )
        rows = [row for row, seed in enumerate(self._seeds[best]) if seed in tested]
        return float(self.scores[best][rows].mean())

    def claims(self, pairs: Sequence[Pair]) -> list[Claim]:
        """Compare the first group of each pair with the second: one family of questions.

        A pair of which a group has no run is left out, but counts in the family.
        """
        known = [pair for pair in pairs if set(pair) <= set(self.groups)]
        compare = partial(self._over_looks, self.find_each)
        claims = self._claims(self.scores, known, compare, len(pairs), self.metric)
        return [replace(claim, beats=self._chance(claim)) for claim in claims]

    def claims_of_networks(self, pairs: Sequence[Pair]) -> list[Claim]:
        """Compare groups of a single run each, as networks: other seeds may give other results."""
        compare = mcnemar.compare
        if self.metric != ACCURACY:
            compare = partial(statistics.compare_networks, scale=self._scale(self.metric))
        return self._claims(self.scores, pairs, compare, len(pairs), self.metric)

    def claims_in(self, metrics: Sequence[Metric], pairs: Sequence[Pair]) -> list[Claim]:
        """Do what `claims` does for other metrics: another family of questions, all together."""
        known = [pair for pair in pairs if set(pair) <= set(self.groups)]
        found = []
        for metric in metrics:
            compare = partial(self._over_looks, self._finder(self.tested_in, self._scale(metric)))
            family = len(metrics) * len(pairs)
            found += self._claims(self.scores_in(metric), known, compare, family, metric)
        return found

    def robustness_claims(self, pairs: Sequence[Pair]) -> list[Claim]:
        """Do what `claims` does for the mean accuracy on degraded images.

        The mean is over all corruptions and strengths.

        A pair that was not asked about the same images in the same way is left out too.
        """
        known = [
            pair for pair in pairs if set(pair) <= set(self.corrupted) and self.asked_alike(*pair)
        ]
        firsts = {name: self.pooled[name][0] for name in self.corrupted}
        find = self._finder(
            {name: one.tested_in[one.corrupted.rows] for name, one in firsts.items()}
        )
        compare = partial(self._over_looks, find)
        return self._claims(self.corrupted, known, compare, len(pairs), ACCURACY)

    def looks(self, tables: Mapping[str, Correct]) -> list[Look]:
        """Return what there was to see of tables at each look."""
        if self._planned is None:
            return [Look(tables, frozenset(tables), 1.0)]
        return planned_looks.as_seen(self._planned, tables, self._seeds)

    @property
    def find_each(self) -> FindEach:
        """The test that fits these runs and their metric."""
        return self._finder(self.tested_in, self._scale(self.metric))

    def _finder(self, tested_in: Folds | Mapping[str, Folds], scale: Scale = SHARE) -> FindEach:
        if self.folds is None:
            return partial(statistics.find_each, scale=scale)
        return partial(cross_validation.find_each, folds=tested_in, scale=scale)

    def _scale(self, metric: Metric) -> Scale:
        return scores.scale(metric, next(iter(self._answers.values()))[0])

    def _over_looks(
        self,
        find: FindEach,
        tables: Mapping[str, Correct],
        pairs: Sequence[Pair],
        seeds: Mapping[str, Sequence[int]],
        family: int,
        margin: float | None,
    ) -> list[Difference]:
        found = looks.find_each(self.looks(tables), pairs, find)
        judged = differences.judge(found, family, margin)
        judged = [
            looks.with_all_seeds(each, float(tables[own].mean() - tables[other].mean()))
            for each, (own, other) in zip(judged, pairs, strict=True)
        ]
        judged = differences.with_needs(judged, found, family)
        return statistics.correlate_seeds(judged, tables, pairs, seeds)

    def _claims(
        self,
        tables: Mapping[str, Correct],
        pairs: Sequence[Pair],
        compare: Compare,
        family: int,
        metric: Metric,
    ) -> list[Claim]:
        margin = self.margin if metric.is_share == self.metric.is_share else None
        found = compare(tables, pairs, self._seeds, family=family, margin=margin)
        if metric.lower_is_better:
            found = [each.turned() for each in found]
        return [
            Claim(name, reference, difference, self._extras(name, reference), metric)
            for (name, reference), difference in zip(pairs, found, strict=True)
        ]

    def _extras(self, name: str, reference: str) -> dict[str, float | None]:
        groups = self.groups[name], self.groups[reference]
        return {
            price: extra_price(*(prices_of(group, price) for group in groups)) for price in PRICES
        }

    def _chance(self, claim: Claim) -> Chance | None:
        """Return how often a network of the first group beats one of the second."""
        own, other = claim.name, claim.reference
        parts, spreads = self._components, self._spreads
        if self.folds is not None or not {own, other} <= set(spreads):
            return None
        return next_run.chance_of_beating(parts[own], parts[other], spreads[own], spreads[other])

    @cached_property
    def _seeds(self) -> dict[str, list[int]]:
        return {name: [each.seed for each in pooled] for name, pooled in self.pooled.items()}

    @cached_property
    def _components(self) -> dict[str, Components]:
        scale = self._scale(self.metric)
        return {name: components(each, scale) for name, each in self.scores.items()}

    @cached_property
    def _spreads(self) -> dict[str, Spread]:
        """How much the seeds of each group differ, as far as all groups know."""
        return moderation.spreads(self._components)

    @cached_property
    def _answers(self) -> dict[str, list[Answers]]:
        """The answers to the test images for each run, all in the order of the first.

        Raises RunError where the metric cannot be measured on these images.
        """
        found = {
            name: [predictions.answers(table) for table in tables]
            for name, tables in self._tables.items()
        }
        if said := scores.why_not(self.metric, next(iter(found.values()))[0].counts, "test"):
            raise RunError(said)
        return found

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

    def _standing(self, name: str) -> GroupSummary:
        runs, metric = self.groups[name], self.metric
        return GroupSummary(
            name,
            runs,
            metric,
            self._estimate(name),
            tuple(run.measure(metric, "test") for run in runs),
            tuple(metric.as_score(seed) for seed in self.scores[name].mean(axis=1).tolist()),
            float(np.mean([run.measure(metric, "validation") for run in runs])),
            Price(**{price: median_price(prices_of(runs, price)) for price in PRICES}),
            self._next_network(name),
        )

    def _estimate(self, name: str) -> Estimate:
        table, scale = self.scores[name], self._scale(self.metric)
        if self.folds is None:
            found = statistics.estimate(table, self._spreads.get(name), scale)
        else:
            found = cross_validation.estimate(table, self.tested_in, scale)
        return found.turned() if self.metric.lower_is_better else found

    def _next_network(self, name: str) -> Range | None:
        if self.folds is not None or name not in self._spreads:
            return None
        found = next_run.predict_value(self._components[name], self._spreads[name])
        return found.turned() if self.metric.lower_is_better else found


def _metric_of(groups: Mapping[str, Sequence[SavedRun]]) -> Metric:
    """Return the metric that all runs were trained to be judged by. Raises RunError if several."""
    metrics = {run.experiment.judged_by for runs in groups.values() for run in runs}
    if len(metrics) > 1:
        names = ", ".join(sorted(metric.name for metric in metrics))
        raise RunError(
            f"the runs were trained for different metrics ({names}): choose one with --metric"
        )
    return metrics.pop() if metrics else ACCURACY


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
