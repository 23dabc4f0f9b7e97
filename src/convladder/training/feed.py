"""The feed: `fit` is given batches of indices; the gather and the cast happen inside the compiled graph.

It speaks to TensorFlow by name. The bank's memory map is handed to TensorFlow without
a copy, so that all trials on a machine share one set of pixels.
"""

from __future__ import annotations

import math
import mmap
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
AHEAD_FROM = 2**30  # bytes of a bank; a smaller one stays in memory once it was read
EVALUATION_AHEAD = 8  # batches


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


class Ahead:
    """Asks the system for images before they are read, where a bank is so large that memory may not hold it.

    Shuffled images lie anywhere in the file: else each would be waited for, and its neighbours read in vain.
    """

    def __init__(self, images: Pixels) -> None:
        mapped = getattr(images, "_mmap", None)
        self._map = mapped if images.nbytes >= AHEAD_FROM and hasattr(mmap, "MADV_WILLNEED") else None
        self._offset, self._size = getattr(images, "offset", 0), math.prod(images.shape[1:])
        if self._map is not None:
            self._map.madvise(mmap.MADV_RANDOM)

    @property
    def needed(self) -> bool:
        return self._map is not None

    def pieces(self, rows: NDArray[np.int32], size: int) -> Iterator[slice]:
        """Yield slices of so many rows each, having asked for their images."""
        for start in range(0, len(rows), size):
            if self._map is not None:
                for row in rows[start : start + size].tolist():
                    self._ask(self._map, self._offset + row * self._size)
            yield slice(start, start + size)

    def _ask(self, mapped: mmap.mmap, start: int) -> None:
        page = start - start % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, page, min(start + self._size, len(mapped)) - page)


class TrainingBatches(keras.callbacks.Callback):
    """Batches of (rows, labels) in an order that `epoch_order` gives; add it to fit's callbacks."""

    def __init__(
        self,
        rows: Indices,
        labels: NDArray[np.int32],
        ahead: Ahead,
        *,
        batch_size: int,
        seed: int,
        shuffle_once: bool = False,
    ) -> None:
        super().__init__()
        self._shuffle_once = shuffle_once
        self._rows, self._labels, self._seed = rows.astype(np.int32), labels, seed
        self._ahead, self._piece = ahead, STEPS_PER_CALL * batch_size
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
        rows, labels = self._rows[order], self._labels[order]
        for piece in self._ahead.pieces(rows, self._piece):
            yield rows[piece], labels[piece]


def evaluation_batches(rows: Indices, labels: NDArray[np.int32], ahead: Ahead) -> Any:
    """Return batches of (rows, labels) in their own order."""
    numbers = rows.astype(np.int32)
    if not ahead.needed:  # TensorFlow keeps generators, and what they hold, for the life of the process
        return tf.data.Dataset.from_tensor_slices((numbers, labels)).batch(PREDICTION_BATCH)

    def in_pieces() -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        for piece in ahead.pieces(numbers, PREDICTION_BATCH):
            yield numbers[piece], labels[piece]

    batches = tf.data.Dataset.from_generator(in_pieces, output_signature=_pairs_of_vectors())
    steps = -(-len(rows) // PREDICTION_BATCH)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(EVALUATION_AHEAD)


def _pairs_of_vectors() -> tuple[Any, Any]:
    return tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.int32)
