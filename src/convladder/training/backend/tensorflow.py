"""What training asks of TensorFlow by name: its graphs, the bank's memory, its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels
from convladder.training import steps
from convladder.training.batches import Prefetcher, Rows
from convladder.training.steps import PREDICTION_BATCH, NotFiniteError

ALIGNMENT = 64  # bytes
ONEDNN_NO_MEMORY = "Status: 1,"  # dnnl_out_of_memory
NOT_FINITE = "the loss is not finite"


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Raise MemoryError where TensorFlow finds no memory in the block."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.AbortedError) as error:
        if isinstance(error, tf.errors.AbortedError) and ONEDNN_NO_MEMORY not in error.message:
            raise
        raise MemoryError from error


def accelerator() -> str | None:
    """Return the name of the device that trains one network; None where that is the processor."""
    found = tf.config.list_physical_devices("GPU")
    return (
        tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU")
        if found
        else None
    )


# docs/decisions/002-the-bank-is-not-copied.md
def share_memory(array: Pixels) -> Any:
    """Return a tensor over the same memory, or over a copy if TensorFlow needs one.

    DLPack asks for a writable array, as a copy-on-write map is, and TensorFlow for memory aligned
    to 64 bytes, as the content of an npy file is; it would end the process otherwise.
    """
    if array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0:
        return tf.experimental.dlpack.from_dlpack(np.asarray(array).__dlpack__())
    return tf.constant(array)


# docs/decisions/007-determinism-is-on.md
def be_deterministic() -> None:
    """Make TensorFlow choose operations whose results do not depend on the order of threads."""
    tf.config.experimental.enable_op_determinism()


def set_seed(seed: int) -> None:
    """Seed all that layers and initial weights draw from where they are not told another seed."""
    keras.utils.set_random_seed(seed)


class StepFunctions(steps.StepFunctions):
    """Training and validation as graphs of TensorFlow."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # TensorFlow would keep the graph of a sum over devices for ever, and there is one device
        self.optimizer._all_reduce_sum_gradients = list
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._done = tf.Variable(0, trainable=False)  # steps of a call
        batches = tf.TensorSpec((None, None), tf.int32)
        self._train_graph = tf.function(self._train_batches, input_signature=(batches, batches))
        self._validate_graph = tf.function(
            self._validate_batches, input_signature=(batches, batches)
        )

    def _train(self, rows: Rows, labels: Rows) -> None:
        self._done.assign(0)
        try:
            self._train_graph(rows, labels)
        except tf.errors.InvalidArgumentError as error:
            if NOT_FINITE not in error.message:
                raise
            raise NotFiniteError(int(self._done)) from None

    def _validate(self, rows: Rows, labels: Rows) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._validate_graph(rows, labels).numpy()
        return logits

    def _train_batches(self, rows: Any, labels: Any) -> None:
        for step in tf.range(tf.shape(rows)[0]):
            weights = self.network.trainable_variables
            with tf.GradientTape(
                watch_accessed_variables=False
            ) as tape:  # what is frozen needs no gradients
                tape.watch([each.value for each in weights])
                images, targets = self._batch(rows[step], labels[step])
                logits = self.network(images, training=True)
                loss = self._checked(self._training_loss(targets, logits))
            self.optimizer.apply(tape.gradient(loss, weights), weights)
            self._take(loss, labels[step], logits)

    def _validate_batches(self, rows: Any, labels: Any) -> Any:
        seen = tf.TensorArray(tf.float32, size=tf.shape(rows)[0])
        for step in tf.range(tf.shape(rows)[0]):
            logits = (self._averaged or self.network)(
                self._images(rows[step], training=False), training=False
            )
            self._take(self._loss(labels[step], logits), labels[step], logits)
            seen = seen.write(step, logits)
        return seen.concat()

    def _checked(self, loss: Any) -> Any:
        """Return the loss, its step counted; a step waits for the count of the one before."""
        with tf.control_dependencies([self._done.read_value()]):
            finite = tf.debugging.check_numerics(loss, NOT_FINITE)
        with tf.control_dependencies([finite]):
            self._done.assign_add(1)
        return finite

    def _take(self, loss: Any, labels: Any, logits: Any) -> None:
        self._metrics["loss"].update_state(
            loss, sample_weight=tf.cast(tf.shape(labels)[0], tf.float32)
        )
        self._metrics["accuracy"].update_state(labels, logits)


def predict(model: keras.Model, rows: Rows, ahead: Prefetcher) -> NDArray[np.float32]:
    """Return the logits `(len(rows), classes)` that a model from rows gives."""
    graph = tf.function(
        partial(model, training=False), input_signature=(tf.TensorSpec((None,), tf.int32),)
    )
    bounds = [*range(0, len(rows), PREDICTION_BATCH), len(rows)]
    logits = [np.asarray(graph(rows[piece])) for piece in ahead.pieces(rows, bounds)]
    return np.concatenate(logits) if logits else np.empty((0, model.output_shape[-1]), np.float32)


def predictor(network: keras.Model) -> Any:
    """Return what turns images into logits; it compiles once for each size of batch."""
    model = keras.Model(network.input, network.output)
    model.compile(jit_compile=False)
    return model.predict_on_batch
