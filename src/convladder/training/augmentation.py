"""Random changes of training images, inside the compiled graph.

Rotation, shear, zoom and shift are composed into one affine map for each image, so that its pixels
are interpolated once and not once for each change. Keras's layers serve where they draw for each
image by itself.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from convladder.core.experiment import Augmentation
from convladder.training import augmentation_ops

GREY = 128
OPERATIONS = 2  # of RandAugment, as in the paper
SEEDED = ("affine", "brightness", "flip", "crop", "erasing", "mixing", "randaugment", "augmix")


# docs/decisions/041-keras-augmentation-layers-that-draw-for-each-image.md
def build(settings: Augmentation, seed: int) -> list[keras.layers.Layer]:
    """Return the layers that the settings ask for: none where all are off."""
    augmenters: list[keras.layers.Layer] = []
    seeds = _seeds(seed)
    if settings.flip:
        augmenters.append(keras.layers.RandomFlip("horizontal", seed=seeds["flip"]))
    if settings.crop:
        augmenters.append(RandomCrop(settings.crop, seed=seeds["crop"]))
    if settings.rotation or settings.shift or settings.shear or settings.zoom:
        augmenters.append(RandomAffine(settings, seed=seeds["affine"]))
    if settings.brightness:
        augmenters.append(RandomBrightness(settings.brightness, seed=seeds["brightness"]))
    if settings.randaugment:
        names = (*augmentation_ops.GEOMETRIC, *augmentation_ops.COLOURS, "nothing")
        augmenters.append(
            augmentation_ops.RandomOperations(
                names,
                OPERATIONS,
                settings.randaugment,
                seed=seeds["randaugment"],
                name="randaugment",
            )
        )
    if settings.augmix:
        augmenters.append(augmentation_ops.AugMix(settings.augmix, seed=seeds["augmix"]))
    if settings.erasing:
        scale = (settings.erasing, settings.erasing)
        augmenters.append(
            keras.layers.RandomErasing((1.0, 1.0), scale, fill_value=GREY, seed=seeds["erasing"])
        )
    return augmenters


def build_mixing(settings: Augmentation, seed: int) -> keras.layers.Layer | None:
    """Return what mixes `{"images": ..., "labels": shares of each class}` of a batch; None where
    nothing does.

    MixUp (Zhang et al. 2017) or CutMix (Yun et al. 2019).
    """
    mixing_seed = _seeds(seed)["mixing"]
    if settings.mixup:
        return keras.layers.MixUp(settings.mixup, seed=mixing_seed)
    if settings.cutmix:
        return keras.layers.CutMix((settings.cutmix, settings.cutmix), seed=mixing_seed)
    return None


def _seeds(seed: int) -> dict[str, int]:
    """Return a seed for each of SEEDED; one that is added at its end changes no other."""
    state = np.random.SeedSequence([seed, 1]).generate_state(len(SEEDED))
    return dict(zip(SEEDED, state.tolist(), strict=True))


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
    """Rotate, shear, zoom and shift each image about its centre, all at once; edge pixels are
    repeated.

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
