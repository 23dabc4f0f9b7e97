"""The feed: `fit` is given batches of indices; the gather and the cast happen inside the compiled graph.

The one module that speaks to TensorFlow by name. The bank's memory map is handed to TensorFlow without
a copy, so that all trials on a machine share one set of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from convladder.data.images import Pixels
from convladder.data.splits import Indices

STEPS_PER_CALL = 64
PREDICTION_BATCH = 256
ALIGNMENT = 64  # bytes


class Lookup(keras.layers.Layer):
    """Turn rows `(batch,)` of a bank into its images, `(batch, height, width, channels)` in float32."""

    def __init__(self, images: Pixels) -> None:
        super().__init__(name="lookup", trainable=False, dtype="float32")
        self._shape = images.shape[1:]
        self._images = share_memory(images)

    def call(self, rows: Any) -> Any:
        return ops.cast(ops.take(self._images, rows, axis=0), "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, *self._shape)


def share_memory(array: Pixels) -> Any:
    """Return a tensor over the same memory, or over a copy where TensorFlow could not compute on it.

    DLPack asks for a writable array, as a copy-on-write map is, and TensorFlow for memory aligned to 64
    bytes, as the content of an npy file is; it would end the process otherwise.
    """
    if array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0:
        return tf.experimental.dlpack.from_dlpack(np.asarray(array).__dlpack__())
    return tf.constant(array)


def be_deterministic() -> None:
    """Make TensorFlow choose operations whose results do not depend on the order of threads."""
    tf.config.experimental.enable_op_determinism()


def epoch_order(seed: int, epoch: int, size: int) -> NDArray[np.int64]:
    """Return the order of an epoch: a permutation that is a function of (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(size)


class TrainingBatches(keras.callbacks.Callback):
    """Batches of (rows, labels) in an order that `epoch_order` gives; add it to fit's callbacks."""

    def __init__(
        self, rows: Indices, labels: NDArray[np.int32], *, batch_size: int, seed: int, shuffle_once: bool = False
    ) -> None:
        super().__init__()
        self._shuffle_once = shuffle_once
        self._rows, self._labels, self._seed = rows.astype(np.int32), labels, seed
        self._epoch = 0
        self.steps = -(-len(rows) // batch_size)
        self.dataset = (
            tf.data.Dataset.from_generator(self._next_epoch, output_signature=_pairs_of_vectors())
            .unbatch()
            .batch(batch_size)
            .apply(tf.data.experimental.assert_cardinality(self.steps))
            .prefetch(STEPS_PER_CALL)
        )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = 0 if self._shuffle_once else epoch

    def on_train_end(self, logs: Any = None) -> None:
        self.set_model(None)  # TensorFlow keeps the generator, and so this, for the life of the process

    def _next_epoch(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        order = epoch_order(self._seed, self._epoch, len(self._rows))
        yield self._rows[order], self._labels[order]


def evaluation_batches(rows: Indices, labels: NDArray[np.int32]) -> Any:
    """Return batches of (rows, labels) in their own order."""
    pairs = tf.data.Dataset.from_tensor_slices((rows.astype(np.int32), labels))
    return pairs.batch(PREDICTION_BATCH)


def _pairs_of_vectors() -> tuple[Any, Any]:
    return tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.int32)
