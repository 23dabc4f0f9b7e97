"""Which library Keras computes with: TensorFlow, or JAX if `KERAS_BACKEND=jax` is set.

It imports neither. What speaks to one of them by name is chosen in `models/backend.py` and
`training/backend.py`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from convladder.core.errors import ExperimentError

VARIABLE = "KERAS_BACKEND"
# unset, TensorFlow uses oneDNN with AVX-512 VNNI alone; others gain as well
# docs/decisions/077-workers-convolve-with-onednn-on-every-processor.md
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
TENSORFLOW, JAX = NAMES = ("tensorflow", "jax")
PACKAGES = {TENSORFLOW: ("tensorflow", "tensorflow-cpu"), JAX: ("jax", "jaxlib")}


def chosen() -> str:
    """Return the name of the backend. Raises ExperimentError for an unknown one."""
    name = os.environ.get(VARIABLE) or TENSORFLOW
    if name not in NAMES:
        raise ExperimentError(f"{VARIABLE} is {TENSORFLOW} (the default) or {JAX}; got {name!r}")
    if name == JAX and not (find_spec("jax") and find_spec("jaxlib")):
        raise ExperimentError(
            f"{VARIABLE}={JAX}, but jax is not installed: pip install 'convladder[jax]'"
        )
    return name


def environment() -> dict[str, str]:
    """Return what to add to the environment of a process that computes."""
    name = chosen()
    if name == TENSORFLOW:
        return {
            VARIABLE: name,
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
            ONEDNN: os.environ.get(ONEDNN, "1"),
        }
    # read when a process starts
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    # several workers may share an accelerator
    sharing = os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return {
        VARIABLE: name,
        "XLA_FLAGS": flags.strip(),
        "XLA_PYTHON_CLIENT_PREALLOCATE": sharing,
        "JAX_TRACEBACK_FILTERING": "off",  # else the last line of an error tells of the filter
    }


def use_tensorflow() -> None:
    """Have Keras compute with TensorFlow in this process, which has not imported Keras yet."""
    os.environ[VARIABLE] = TENSORFLOW
