"""What may be done to images, each in its own strength, and draws of several at a time.

An operation takes images `(batch, height, width, channels)` from 0 to 255 and strengths `(batch, 1,
1, 1)` from -1 to 1, and returns images; those without a direction take the strength without its
sign. Ranges are those of RandAugment (Cubuk et al. 2019) at its largest magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

Operation = Callable[[Any, Any], Any]

FACTOR = (
    0.9  # what a strength of 1 adds to the factor of brightness, contrast, colour and sharpness
)
ANGLE, SHEAR, SHIFT = math.radians(30), 0.3, 0.3  # of height and width
BITS = 4  # that posterize takes off at most
LEVELS = 256
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)

ROTATE, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y = GEOMETRIC = (
    "rotate",
    "shear-x",
    "shear-y",
    "shift-x",
    "shift-y",
)


def brightness(images: Any, strength: Any) -> Any:
    return _cut(images * (1 + FACTOR * strength))


def contrast(images: Any, strength: Any) -> Any:
    return _away_from(ops.mean(_grey(images), axis=(1, 2, 3), keepdims=True), images, strength)


def colour(images: Any, strength: Any) -> Any:
    return _away_from(_grey(images), images, strength)


def sharpness(images: Any, strength: Any) -> Any:
    """Move away from the mean over 3x3 neighbours, or towards it."""
    return _away_from(ops.average_pool(images, 3, strides=1, padding="same"), images, strength)


def posterize(images: Any, strength: Any) -> Any:
    step = 2.0 ** ops.round(BITS * ops.abs(strength))
    return ops.floor(images / step) * step


def solarize(images: Any, strength: Any) -> Any:
    """Invert what is brighter than a threshold."""
    return ops.where(images < LEVELS * (1 - ops.abs(strength)), images, LEVELS - 1 - images)


def autocontrast(images: Any, strength: Any) -> Any:
    """Stretch each channel from 0 to 255."""
    del strength
    low, high = (find(images, axis=(1, 2), keepdims=True) for find in (ops.min, ops.max))
    return ops.where(high > low, (images - low) * (LEVELS - 1) / ops.maximum(high - low, 1), images)


def equalize(images: Any, strength: Any) -> Any:
    """Give each channel a flat histogram: a level becomes the share of pixels up to it."""
    del strength
    height, width, channels = images.shape[1:]
    level = ops.cast(images, "int32")
    channel = ops.reshape(
        ops.arange(ops.shape(images)[0] * channels, dtype="int32"), (-1, 1, 1, channels)
    )
    places = ops.reshape(channel * LEVELS + level, (-1,))
    size = ops.shape(images)[0] * channels * LEVELS
    counts = ops.segment_sum(ops.ones_like(places, dtype="float32"), places, num_segments=size)
    below = ops.cumsum(ops.reshape(counts, (-1, LEVELS)), axis=1) * (
        (LEVELS - 1) / (height * width)
    )
    return ops.reshape(ops.take(ops.reshape(below, (-1,)), places), ops.shape(images))


COLOURS: dict[str, Operation] = {
    "brightness": brightness,
    "contrast": contrast,
    "colour": colour,
    "sharpness": sharpness,
    "posterize": posterize,
    "solarize": solarize,
    "autocontrast": autocontrast,
    "equalize": equalize,
}


# Their strength has no sign: of two draws of one of these the second cannot undo the first
UNDIRECTED = frozenset({"posterize", "solarize"})


class RandomOperations(keras.layers.Layer):
    """Do several operations to each image, drawn from `names`, in one strength to either side.

    names : of COLOURS and of GEOMETRIC; whatever else is named leaves an image as it is. All that
        is geometric is done first and at once, so that pixels are interpolated once; then the
        others in the order of `names`, in which each is computed once for a batch. What is drawn
        twice is done once, in the sum of both strengths; where a strength has no direction, without
        their signs, so that the second draw does not undo the first.
    """

    def __init__(
        self, names: Sequence[str], count: int, strength: float, *, seed: int, name: str
    ) -> None:
        super().__init__(name=name, trainable=False)
        self.names, self.count, self.strength = tuple(names), count, strength
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        shape = (self.count, ops.shape(images)[0])
        chosen = keras.random.randint(shape, 0, len(self.names), seed=self.seed_generator)
        signs = (
            2.0 * ops.cast(keras.random.randint(shape, 0, 2, seed=self.seed_generator), "float32")
            - 1
        )
        strengths = self.strength * signs
        images = self._transformed(images, chosen, strengths)
        for number, name in enumerate(self.names):
            if name in COLOURS:
                here = chosen == number
                drawn = ops.abs(strengths) if name in UNDIRECTED else strengths
                strength = ops.clip(ops.sum(ops.where(here, drawn, 0.0), axis=0), -1, 1)
                changed = COLOURS[name](images, _for_each(strength))
                images = ops.where(_for_each(ops.any(here, axis=0)), changed, images)
        return images

    def _transformed(self, images: Any, chosen: Any, strengths: Any) -> Any:
        if not set(self.names) & set(GEOMETRIC):
            return images
        height, width = images.shape[1:3]

        def amount(name: str, most: float) -> Any:
            number = self.names.index(name) if name in self.names else -1
            return most * ops.sum(ops.where(chosen == number, strengths, 0.0), axis=0)

        matrix = affine(
            (height, width),
            angle=amount(ROTATE, ANGLE),
            shear=(amount(SHEAR_X, SHEAR), amount(SHEAR_Y, SHEAR)),
            shift=(width * amount(SHIFT_X, SHIFT), height * amount(SHIFT_Y, SHIFT)),
        )
        return transform(images, matrix)


class AugMix(keras.layers.Layer):
    """Blend each image with three chains of up to three operations (Hendrycks et al. 2019).

    The paper's second part, a loss that holds the predictions of several such images together, is
    not here.
    """

    chains, longest = 3, 3
    names = (*GEOMETRIC, "posterize", "solarize", "autocontrast", "equalize", "nothing", "nothing")

    def __init__(self, strength: float, *, seed: int) -> None:
        super().__init__(name="augmix", trainable=False)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.chain = [
            RandomOperations(
                self.names, self.longest, strength, seed=seed + 1 + number, name=f"chain_{number}"
            )
            for number in range(self.chains)
        ]

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        batch = ops.shape(images)[0]
        # Dirichlet(1)
        shares = keras.random.gamma((self.chains, batch, 1, 1, 1), 1.0, seed=self.seed_generator)
        shares = shares / ops.sum(shares, axis=0, keepdims=True)
        mixture = sum(
            shares[number] * chain(images, training=True) for number, chain in enumerate(self.chain)
        )
        blend = keras.random.uniform((batch, 1, 1, 1), seed=self.seed_generator)  # Beta(1, 1)
        return blend * images + (1 - blend) * mixture


def affine(
    size: tuple[int, int],
    *,
    angle: Any,
    shear: tuple[Any, Any],
    shift: tuple[Any, Any],
    zoom: tuple[Any, Any] = (1.0, 1.0),
) -> Any:
    """Return `(batch, 8)`: for each output pixel (x, y), where in the input to look.

    The matrix is rotation · shear · zoom; the offset keeps the centre in place, then shifts. Pairs
    are of x and y.
    """
    height, width = size
    cosine, sine = ops.cos(angle), ops.sin(angle)
    xx, xy = zoom[0] * (cosine - shear[1] * sine), zoom[1] * (shear[0] * cosine - sine)
    yx, yy = zoom[0] * (sine + shear[1] * cosine), zoom[1] * (shear[0] * sine + cosine)
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    offset_x = centre_x - xx * centre_x - xy * centre_y + shift[0]
    offset_y = centre_y - yx * centre_x - yy * centre_y + shift[1]
    zero = ops.zeros_like(xx)
    return ops.stack([xx, xy, offset_x, yx, yy, offset_y, zero, zero], axis=-1)


def transform(images: Any, matrices: Any) -> Any:
    """Move the pixels of each image as `affine` says; edge pixels are repeated."""
    return ops.image.affine_transform(
        images, matrices, interpolation="bilinear", fill_mode="nearest"
    )


def _for_each(values: Any) -> Any:
    """Return a value for each image, `(batch,)`, as it goes with pixels: `(batch, 1, 1, 1)`."""
    return ops.reshape(values, (-1, 1, 1, 1))


def _grey(images: Any) -> Any:
    if images.shape[-1] == 1:
        return images
    return ops.sum(images * ops.convert_to_tensor(GREY_WEIGHTS), axis=-1, keepdims=True)


def _away_from(base: Any, images: Any, strength: Any) -> Any:
    return _cut(base + (images - base) * (1 + FACTOR * strength))


def _cut(images: Any) -> Any:
    return ops.clip(images, 0, LEVELS - 1)
