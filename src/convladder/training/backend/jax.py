"""What training asks of JAX by name: compiled functions, the bank's memory, its errors."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import TrainingError
from convladder.data.decoding.image_form import Pixels
from convladder.training import data_parallel, steps
from convladder.training.batches import Prefetcher, Rows
from convladder.training.steps import PREDICTION_BATCH, NotFiniteError

ALIGNMENT = 64  # bytes
BANK = "bank"
NO_MEMORY = "RESOURCE_EXHAUSTED"

Values = list[Any]


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Raise MemoryError where JAX finds no memory, TrainingError where it has no device."""
    try:
        yield
    except (
        RuntimeError,
        AssertionError,
    ) as error:  # the latter where the environment names a device alone
        if isinstance(error, jax.errors.JaxRuntimeError) and NO_MEMORY in str(error):
            raise MemoryError from error
        _check_devices()
        raise


def _check_devices() -> None:
    """Raise TrainingError where JAX does not come by the devices that it is to compute on."""
    try:
        jax.local_devices()
    except (RuntimeError, AssertionError) as error:
        said = str(error) or f"JAX_PLATFORMS is {os.environ.get('JAX_PLATFORMS')}"
        raise TrainingError(
            f"JAX cannot use this machine's accelerator ({said}): another program, or too many "
            "--jobs, may be using all of its memory. To use the processor instead, set "
            "JAX_PLATFORMS=cpu"
        ) from error


def accelerator() -> str | None:
    """Return the name of the device that trains one network; None where that is the processor."""
    device = jax.local_devices()[0]
    return None if device.platform == "cpu" else str(device.device_kind)


def share_memory(array: Pixels) -> keras.Variable:
    """Return the images as a variable, which compiled functions are given and do not hold.

    On a processor it has the same memory, if that can be read so. Else each device has a copy.
    """
    if keras.distribution.distribution() is not None:
        images = data_parallel.on_every_device(array)
    elif array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0:
        images = jax.device_put(jax.dlpack.from_dlpack(np.asarray(array)), jax.local_devices()[0])
    else:
        images = jnp.asarray(array)
    return keras.Variable(images, dtype=array.dtype.name, trainable=False, name=BANK)


def be_deterministic() -> None:
    """Do nothing: JAX is told so when its process starts (`core.backend.environment`)."""


# docs/decisions/055-keras-set-random-seed-is-not-called-on-jax.md
def set_seed(seed: int) -> None:
    """Seed all that layers and initial weights draw from where they are not told another seed.

    It is Python's generator; `keras.utils.set_random_seed` would import TensorFlow too.
    """
    random.seed(seed)
    np.random.seed(seed)


