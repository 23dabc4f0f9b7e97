"""The mean of a metric over the seeds of a group, with its interval: said once for all pages."""

from __future__ import annotations

from dataclasses import dataclass

from convladder.core.metrics import Metric
from convladder.evaluation import cross_validation, statistics
from convladder.evaluation.components import Correct, Scale
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.moderation import Spread
from convladder.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Judging:
    """By what groups are judged, and on which images.

    scale : how far one test image moves the metric. folds : the fold of each test image,
        `(images,)`; None where there is one test split.
    """

    metric: Metric
    scale: Scale
    folds: Folds | None = None

    def estimate(
        self, scores: Correct, spread: Spread | None, wrong: float | None = None
    ) -> Estimate:
        """Estimate the metric of a group.

        scores : `(seeds, images)`, the means of which are the metric; more is better. spread : how
            much its seeds differ, as far as all groups know. wrong : see `statistics.estimate`.
        """
        if self.folds is None:
            found = statistics.estimate(scores, spread, self.scale, wrong)
        else:
            found = cross_validation.estimate(scores, self.folds, self.scale, wrong)
        return found.turned() if self.metric.lower_is_better else found
