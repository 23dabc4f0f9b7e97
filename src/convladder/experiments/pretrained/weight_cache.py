"""Weights that the cache keeps by their content, without code.

Those of keras.applications, and on the nodes of a cluster those of a backbone that lies on another
machine's disk.

backbones/<SHA-256>.safetensors : arrays by name, and what is said about them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.places import cache_folder

Arrays = Mapping[str, NDArray[Any]]
About = Mapping[str, Any]

_ABOUT = "about"


def sum_of(arrays: Arrays, about: About) -> str:
    """Return a SHA-256 of arrays by name, and of what is said about them."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(repr((name, arrays[name].shape, arrays[name].dtype.str)).encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def folder() -> Path:
    """Return where they are kept, once there are any."""
    return cache_folder() / "backbones"


# docs/decisions/062-backbone-weights-go-to-a-node-as-its-bank-does.md
def path_of(sha256: str) -> Path:
    return folder() / f"{sha256}.safetensors"


def is_kept(sha256: str) -> bool:
    return path_of(sha256).is_file()


def packed(arrays: Arrays, about: About) -> bytes:
    """Return what a file of these weights holds."""
    from safetensors.numpy import save

    return save(
        {name: np.ascontiguousarray(each) for name, each in arrays.items()},
        {_ABOUT: json.dumps(about)},
    )


def keep(sha256: str, content: bytes) -> None:
    """Keep packed weights under their SHA-256; `read` is what compares them."""
    files.make_folder(folder())
    files.write_bytes(path_of(sha256), content)


def read(sha256: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the weights that are kept under this SHA-256, and what is said about them.

    Raises RunError where they are not there, or damaged: then they are removed, so that they are
    fetched again.
    """
    from safetensors import SafetensorError, safe_open

    path, arrays, about = path_of(sha256), {}, {}
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = json.loads((file.metadata() or {}).get(_ABOUT, "{}"))
    except OSError as error:
        raise RunError(
            f"cannot read the weights of the backbone in {path} ({error}): run the same command "
            "to download them"
        ) from None
    except (SafetensorError, ValueError):
        arrays = {}  # as those of another sum
    if sum_of(arrays, about) != sha256:
        path.unlink(missing_ok=True)
        raise RunError(
            f"the weights of the backbone in {path} were damaged: run the same command to "
            "download them again"
        )
    return arrays, about
