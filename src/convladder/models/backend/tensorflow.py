"""What networks ask of TensorFlow by name: its fused batch normalisation, and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops


# docs/decisions/031-batch-normalisation-is-tensorflows-fused-operation.md
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer over the last axis of `(batch, height, width, channels)`, with equal weights.

    In training, Keras 3 computes it from a dozen operations on all values, which on a CPU took
    longer than the convolutions around it; the results differ in rounding alone (Ioffe and Szegedy
    2015, "Batch normalization").
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        values = ops.cast(ops.prod(ops.shape(inputs)[:-1]), "float32")
        self._move(self.moving_mean, mean)
        # the operation gives the sample's
        self._move(self.moving_variance, variance * (values - 1) / values)
        return outputs

    def _move(self, moving: keras.Variable, value: Any) -> None:
        moving.assign(moving * self.momentum + value * (1 - self.momentum))


def gradient(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of what a function makes of values, summed, at these values."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        made = function(values)
    return tape.gradient(made, values)
