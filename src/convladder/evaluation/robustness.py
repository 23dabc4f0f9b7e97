"""How much accuracy is left when images are degraded.

The same test images are corrupted in the same way for every network, so that rungs can be compared
image by image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convladder.evaluation import statistics
from convladder.evaluation.components import Correct
from convladder.evaluation.corruptions import Recipe
from convladder.evaluation.statistics import Estimate

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Corrupted:
    """Which test images one network predicts correctly after they were corrupted.

    rows : of the test predictions, `(N,)`. correct : `(corruptions, strengths, N)`, in the order of
    the recipe. recipe : how they were degraded.
    """

    rows: NDArray[np.int64]
    correct: NDArray[np.bool_]
    recipe: Recipe

    def by_image(self) -> Shares:
        """Return the share of each image's corrupted forms that are predicted correctly, `(N,)`."""
        shares: Shares = self.correct.mean(axis=(0, 1))
        return shares


@dataclass(frozen=True)
class Robustness:
    """Accuracy on corrupted test images, with intervals over seeds and images.

    curves : for each corruption the accuracy without it, then in its strengths. mean : over all
        corruptions and strengths. clean : on the same images as they are.
    """

    curves: dict[str, tuple[Estimate, ...]]
    mean: Estimate
    clean: Estimate

    def table(self) -> pd.DataFrame:
        """Return the accuracy with its 95 % interval: a row for each corruption and strength.

        A strength of 0 is none at all.
        """
        return pd.DataFrame(
            [
                {
                    "corruption": name,
                    "strength": strength,
                    "accuracy": at.mean,
                    "low": at.low,
                    "high": at.high,
                }
                for name, curve in self.curves.items()
                for strength, at in enumerate(curve)
            ]
        )


def measure(
    seeds: Sequence[Corrupted],
    clean: NDArray[np.bool_],
    estimate: Callable[[Correct], Estimate] = statistics.estimate,
) -> Robustness:
    """Measure a rung on each seed's corrupted images; `clean` is `(seeds, N)`, for the same images.

    All were corrupted by one recipe. `estimate` gives the interval of `(seeds, N)`.
    """
    correct = np.stack([seed.correct for seed in seeds])  # (seeds, corruptions, strengths, N)
    unharmed = estimate(clean)
    curves = {
        name: (unharmed, *(estimate(correct[:, place, level]) for level in range(correct.shape[2])))
        for place, name in enumerate(seeds[0].recipe.names)
    }
    return Robustness(curves, estimate(correct.mean(axis=(1, 2))), unharmed)
