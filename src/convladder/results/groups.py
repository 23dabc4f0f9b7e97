"""Networks side by side: groups of runs on the same test images, and claims about them.

A group is a rung of a climb, or whatever else is compared; its runs are its seeds. Every figure
comes from the runs' `predictions.csv` and `corrupted.npz`, prices from their `metrics.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np

from convladder.core.errors import RunError
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation import (
    cross_validation,
    differences,
    looks,
    mcnemar,
    moderation,
    needs,
    next_run,
    statistics,
)
from convladder.evaluation.components import SHARE, Components, Correct, Scale, components
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.differences import Difference
from convladder.evaluation.looks import FindEach, Look
from convladder.evaluation.moderation import Spread
from convladder.evaluation.next_run import Chance, Range
from convladder.evaluation.statistics import Estimate
from convladder.results import planned_looks
from convladder.results.estimates import Judging
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
from convladder.results.tested_groups import TestedGroups

Pair = tuple[str, str]
Compare = Callable[..., list[Difference]]  # as mcnemar.compare


class GroupComparison(TestedGroups):
    """Groups of runs, and claims about them.

    margin : how many points two groups may differ by and still be called equal. planned : when one
        looked at them with how many seeds, of which verdicts take account; None for a single look.
        metric : by which they are judged; None: as their experiments say. images_in_folds : how
        many images folds would test; None where folds are not possible.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[SavedRun]],
        margin: float | None = None,
        planned: Sequence[PlannedLook] | None = None,
        metric: Metric | None = None,
        images_in_folds: int | None = None,
    ) -> None:
        super().__init__(groups)
        self.metric = metric or _metric_of(groups)
        self._planned, self._images_in_folds = planned, images_in_folds
        self.margin = None if margin is None else margin / self.metric.per_unit

    @cached_property
    def standings(self) -> dict[str, GroupSummary]:
        return {name: self._standing(name) for name in self.groups}

    @cached_property
    def scores(self) -> dict[str, Correct]:
        """For each group `(seeds, images)`, the means of which are its metric; more is better."""
        return self.correct if self.metric == ACCURACY else self.scores_in(self.metric)

    def luck_of_choice(self) -> float | None:
        """Estimate how much too good the best group on validation looks on test.

        Seeds that choose and report at once have their luck in training in both. So for each seed
        the others choose the best, and this one says how good it is (leave one out). What all of
        them together choose and report is better by that luck. None where not all groups have the
        same seeds, two or more.
        """
        common = {*next(iter(self.seeds.values()))}
        alike = all({*own} == common for own in self.seeds.values())
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
        rows = [row for row, seed in enumerate(self.seeds[best]) if seed in tested]
        return float(self.scores[best][rows].mean())

    def claims(self, pairs: Sequence[Pair]) -> list[Claim]:
        """Compare the first group of each pair with the second: one family of questions.

        A pair of which a group has no run is left out, but counts in the family.
        """
        known = [pair for pair in pairs if set(pair) <= set(self.groups)]
        compare = partial(self._over_looks, self.find_each, self._images_in_folds)
        claims = self._claims(self.scores, known, compare, len(pairs), self.metric)
        return [replace(claim, beats=self._chance(claim)) for claim in claims]

    def claims_of_networks(self, pairs: Sequence[Pair]) -> list[Claim]:
        """Compare groups of a single run each, as networks: other seeds may give other results."""
        compare = mcnemar.compare
        if self.metric != ACCURACY:
            compare = partial(statistics.compare_networks, scale=self.scale(self.metric))
        return self._claims(self.scores, pairs, compare, len(pairs), self.metric)

    def claims_in(self, metrics: Sequence[Metric], pairs: Sequence[Pair]) -> list[Claim]:
        """Do what `claims` does for other metrics: another family of questions, all together."""
        known = [pair for pair in pairs if set(pair) <= set(self.groups)]
        found = []
        for metric in metrics:
            find = self._finder(self.tested_in, self.scale(metric))
            compare = partial(self._over_looks, find, None)
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
        compare = partial(self._over_looks, find, None)
        return self._claims(self.corrupted, known, compare, len(pairs), ACCURACY)

    def looks(self, tables: Mapping[str, Correct]) -> list[Look]:
        """Return what there was to see of tables at each look."""
        if self._planned is None:
            return [Look(tables, frozenset(tables), 1.0)]
        return planned_looks.as_seen(self._planned, tables, self.seeds)

    @property
    def find_each(self) -> FindEach:
        """The test that fits these runs and their metric."""
        return self._finder(self.tested_in, self.scale(self.metric))

    def _finder(self, tested_in: Folds | Mapping[str, Folds], scale: Scale = SHARE) -> FindEach:
        if self.folds is None:
            return partial(statistics.find_each, scale=scale)
        return partial(cross_validation.find_each, folds=tested_in, scale=scale)

    def _over_looks(
        self,
        find: FindEach,
        images_in_folds: int | None,
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
        judged = needs.with_needs(judged, found, family, images_in_folds)
        return statistics.correlate_seeds(judged, tables, pairs, seeds)

    def _claims(
        self,
        tables: Mapping[str, Correct],
        pairs: Sequence[Pair],
        compare: Compare,
        family: int,
        metric: Metric,
    ) -> list[Claim]:
        margin = self.margin if metric == self.metric else None
        found = compare(tables, pairs, self.seeds, family=family, margin=margin)
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
    def _components(self) -> dict[str, Components]:
        scale = self.scale(self.metric)
        return {name: components(each, scale) for name, each in self.scores.items()}

    @cached_property
    def _spreads(self) -> dict[str, Spread]:
        """How much the seeds of each group differ, as far as all groups know."""
        return moderation.spreads(self._components)

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
            float(self.correct[name].mean()),
            self.said_of_images(metric),
            self._next_network(name),
        )

    def _estimate(self, name: str) -> Estimate:
        table = self.scores[name]  # says what is wrong with the metric, if it cannot be measured
        folds = None if self.folds is None else self.tested_in
        judging = Judging(self.metric, self.scale(self.metric), folds)
        wrong = self.if_wrong(name, self.metric)
        return judging.estimate(table, self._spreads.get(name), wrong)

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
