"""Random changes of training images, inside the compiled graph.

Rotation, shear, zoom and shift are composed into one affine map for each image, so that its pixels are
interpolated once and not once for each change.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from convladder.config import Augmentation


def build(settings: Augmentation, seed: int) -> list[keras.layers.Layer]:
    """Return the layers that the settings ask for: none where all are off."""
    augmenters: list[keras.layers.Layer] = []
    affine_seed, brightness_seed = np.random.SeedSequence([seed, 1]).generate_state(2).tolist()
    if settings.rotation or settings.shift or settings.shear or settings.zoom:
        augmenters.append(RandomAffine(settings, seed=affine_seed))
    if settings.brightness:
        augmenters.append(RandomBrightness(settings.brightness, seed=brightness_seed))
    return augmenters


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
        factors = keras.random.uniform(shape, 1 - self.amount, 1 + self.amount, seed=self.seed_generator)
        return ops.clip(images * factors, 0, 255)


class RandomAffine(keras.layers.Layer):
    """Rotate, shear, zoom and shift each image about its centre, all at once; edge pixels are repeated.

    The draws are uniform: the angle within `rotation` degrees, the tangent of the shear within `shear`, a
    factor within 1 ± `zoom` for each axis, and a shift within `shift` of the width and of the height.
    """

    def __init__(self, settings: Augmentation, *, seed: int) -> None:
        super().__init__(name="random_affine", trainable=False)
        self.settings = settings
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        return ops.image.affine_transform(
            images, self._transforms(images), interpolation="bilinear", fill_mode="nearest"
        )

    def _draw(self, batch: Any, amount: float) -> Any:
        return keras.random.uniform((batch,), -amount, amount, seed=self.seed_generator)

    def _transforms(self, images: Any) -> Any:
        """Return `(batch, 8)`: for each output pixel (x, y), where in the input to look.

        The matrix is rotation · shear · zoom; the offset keeps the centre in place, then shifts.
        """
        batch = ops.shape(images)[0]
        height, width = images.shape[1:3]
        angle = self._draw(batch, math.radians(self.settings.rotation))
        shear = self._draw(batch, self.settings.shear)
        zoom_x = 1 + self._draw(batch, self.settings.zoom)
        zoom_y = 1 + self._draw(batch, self.settings.zoom)
        shift_x = width * self._draw(batch, self.settings.shift)
        shift_y = height * self._draw(batch, self.settings.shift)
        cosine, sine = ops.cos(angle), ops.sin(angle)
        xx, xy = zoom_x * cosine, zoom_y * (shear * cosine - sine)
        yx, yy = zoom_x * sine, zoom_y * (shear * sine + cosine)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        offset_x = centre_x - xx * centre_x - xy * centre_y + shift_x
        offset_y = centre_y - yx * centre_x - yy * centre_y + shift_y
        zero = ops.zeros_like(xx)
        return ops.stack([xx, xy, offset_x, yx, yy, offset_y, zero, zero], axis=-1)
