"""What accuracies over seeds and a finite test set allow one to say.

The data of a rung is a table of zeros and ones, `(seeds, images)`: was this image right with this
seed? Both axes are samples: other seeds would have been as good, and so would other test images.
Why seeds at all: Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks",
MLSys.

**Images.** All rungs are tested on the same images, so a difference is taken image by image
(`components`).

**Seeds.** Two rungs' seeds are independent draws and treated so, also where they share a number;
were they positively correlated, this errs on the side of caution. The measured correlation is
reported, and nothing is claimed from it. A few seeds say little of their own variance. So its true
value is integrated over (`mixture`), and five rungs or more inform each other (`moderation`).

**The residual** of the two-way layout (what is neither the image's nor the seed's) is in both parts
and is counted once.

The training images and their split are the same for all seeds: nothing is said about others. Folds
vary them (`cross_validation`). `benchmarks/claims/false_claims.py` compares ways to judge on
ladders without any effect, and what they find where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convladder.evaluation import moderation
from convladder.evaluation.components import (
    SHARE,
    Components,
    Correct,
    Scale,
    components,
    image_variance,
    paired_image_variance,
)
from convladder.evaluation.differences import Difference, Finding, find, judge
from convladder.evaluation.intervals import NORMAL, wilson
from convladder.evaluation.mixture import Mixture, SeedPart, of_parts, welch
from convladder.evaluation.moderation import Spread, seed_part
from convladder.evaluation.multiplicity import ALPHA
from convladder.evaluation.prospects import Variance

LEAST_COUNTED = 2  # images, to tell how much they differ
LEAST_SEEDS = 2  # of each rung, to tell how much seeds differ


@dataclass(frozen=True)
class Estimate:
    """A mean accuracy with its interval; `covers_seeds` is false where it is of one network.

    Or the mean of another metric.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: int
    covers_seeds: bool

    def turned(self) -> Estimate:
        """Return it for a metric of which less is better, which is never less than zero."""
        low, high = max(0.0, -self.high), max(0.0, -self.low)
        return replace(self, mean=-self.mean, low=low, high=high)


# docs/decisions/006-an-interval-covers-seeds-and-test-images.md
def estimate(
    rung: Correct,
    spread: Spread | None = None,
    scale: Scale = SHARE,
    wrong: float | None = None,
) -> Estimate:
    """Estimate the mean accuracy of a rung from `(seeds, images)`, with a 95 % interval.

    With two seeds or more the interval covers seeds and test images; with one, the test images
    alone. It is Wilson's interval at the effective number of images, mean (1 - mean) / variance
    (Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in
    clustered surveys", Journal of Survey Statistics and Methodology 3). Where every seed is right
    (or wrong) on every image there is no spread to estimate: it is Wilson's interval for the
    images.

    spread : the rung's of `moderation.spreads`; without it, its own. scale : of the metric, if it
        is not accuracy. wrong : of a loss the score of an image that is answered wrongly: the worse
        end of its interval allows for one more such image.
    """
    own = components(rung, scale)
    parts = []
    if own.seeds > 1:
        spread = spread or Spread(own.between_seeds, own.seeds - 1, moderated=False)
        parts = [seed_part(own, spread)]
    # one network's is a plain share of images
    plain = own.seeds == 1 and rung.dtype == np.bool_
    scatter = None if plain else _scatter_of_mean(own, parts)
    # seeds that err on other images by chance seem to be surer than all of their answers are
    low, high = interval_of(own, scatter, own.images * own.seeds)
    if wrong is not None:
        low = min(low, worse_end(own, wrong, parts))
    return Estimate(own.mean, low, high, own.seeds, own.images, covers_seeds=own.seeds > 1)


def _scatter_of_mean(rung: Components, parts: Sequence[SeedPart]) -> Mixture:
    """Return how a mean scatters about its truth.

    The images' part is known from all of them, but of a class with few images from these alone.
    """
    of_images, images = image_variance(rung.by_image), rung.counted
    if rung.scale.weight <= 1 or not rung.rests_on_few or images < LEAST_COUNTED:
        return of_parts(of_images, *parts)
    own = SeedPart(of_images * images / (images - 1), images - 1, 0.0)
    return of_parts(0.0, own, *parts)


def worse_end(rung: Components, wrong: float, parts: Sequence[SeedPart]) -> float:
    """Return the lower end of the interval of a mean score, with one more image of this score."""
    by_image = np.append(rung.by_image, wrong)
    scatter = of_parts(image_variance(by_image), *parts)
    return float(by_image.mean()) - scatter.reach(ALPHA / 2)


def interval_of(rung: Components, scatter: Mixture | None, most: int) -> tuple[float, float]:
    """Return Wilson's interval at the effective number of images.

    scatter : of the mean about its truth; None for a plain share of the images. most : as how many
        images the mean may count at the most.
    """
    if scatter is not None and not rung.scale.bounded:
        reach = scatter.reach(ALPHA / 2)
        return rung.mean - reach, rung.mean + reach
    spread = rung.mean * (1 - rung.mean)
    effective = 1 / rung.step
    if scatter is not None and spread > 0:
        error = scatter.reach(ALPHA / 2) / NORMAL
        effective = spread / max(error, math.sqrt(spread * rung.scale.weight / most)) ** 2
    return wilson(rung.mean, effective, NORMAL)


