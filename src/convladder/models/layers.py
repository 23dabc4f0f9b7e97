"""Batch normalisation whose moving statistics stay as they are."""

from __future__ import annotations

from typing import Any

import keras


# docs/decisions/059-moving-statistics-are-kept-by-a-layer.md
class FixedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer whose moving statistics stay, while its scale and shift may be trained.

    `base(inputs, training=False)` in a functional model, which Keras's guide to transfer learning
    advises, does not do that in Keras 3.15: where the model around it is called with
    `training=True`, as by `fit`, all of its layers are given that, and the statistics move (a test
    shows it; keras-team/keras issue 20285).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False, mask=mask)
