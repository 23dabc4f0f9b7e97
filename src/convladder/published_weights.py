"""Weights that others have published, or that are in a file: fetched once, and kept without code in the cache.

backbones/<name>.json                the SHA-256 of what is kept of a network's ImageNet weights
backbones/<name>-<sum of file>.json  the same, of a file of weights
backbones/<SHA-256>.safetensors      the weights, under the names that they have here
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from convladder import files
from convladder.data.bank import cache_folder
from convladder.errors import ExperimentError, RunError
from convladder.models.families import FAMILIES
from convladder.processes import call
from convladder.worker import Emit

Say = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


def find(name: str, file: str | None, say: Say = silent) -> str:
    """Return the SHA-256 of the weights of a network of keras.applications, ImageNet's or those in a file.

    They are fetched where they are not kept yet, and `say` is told. Raises ConvladderError where that fails.
    """
    known = _known(_index(name, file))
    if known:
        return known
    if file is None:
        say(f"the ImageNet weights of {name}, some {FAMILIES[name].megabytes:.0f} MB, are fetched")
    sha256: str = call(fetch, name, file, on_message=say)
    return sha256


def fetch(name: str, file: str | None, emit: Emit) -> str:
    """Keep the published weights of a network in the cache and return their SHA-256; a task for a worker."""
    from convladder.models import published

    index = _index(name, file)
    with FileLock(index.with_suffix(".lock")):  # others wait, and find them
        known = _known(index)
        if known:
            return known
        arrays = published.download(name, emit) if file is None else published.read(name, Path(file))
        sha256 = sum_of(arrays, {})
        _keep(arrays, sha256)
        files.write_json(index, {"sha256": sha256})
        return sha256


def clear() -> None:
    """Delete the published weights that are kept in the cache; they are fetched again when needed."""
    for path in [*_folder().glob("*.json"), *_folder().glob("*.safetensors")]:
        files.remove(path)


def sum_of(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> str:
    """Return a SHA-256 of arrays by name, and of what is said about them."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(repr((name, arrays[name].shape, arrays[name].dtype.str)).encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _folder() -> Path:
    folder = cache_folder() / "backbones"
    files.make_folder(folder)
    return folder


def _index(name: str, file: str | None) -> Path:
    """Return the file that says which weights are those of a network, published or from a file."""
    if file is None:
        return _folder() / f"{name}.json"
    path = Path(file).expanduser()
    try:
        with path.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ExperimentError(f"cannot read the weights {path} ({error.strerror}): give a .h5 file") from None
    return _folder() / f"{name}-{content[:16]}.json"


def _known(index: Path) -> str | None:
    """Return the SHA-256 of weights that are in the cache."""
    try:
        sha256 = str(files.read_json(index)["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sha256 if _kept(sha256).is_file() else None


def _kept(sha256: str) -> Path:
    return _folder() / f"{sha256}.safetensors"


def _keep(arrays: Mapping[str, NDArray[Any]], sha256: str) -> None:
    from safetensors.numpy import save

    files.write_bytes(_kept(sha256), save({name: np.ascontiguousarray(each) for name, each in arrays.items()}))


def read(sha256: str) -> dict[str, NDArray[Any]]:
    """Return the weights that are kept under this SHA-256. Raises RunError where they are not, or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = _kept(sha256)
    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot read the weights of the backbone in {path} ({error}): the same command fetches them"
        ) from None
    if sum_of(arrays, {}) != sha256:
        path.unlink(missing_ok=True)
        raise RunError(f"the weights of the backbone in {path} were damaged: the same command fetches them again")
    return arrays
