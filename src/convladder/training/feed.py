"""The feed: a model is given batches of indices; the gather and the cast happen inside the compiled graph.

It speaks to TensorFlow by name. The bank's memory map is handed to TensorFlow without
a copy, so that all trials on a machine share one set of pixels.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from convladder.data.images import Pixels

ALIGNMENT = 64  # bytes
AHEAD_FROM = 2**30  # bytes of a bank; a smaller one stays in memory once it was read

Rows = NDArray[np.int32]


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

    def ask(self, rows: Rows) -> None:
        """Ask for the images of these rows."""
        if self._map is None:
            return
        for row in rows.tolist():
            start = self._offset + row * self._size
            page = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, page, min(start + self._size, len(self._map)) - page)

    def pieces(self, rows: Rows, bounds: Iterable[int]) -> Iterator[slice]:
        """Yield a slice of rows from each bound to the next; the images of a slice are asked for one ahead."""
        slices = [slice(start, stop) for start, stop in pairwise(bounds) if start < stop]
        for one, following in zip_longest(slices, slices[1:]):
            if one is slices[0]:
                self.ask(rows[one])
            if following is not None:
                self.ask(rows[following])
            yield one
