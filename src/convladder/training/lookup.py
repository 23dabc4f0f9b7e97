"""Layers that turn rows of a bank into what a network sees: its images, or features of them.

The gather happens inside the compiled graph, and nothing is copied.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from numpy.typing import NDArray

from convladder.data.bank.bank import Bank
from convladder.data.decoding.image_form import Pixels
from convladder.training import backend


# docs/decisions/001-training-is-fed-indices.md
class GatherImages(keras.layers.Layer):
    """Turn rows `(batch,)` of a bank into its images `(batch, height, width, channels)`, float32.

    The cast happens inside the compiled graph, too.
    """

    def __init__(self, images: Pixels) -> None:
        super().__init__(name="lookup", trainable=False, dtype="float32")
        self._shape = images.shape[1:]
        self._images = backend.share_memory(images)

    def call(self, rows: Any) -> Any:
        return ops.cast(ops.take(self._images, rows, axis=0), "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, *self._shape)


class GatherVectors(keras.layers.Layer):
    """Turn rows `(batch,)` of a bank into vectors `(batch, size)`, each at its row's place."""

    def __init__(self, vectors: NDArray[Any], places: NDArray[Any]) -> None:
        super().__init__(name="lookup", trainable=False, dtype="float32")
        self._size = vectors.shape[1]
        self._vectors, self._places = backend.share_memory(vectors), backend.share_memory(places)

    def call(self, rows: Any) -> Any:
        return ops.take(self._vectors, ops.take(self._places, rows, axis=0), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self._size)


def images_of(bank: Bank, augmenters: list[keras.layers.Layer]) -> keras.Model:
    """Return what turns rows of a bank into its images, changed at random where training."""
    rows = keras.Input((), dtype="int32", name="rows")
    images = GatherImages(bank.images)(rows)
    for augmenter in augmenters:
        images = augmenter(images)
    return keras.Model(rows, images)
