"""From rows of a bank to its images: the gather and the cast happen inside the compiled graph."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from convladder.data.decoding.images import Pixels
from convladder.training import backend


# docs/decisions/001-training-is-fed-indices.md
class GatherImages(keras.layers.Layer):
    """Turn rows `(batch,)` of a bank into its images, `(batch, height, width, channels)` in
    float32.
    """

    def __init__(self, images: Pixels) -> None:
        super().__init__(name="lookup", trainable=False, dtype="float32")
        self._shape = images.shape[1:]
        self._images = backend.share_memory(images)

    def call(self, rows: Any) -> Any:
        return ops.cast(ops.take(self._images, rows, axis=0), "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, *self._shape)