# docs/decisions/054-on-jax-a-step-is-a-call.md
class StepFunctions(steps.StepFunctions):
    """Training and validation as functions of JAX, from all variables' values to new ones.

    A step is a call, compiled once for each size of batch: in a compiled loop XLA's convolutions
    are a hundred times as slow on a processor. Nothing waits for a step but the end of several.
    Where a distribution is set, the images of a batch are spread over its devices; those of a short
    last batch that cannot be, every device has.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._losses = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
        self._widest = 0  # batch that was validated
        where = data_parallel.everywhere()
        self._train_graph = jax.jit(
            self._train_on, in_shardings=where, out_shardings=where, donate_argnums=1
        )
        self._validate_graph = jax.jit(self._validate_on, in_shardings=where, out_shardings=where)

    def settle(self) -> None:
        super().settle()
        for variable in self._averaged.variables if self._averaged else []:
            # the next call gives the memory of what was assigned away
            variable.assign(jnp.copy(variable.value))

    def _drawing(self) -> list[keras.Variable]:
        return [variable for variable in self._images.variables if variable.name != BANK]

    def _train(self, rows: Rows, labels: Rows) -> None:
        fixed, state = _values(self._fixed()), [_values(group) for group in self._state()]
        done, finite = np.int32(0), np.bool_(True)
        # each waits for the one before, and this for none
        for batch in zip(rows, labels, strict=True):
            done, finite, state = self._train_graph(fixed, state, done, finite, *batch)
        for variables, values in zip(self._state(), state, strict=True):
            _assign(variables, values)
        if not finite:
            raise NotFiniteError(int(done))

    def _validate(self, rows: Rows, labels: Rows) -> NDArray[np.float32]:
        size = rows.shape[1]
        # one size is compiled, and what fills it up does not count
        self._widest = max(self._widest, size)
        places = ((0, 0), (0, self._widest - size))
        given = [_values(self._validated().variables), _values(self._fixed())]
        counts, means = np.arange(self._widest) < size, _values(self._figures())
        seen = []
        for batch in zip(np.pad(rows, places), np.pad(labels, places), strict=True):
            means, logits = self._validate_graph(given, means, counts, *batch)
            seen.append(logits)
        # several processes do one thing at a time
        _assign(self._figures(), jax.block_until_ready(means))
        return np.concatenate([np.asarray(logits)[:size] for logits in seen])

    def _fixed(self) -> list[keras.Variable]:
        """Return what steps read and never write: the bank."""
        return [variable for variable in self._images.variables if variable.name == BANK]

    def _state(self) -> list[list[keras.Variable]]:
        """Return what a step writes: weights, the optimizer's state, and all other."""
        return [self.network.trainable_variables, self.optimizer.variables, self._others()]

    def _others(self) -> list[keras.Variable]:
        mixing = self._mixing.variables if self._mixing else []
        return [*self._drawing(), *mixing, *self.network.non_trainable_variables, *self._figures()]

    def _figures(self) -> list[keras.Variable]:
        return [variable for metric in self._metrics.values() for variable in metric.variables]

    def _validated(self) -> keras.Model:
        return self._averaged or self.network

    def _train_on(
        self, fixed: Values, state: Any, done: Any, finite: Any, rows: Any, labels: Any
    ) -> tuple[Any, Any, Any]:
        """Return how many steps went well, whether all did, and the state after the good ones."""
        loss, after = self._train_batch(fixed, state, rows, labels)
        finite = finite & jnp.isfinite(loss)
        kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, state)
        return done + finite, finite, kept

    def _train_batch(self, fixed: Values, state: Any, rows: Any, labels: Any) -> tuple[Any, Any]:
        weights, optimizer, others = state
        value_and_gradients = jax.value_and_grad(self._loss_of, has_aux=True)
        (loss, others), gradients = value_and_gradients(weights, others, fixed, rows, labels)
        weights, optimizer = self.optimizer.stateless_apply(optimizer, gradients, weights)
        return loss, [weights, optimizer, others]

    def _loss_of(
        self, weights: Values, others: Values, fixed: Values, rows: Any, labels: Any
    ) -> tuple[Any, Values]:
        """Return the loss of a batch, and what becomes of all variables but the weights."""
        named = [
            *zip(self.network.trainable_variables, weights, strict=True),
            *zip(self._others(), others, strict=True),
            *zip(self._fixed(), fixed, strict=True),
        ]
        with keras.StatelessScope(named) as scope:
            images, targets = self._batch(data_parallel.over_devices(rows), labels)
            logits = self.network(images, training=True)
            loss = self._training_loss(targets, logits)
            self._metrics["loss"].update_state(loss, sample_weight=float(len(labels)))
            self._metrics["accuracy"].update_state(labels, logits)
            return loss, [scope.get_current_value(variable) for variable in self._others()]

    def _validate_on(
        self, given: list[Values], means: Values, counts: Any, rows: Any, labels: Any
    ) -> tuple[Values, Any]:
        """Return the means with those images of a batch that count, and the logits of all."""
        network, fixed = given
        named = [
            *zip(self._validated().variables, network, strict=True),
            *zip(self._fixed(), fixed, strict=True),
            *zip(self._figures(), means, strict=True),
        ]
        with keras.StatelessScope(named) as scope:
            images = self._images(data_parallel.over_devices(rows), training=False)
            logits = self._validated()(images, training=False)
            self._metrics["loss"].update_state(self._losses(labels, logits), sample_weight=counts)
            self._metrics["accuracy"].update_state(labels, logits, sample_weight=counts)
            return [scope.get_current_value(variable) for variable in self._figures()], logits


def predict(model: keras.Model, rows: Rows, ahead: Prefetcher) -> NDArray[np.float32]:
    """Return the logits `(len(rows), classes)` that a model from rows gives."""
    graph = _compiled(model)
    size = min(PREDICTION_BATCH, len(rows))
    bounds = [*range(0, len(rows), PREDICTION_BATCH), len(rows)]
    logits = [
        graph(_filled(rows[piece], size))[: len(rows[piece])]
        for piece in ahead.pieces(rows, bounds)
    ]
    return np.concatenate(logits) if logits else np.empty((0, model.output_shape[-1]), np.float32)


def predictor(network: keras.Model) -> Any:
    """Return what turns images into logits; it compiles once for each power of two of images."""
    graph = _compiled(network)

    def predict_batch(images: Pixels) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = graph(_filled(images, 1 << (len(images) - 1).bit_length()))
        return logits[: len(images)]

    return predict_batch


def _compiled(model: keras.Model) -> Any:
    """Return the model as a function of its inputs alone, which is compiled."""

    def call(values: Values, inputs: Any) -> Any:
        with keras.StatelessScope(list(zip(model.variables, values, strict=True))):
            return model(inputs, training=False)

    compiled = jax.jit(call)
    return lambda inputs: np.asarray(compiled(_values(model.variables), inputs))


def _values(variables: list[keras.Variable]) -> Values:
    return [variable.value for variable in variables]


def _assign(variables: list[keras.Variable], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _filled(array: NDArray[Any], length: int) -> NDArray[Any]:
    return np.pad(array, [(0, length - len(array)), *[(0, 0)] * (array.ndim - 1)])
