"""Weights that others published, or of a file: fetched once, and cached without code.

backbones/<name>.json                the SHA-256 of what is kept of a network's ImageNet weights
backbones/<name>-<sum of file>.json  the same, of a file of weights
backbones/<SHA-256>.safetensors      the weights, under their names here (see `weight_cache`)
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from convladder.core import files
from convladder.core.errors import ExperimentError
from convladder.core.worker import Emit
from convladder.core.worker_pool import call
from convladder.experiments.pretrained import weight_cache
from convladder.models import variants

FORMAT = 1  # of how published weights are brought into ours

Say = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


def find(name: str, file: str | None, say: Say = silent) -> str:
    """Return the SHA-256 of the weights of a keras.applications network: ImageNet's or a file's.

    They are fetched where they are not kept yet, and `say` is told. Raises ConvladderError where
    that fails.
    """
    known = _known(_index(name, file))
    if known:
        return known
    if file is None:
        megabytes = variants.find(variants.parse(name).architecture).megabytes
        say(f"downloading the ImageNet weights of {name} (about {megabytes:.0f} MB)")
    sha256: str = call(fetch, name, file, on_message=say)
    return sha256


def fetch(name: str, file: str | None, emit: Emit) -> str:
    """Keep a network's published weights in the cache; return their SHA-256. A worker's task."""
    from convladder.models import imagenet_weights

    index = _index(name, file)
    with _alone(
        index, lambda: emit(f"waiting for another command that downloads the weights of {name}")
    ):
        known = _known(index)
        if known:
            return known
        arrays = (
            imagenet_weights.download(name, emit)
            if file is None
            else imagenet_weights.read(name, Path(file))
        )
        sha256 = weight_cache.sum_of(arrays, {})
        weight_cache.keep(sha256, weight_cache.packed(arrays, {}))
        files.write_json(index, {"sha256": sha256, **_made_by()})
        return sha256


@contextlib.contextmanager
def _alone(index: Path, say_so: Callable[[], None]) -> Iterator[None]:
    """Be the only one that fetches what an index is of; where another does, say so and wait."""
    try:
        files.make_folder(index.parent)
    except OSError as error:
        raise ExperimentError(
            f"cannot write the cache {index.parent} ({error.strerror or error}): free some space, "
            "or set CONVLADDER_CACHE to a folder that you can write to"
        ) from None
    lock = FileLock(index.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say_so()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def clear() -> None:
    """Delete the published weights in the cache; they are fetched again when needed."""
    folder = weight_cache.folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        if _is_ours(path):
            files.remove(path)


def _is_ours(path: Path) -> bool:
    """Whether a file in this folder is of kept weights: others may lie where the cache is."""
    if path.is_dir():
        return False
    name, suffix = path.stem, path.suffix
    if suffix == ".safetensors":
        return re.fullmatch(r"[0-9a-f]{64}", name) is not None
    if re.sub("-[0-9a-f]{16}$", "", name) in variants.PUBLISHED:
        return suffix == ".lock" or (suffix == ".json" and _says_weights(path))
    return files.is_temporary(path.name)


def _says_weights(path: Path) -> bool:
    try:
        told = files.read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.keys() == {"sha256", "format", "keras"}


def _index(name: str, file: str | None) -> Path:
    """Return the file that says which weights are those of a network, published or from a file."""
    if file is None:
        return weight_cache.folder() / f"{name}.json"
    path = Path(file).expanduser()
    try:
        with path.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ExperimentError(
            f"cannot read the weights {path} ({error.strerror}): give a .h5 file"
        ) from None
    return weight_cache.folder() / f"{name}-{content[:16]}.json"


def _known(index: Path) -> str | None:
    """Return the SHA-256 of weights that are in the cache."""
    try:
        known = files.read_json(index)
        sha256 = str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (
        sha256
        if known == {"sha256": sha256, **_made_by()} and weight_cache.is_kept(sha256)
        else None
    )


def _made_by() -> dict[str, Any]:
    """Return what kept weights, their names and values, depend on beside their file."""
    return {"format": FORMAT, "keras": metadata.version("keras")}
