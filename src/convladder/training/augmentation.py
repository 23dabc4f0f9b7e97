"""Random changes of training images, inside the compiled graph.

Rotation, shear, zoom and shift are composed into one affine map for each image, so that its pixels
are interpolated once and not once for each change. Keras's layers serve where they draw for each
image by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from convladder.core.settings.augmentation import Augmentation
from convladder.training import augmentation_ops

GREY = 128
OPERATIONS = 2  # of RandAugment, as in the paper
RANDAUGMENT = (*augmentation_ops.GEOMETRIC, *augmentation_ops.COLOURS, "nothing")

Make = Callable[[Augmentation, int], keras.layers.Layer]


@dataclass(frozen=True)
class Change:
    """One random change of images: a layer, made of the settings and a seed of its own.

    settings : what turns it on, each by itself. stream : which of the seeds is its own; a new one
    takes the next number, so that what others draw stays as it is.
    """

    settings: tuple[str, ...]
    stream: int
    make: Make

    def is_on(self, settings: Augmentation) -> bool:
        return any(getattr(settings, name) for name in self.settings)


# docs/decisions/041-keras-augmentation-layers-that-draw-for-each-image.md
def build(settings: Augmentation, seed: int) -> list[keras.layers.Layer]:
    """Return the layers that the settings ask for: none where all are off."""
    seeds = _seeds(seed)
    return [each.make(settings, seeds[each.stream]) for each in OF_IMAGES if each.is_on(settings)]


def build_mixing(settings: Augmentation, seed: int) -> keras.layers.Layer | None:
    """Return what mixes `{"images": ..., "labels": class shares}` of a batch; None for nothing."""
    seeds = _seeds(seed)
    found = (each for each in OF_BATCHES if each.is_on(settings))
    return next((each.make(settings, seeds[each.stream]) for each in found), None)


def _seeds(seed: int) -> list[int]:
    """Return a seed for each stream; one more at the end leaves the others as they are."""
    streams = 1 + max(each.stream for each in (*OF_IMAGES, *OF_BATCHES))
    seeds: list[int] = np.random.SeedSequence([seed, 1]).generate_state(streams).tolist()
    return seeds


class RandomCrop(keras.layers.Layer):
    """Widen each image by `pixels` on each side, as in a mirror, and cut its size out anywhere.

    Keras's own layer cuts all images of a batch at the same place.
    """

    def __init__(self, pixels: int, *, seed: int) -> None:
        super().__init__(name="random_crop", trainable=False)
        self.pixels = pixels
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        for axis in (1, 2):
            images = ops.take_along_axis(images, self._places(images, axis), axis=axis)
        return images

    def _places(self, images: Any, axis: int) -> Any:
        """Return where on an axis a crop's pixels are from: `(batch, height, 1, 1)` or width."""
        size = images.shape[axis]
        shift = keras.random.randint(
            (ops.shape(images)[0], 1),
            -self.pixels,
            self.pixels + 1,
            dtype="int32",
            seed=self.seed_generator,
        )
        places = ops.arange(size, dtype="int32") + shift
        if size > 1:  # mirrored at both ends, and again where the margin is wider than the image
            places = ops.mod(places, 2 * (size - 1))
            places = (size - 1) - ops.abs((size - 1) - places)
        else:
            places = ops.zeros_like(places)
        return ops.expand_dims(ops.expand_dims(places, 3 - axis), 3)


class RandomBrightness(keras.layers.Layer):
    """Multiply each image by a factor from 1 - `amount` to 1 + `amount`, and cut at 0 and 255."""

    def __init__(self, amount: float, *, seed: int) -> None:
        super().__init__(name="random_brightness", trainable=False)
        self.amount = amount
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        shape = (ops.shape(images)[0], 1, 1, 1)
        factors = keras.random.uniform(
            shape, 1 - self.amount, 1 + self.amount, seed=self.seed_generator
        )
        return ops.clip(images * factors, 0, 255)


class RandomAffine(keras.layers.Layer):
    """Rotate, shear, zoom and shift images about their centres, all at once; repeat edge pixels.

    The draws are uniform: the angle within `rotation` degrees, the tangent of the shear within
    `shear`, a factor within 1 ± `zoom` for each axis, and a shift within `shift` of the width and
    of the height.
    """

    def __init__(self, settings: Augmentation, *, seed: int) -> None:
        super().__init__(name="random_affine", trainable=False)
        self.settings = settings
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        return augmentation_ops.transform(images, self._transforms(images))

    def _draw(self, batch: Any, amount: float) -> Any:
        return keras.random.uniform((batch,), -amount, amount, seed=self.seed_generator)

    def _transforms(self, images: Any) -> Any:
        batch = ops.shape(images)[0]
        height, width = images.shape[1:3]
        angle = self._draw(batch, math.radians(self.settings.rotation))
        shear = self._draw(batch, self.settings.shear)
        zoom_x = 1 + self._draw(batch, self.settings.zoom)
        zoom_y = 1 + self._draw(batch, self.settings.zoom)
        shift_x = width * self._draw(batch, self.settings.shift)
        shift_y = height * self._draw(batch, self.settings.shift)
        return augmentation_ops.affine(
            (height, width),
            angle=angle,
            shear=(shear, 0.0),
            shift=(shift_x, shift_y),
            zoom=(zoom_x, zoom_y),
        )


def _erasing(settings: Augmentation, seed: int) -> keras.layers.Layer:
    scale = (settings.erasing, settings.erasing)
    return keras.layers.RandomErasing((1.0, 1.0), scale, fill_value=GREY, seed=seed)


def _randaugment(settings: Augmentation, seed: int) -> keras.layers.Layer:
    return augmentation_ops.RandomOperations(
        RANDAUGMENT, OPERATIONS, settings.randaugment, seed=seed, name="randaugment"
    )


# In the order in which they are done to an image.
OF_IMAGES = (
    Change(("flip",), 2, lambda _, seed: keras.layers.RandomFlip("horizontal", seed=seed)),
    Change(("crop",), 3, lambda settings, seed: RandomCrop(settings.crop, seed=seed)),
    Change(
        ("rotation", "shift", "shear", "zoom"),
        0,
        lambda settings, seed: RandomAffine(settings, seed=seed),
    ),
    Change(
        ("brightness",),
        1,
        lambda settings, seed: RandomBrightness(settings.brightness, seed=seed),
    ),
    Change(("randaugment",), 6, _randaugment),
    Change(
        ("augmix",),
        7,
        lambda settings, seed: augmentation_ops.AugMix(settings.augmix, seed=seed),
    ),
    Change(("erasing",), 4, _erasing),
)
# MixUp (Zhang et al. 2017) and CutMix (Yun et al. 2019): of two images and their labels.
OF_BATCHES = (
    Change(("mixup",), 5, lambda settings, seed: keras.layers.MixUp(settings.mixup, seed=seed)),
    Change(
        ("cutmix",),
        5,
        lambda settings, seed: keras.layers.CutMix((settings.cutmix, settings.cutmix), seed=seed),
    ),
)
