"""How the rungs of a climb stand while it trains, at a price that training does not notice.

The intervals are those of reports. Reports read the predictions of all runs; here each is read
once, when it is there, and what stays of it is a score for each test image.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation import moderation, predictions, scores
from convladder.evaluation.components import Correct, Scale, components
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.statistics import Estimate
from convladder.results.estimates import Judging
from convladder.results.folders import TrialKey
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, pool


class Told(NamedTuple):
    """What one seed says of the test images: a score for each, and see `scores.if_wrong`."""

    scores: Correct
    wrong: float | None


class InterimStandings:
    """The finished runs of a climb by rung, and an interval for each rung.

    values : of each run the metric on its test images.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.values: dict[TrialKey, float] = {}
        self._runs: dict[tuple[str, int], dict[TrialKey, SavedRun]] = {}  # a seed, until it is read
        self._unread: deque[tuple[str, int]] = deque()
        self._told: dict[str, dict[int, Told]] = {}
        self._scale = Scale()
        self._folds: Folds | None = None
        self._estimates: dict[str, Estimate] | None = {}

    def add(self, key: TrialKey, run: SavedRun) -> None:
        """Take a finished run, whose figures are read; its predictions are not yet.

        Raises RunError where its figures are damaged.
        """
        if key in self.values:
            return
        self.values[key] = run.measure(self._metric, "test")
        of_seed = self._runs.setdefault(key[:2], {})
        of_seed[key] = run
        if len(of_seed) == (run.experiment.data.folds or 1):
            self._unread.append(key[:2])

    @property
    def unread(self) -> int:
        """Of how many seeds the predictions are still to be read."""
        return len(self._unread)

    def read_next(self) -> None:
        """Read the predictions of one more seed, if there are any. Raises RunError."""
        if not self._unread:
            return
        rung, seed = place = self._unread.popleft()
        (found,) = pool([*self._runs.pop(place).values()])
        self._told.setdefault(rung, {})[seed] = self._read(found)
        self._estimates = None

    def estimate(self, rung: str) -> Estimate | None:
        """Return the interval of a rung, of all its seeds; None while one of them is not read."""
        if any(own == rung for own, _ in self._unread):
            return None
        if self._estimates is None:
            self._estimates = self._estimate_all()
        return self._estimates.get(rung)

    def _read(self, found: SeedRun) -> Told:
        self._folds = None if found.folds is None else found.tested_in
        if self._metric == ACCURACY:
            return Told(predictions.correct(found.tested), None)
        answers = predictions.answers(found.tested)
        self._scale = scores.scale(self._metric, answers)
        own = scores.score(self._metric, answers, self._folds)
        return Told(own, scores.if_wrong(self._metric, answers))

    def _estimate_all(self) -> dict[str, Estimate]:
        judging = Judging(self._metric, self._scale, self._folds)
        tables = {rung: self._table(rung) for rung in self._told}
        parts = {rung: components(table, self._scale) for rung, table in tables.items()}
        spreads = moderation.spreads(parts)
        return {
            rung: judging.estimate(table, spreads.get(rung), self._wrong(rung))
            for rung, table in tables.items()
        }

    def _table(self, rung: str) -> Correct:
        """Return the scores of a rung, `(seeds, images)`."""
        table: Correct = np.array([told.scores for told in self._told[rung].values()])
        return table

    def _wrong(self, rung: str) -> float | None:
        found = [told.wrong for told in self._told[rung].values() if told.wrong is not None]
        return float(np.mean(found)) if found else None
