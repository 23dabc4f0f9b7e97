"""What training asks of the library that Keras computes with; its module is chosen here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.backend import JAX, NAMES, VARIABLE
from convladder.core.errors import ExperimentError
from convladder.data.decoding.image_form import Pixels
from convladder.training import steps
from convladder.training.batches import Prefetcher, Rows


class Backend(Protocol):
    """What each of the two modules offers."""

    StepFunctions: type[steps.StepFunctions]

    def predict(self, model: keras.Model, rows: Rows, ahead: Prefetcher) -> NDArray[np.float32]: ...
    def predictor(self, network: keras.Model) -> Callable[[Pixels], NDArray[np.float32]]: ...
    def share_memory(self, array: Pixels) -> Any: ...
    def device_errors(self) -> AbstractContextManager[None]: ...
    def accelerator(self) -> str | None: ...
    def be_deterministic(self) -> None: ...
    def set_seed(self, seed: int) -> None: ...


def _chosen() -> Backend:
    name = keras.backend.backend()
    if name not in NAMES:
        raise ExperimentError(
            f"Keras computes with {name}, but {' or '.join(NAMES)} is needed: set {VARIABLE}"
        )
    if name == JAX:
        from convladder.training.backend import jax

        return cast(Backend, jax)
    from convladder.training.backend import tensorflow

    return cast(Backend, tensorflow)


_backend = _chosen()
StepFunctions = _backend.StepFunctions
predict, predictor = _backend.predict, _backend.predictor
share_memory, device_errors, accelerator = (
    _backend.share_memory,
    _backend.device_errors,
    _backend.accelerator,
)
be_deterministic, set_seed = _backend.be_deterministic, _backend.set_seed
