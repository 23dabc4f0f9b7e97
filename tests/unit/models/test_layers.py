"""The fused batch normalisation is Keras's layer."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from convladder.models.backend.tensorflow import BatchNormalization


def test_batch_normalisation_is_that_of_keras_but_for_rounding() -> None:
    draw = np.random.default_rng(0)
    images = tf.constant(draw.normal(3, 2, (8, 7, 5, 4)), tf.float32)
    found = [
        _normalise(layer(momentum=0.9), images)
        for layer in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def _normalise(layer: keras.layers.Layer, images: tf.Tensor) -> list[np.ndarray]:
    """Return what the layer makes of images in training and after it, what it keeps, and its
    gradients.
    """
    layer.build(images.shape)
    layer.gamma.assign([0.5, 1, 1.5, 2])
    layer.beta.assign([-1, 0, 1, 2])
    with tf.GradientTape() as tape:
        tape.watch(images)
        trained = layer(images, training=True)
        loss = tf.reduce_sum(trained**3)
    gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
    return [
        np.asarray(each)
        for each in (trained, layer(images), layer.moving_mean, layer.moving_variance, *gradients)
    ]