def compare(
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
    margin: float | None = None,
) -> list[Difference]:
    """Compare the first rung with the second of each question; the questions are one family.

    Parameters
    ----------
    rungs
        For each rung of the climb its table `(seeds, images)`, over the same images in the same
        order. Five or more inform each other about how much seeds differ.
    seeds
        For each rung, which seeds its rows are.
    family
        How many questions were to be asked, where not all of them can be: p-values are corrected
        for so many, so that they do not hang on which trials failed.
    margin
        How small a difference in accuracy counts for nothing, such as 0.01. With it, differences
        may be called equal, by two one-sided tests (Schuirmann 1987, "A comparison of the two
        one-sided tests procedure and the power approach for assessing the equivalence of average
        bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15).

    Returns
    -------
    list
        A `Difference` a question, in order. P-values are corrected by Holm.

    Raises
    ------
    ValueError
        Two rungs are not over equally many images.
    """
    judged = judge(find_each(rungs, questions), family or len(questions), margin)
    return correlate_seeds(judged, rungs, questions, seeds)


def find_each(
    rungs: Mapping[str, Correct], questions: Sequence[tuple[str, str]], scale: Scale = SHARE
) -> list[Finding | Difference]:
    """Return what is found about each question, before its family is known.

    scale : of the metric, if it is not accuracy.

    Raises
    ------
    ValueError
        Two rungs are not over equally many images.
    """
    return find_among({name: components(rung, scale) for name, rung in rungs.items()}, questions)


def find_among(
    parts: Mapping[str, Components], questions: Sequence[tuple[str, str]]
) -> list[Finding | Difference]:
    """Return what `find_each` does, of rungs whose variance is parted already."""
    known = moderation.spreads(parts)
    return [_find(parts[left], parts[right], known, (left, right)) for left, right in questions]


def compare_networks(
    networks: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
    family: int | None = None,
    margin: float | None = None,
    *,
    scale: Scale,
) -> list[Difference]:
    """Compare single networks, `(1, images)` each, on images like these, and no others.

    As `mcnemar.compare` does for accuracy. `seeds` is not used.
    """
    del seeds
    parts = {name: components(each, scale) for name, each in networks.items()}
    found = [
        find(
            parts[left].mean - parts[right].mean,
            of_parts(paired_image_variance(parts[left], parts[right])),
            scale.most,
            scatter_for_equality(parts[left], parts[right], []),
        )
        for left, right in questions
    ]
    return judge(found, family or len(questions), margin)


def correlate_seeds(
    found: Sequence[Difference],
    rungs: Mapping[str, Correct],
    questions: Sequence[tuple[str, str]],
    seeds: Mapping[str, Sequence[int]],
) -> list[Difference]:
    """Return the differences with the correlation of seeds, where both rungs have the same."""
    return [
        replace(each, seed_correlation=_seed_correlation(rungs[left], rungs[right]))
        if list(seeds[left]) == list(seeds[right])
        else each
        for each, (left, right) in zip(found, questions, strict=True)
    ]


def _find(
    left: Components, right: Components, known: Mapping[str, Spread], question: tuple[str, str]
) -> Finding | Difference:
    if left.images != right.images:
        raise ValueError(f"the rungs were tested on {left.images} and on {right.images} images")
    difference, seeds = left.mean - right.mean, min(left.seeds, right.seeds)
    if seeds < LEAST_SEEDS:
        return Difference(difference, seeds=seeds)
    first, second = (known[name] for name in question)
    parts = [seed_part(left, first), seed_part(right, second)]
    # docs/decisions/005-what-seeds-may-vary-by-is-integrated-over.md
    parts = parts if first.moderated and second.moderated else [welch(parts)]
    of_images = paired_image_variance(left, right)
    return replace(
        find(
            difference,
            of_parts(of_images, *parts),
            left.scale.most,
            scatter_for_equality(left, right, parts),
        ),
        seeds=seeds,
        variance=_variance(of_images, (left, first), (right, second)),
    )


def scatter_for_equality(
    left: Components, right: Components, parts: Sequence[SeedPart]
) -> Mixture | None:
    """Return how a difference that rests on few images may scatter; None where it is as for others.

    Few images on which two rungs are alike say little of those on which they may not be.
    """
    if not left.rests_on_few:
        return None
    return of_parts(paired_image_variance(left, right, whole=True), *parts)


def _variance(of_images: float, *rungs: tuple[Components, Spread]) -> Variance:
    """Return how the variance of a difference comes about: the residual is in the images' part."""
    of_seed = sum(max(spread.variance, rung.residual) for rung, spread in rungs)
    residual = sum(rung.residual for rung, _ in rungs)
    in_means = sum(rung.residual / rung.seeds for rung, _ in rungs)
    fewest = min(rung.seeds for rung, _ in rungs)
    images = rungs[0][0].images
    shared = min(max(spread.degrees - rung.seeds + 1, 0.0) for rung, spread in rungs)
    moderated = all(spread.moderated for _, spread in rungs)
    return Variance(
        max(of_images - in_means, 0.0),
        of_seed,
        residual,
        images,
        fewest,
        shared if moderated else None,
        rungs[0][0].scale.most,
    )


def _seed_correlation(left: Correct, right: Correct) -> float | None:
    first, second = left.mean(axis=1), right.mean(axis=1)
    if len(left) < 3 or min(first.std(), second.std()) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
