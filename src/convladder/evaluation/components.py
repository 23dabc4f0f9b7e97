"""The parts of what makes a rung's accuracy uncertain: its test images, its seeds, and the rest.

A rung is a table of zeros and ones, `(seeds, images)`: was this image right with this seed? Both
axes are samples. They cross, so a mean has a part of its variance from each, as in reader studies
where readers are seeds and cases are images (Gallas 2006, "One-shot estimate of MRMC variance:
AUC", Academic Radiology 13). What is neither the image's nor the seed's is the residual. It is in
the variance over images and in that over seeds, so it is subtracted from one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Correct = NDArray[np.bool_] | NDArray[np.float64]  # right or not, or another score of an image

# Below so many images a single one counts as a whole image in the variance of a difference.
FEW_IMAGES = 50
ALIKE = 1e-12  # differences of scores that are rounding alone


@dataclass(frozen=True)
class Scale:
    """How far one image moves a metric, and where the metric ends.

    weight : by how many of all images it moves where one answer turns from wrong to right.
    bounded : it lies between 0 and 1. stepped : it moves by nothing less.
    """

    weight: float = 1.0
    bounded: bool = True
    stepped: bool = True

    @property
    def most(self) -> float:
        """The largest difference that there can be."""
        return 1.0 if self.bounded else math.inf


SHARE = Scale()  # of accuracy


@dataclass(frozen=True)
class Components:
    """What a rung's table `(seeds, images)` says of its accuracy, or of another metric.

    by_image : the share of seeds that were right, or the mean of another score, `(images,)`.
    between_seeds : the variance of the accuracies of its seeds; 0 with one seed.
    residual : the part of `between_seeds` that comes from the finite test set alone.
    """

    seeds: int
    images: int
    mean: float
    by_image: NDArray[np.float64]
    between_seeds: float
    residual: float
    scale: Scale = SHARE

    @property
    def counted(self) -> float:
        """How many images count in the mean: those of a class, if it is about one."""
        return self.images / self.scale.weight

    @property
    def rests_on_few(self) -> bool:
        """Whether so few images count, those of a class if it is about one."""
        return self.counted < FEW_IMAGES

    @property
    def step(self) -> float:
        """By how much one image moves the mean."""
        return self.scale.weight / self.images


def components(rung: Correct, scale: Scale = SHARE) -> Components:
    """Part the variance of a table `(seeds, images)` as in a two-way layout."""
    seeds, images = rung.shape
    table = np.asarray(rung, dtype=np.float64)
    by_seed, by_image = table.mean(axis=1), table.mean(axis=0)
    mean = float(by_image.mean())
    between = residual = 0.0
    if seeds > 1:
        between = float(by_seed.var(ddof=1))
        left_over = table - by_seed[:, np.newaxis] - by_image + mean
        degrees = (seeds - 1) * max(images - 1, 1)
        residual = float(np.square(left_over).sum()) / degrees / images
    return Components(seeds, images, mean, by_image, between, residual, scale)


def image_variance(by_image: NDArray[np.float64]) -> float:
    """Return the variance of the mean over images, `(images,)`."""
    return float(by_image.var(ddof=1)) / len(by_image) if len(by_image) > 1 else 0.0


def paired_image_variance(left: Components, right: Components, *, whole: bool = False) -> float:
    """Return the images' part in the variance of a difference of two rungs.

    Two images are added on which the rungs differ, once either way: two rungs that agree on every
    image are then not called equal for certain (Bonett and Price 2012, "Adjusted Wald confidence
    interval for a difference of binomial proportions based on paired data", Journal of Educational
    and Behavioral Statistics 37). With one seed they differ by a whole image. With k seeds each
    they differ by 1 / k, the least that such means differ by. Where an image counts for more than
    one of all, as in the recall of a class, so do these. Where a metric moves without steps, none
    are added, unless the rungs do agree on every image.

    whole : let them differ by a whole image in any case. So they do where all test images are few,
        and where those of a class are few and the rungs agree on all.
    """
    by_image = left.by_image - right.by_image
    agree = np.allclose(by_image, 0, atol=ALIKE)
    if not (left.scale.stepped or agree or whole):
        return image_variance(by_image)
    whole = whole or left.images < FEW_IMAGES or (left.rests_on_few and agree)
    step = left.scale.weight * (1.0 if whole else float((left.seeds * right.seeds) ** -0.5))
    return image_variance(np.concatenate([by_image, [step, -step]]))
