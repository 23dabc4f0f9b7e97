"""Trained weights of keras.applications: downloaded, or read from a file, under our names."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError
from convladder.models import keras_applications, variants, weight_shapes

TELL_SECONDS = 3
STALLED_SECONDS = 60  # without a byte, after which a download is given up

Arrays = dict[str, NDArray[Any]]


def download(name: str, emit: Callable[[str], None]) -> Arrays:
    """Return a network's ImageNet weights without its top; Keras downloads them once.

    `emit` is told every few seconds how much is there. Raises ExperimentError where they cannot be
    had, with what to do.
    """
    socket.setdefaulttimeout(STALLED_SECONDS)
    variant = variants.parse(name)
    size = {"input_shape": (variant.side, variant.side, 3)} if variant.side else {}
    kept = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    try:
        with _telling(kept, variants.find(variant.architecture).megabytes, emit):
            network = keras_applications.without_top(name, weights="imagenet", **size)
    except Exception as error:  # Keras makes bare ones of some that the network says
        said = " ".join(str(error).split())
        # HDF5's
        if (
            isinstance(error, OSError)
            and error.errno is None
            and not isinstance(error, TimeoutError)
        ):
            damaged = ", ".join(
                str(path) for path in sorted(kept.glob("*.h5")) if not _can_be_opened(path)
            )
            raise ExperimentError(
                f"a file of weights of {name} is damaged: remove {damaged or f'it from {kept}'} "
                f"and run the same command to download it again ({said})"
            ) from None
        raise ExperimentError(
            f"cannot get the ImageNet weights of {name} ({said}): if you are offline, download "
            f"the file elsewhere and give it with --pretrained {variant.architecture} "
            f"--weights FILE, or put it into {kept}"
        ) from None
    return _named(network)


def read(name: str, path: Path) -> Arrays:
    """Return the weights of a network without its top from an HDF5 file, as Keras writes it.

    Such a file holds numbers and no code; it is refused if it points at other files. Raises
    ExperimentError.
    """
    _check(path)
    network = weight_shapes.build(name)
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file does not have
            warnings.simplefilter("error", UserWarning)
            network.load_weights(path)
    except (ValueError, KeyError, OSError, AttributeError, TypeError, UserWarning) as error:
        raise ExperimentError(_misfit(name, path, " ".join(str(error).split())[:200])) from None
    return _named(network)


def _misfit(name: str, path: Path, said: str) -> str:
    """Say that weights do not fit a network, and which they do fit."""
    text = f"the weights in {path} are not those of {name} without its top"
    fitting = weight_shapes.networks_of(path)
    if fitting and name not in fitting:
        return f"{text}, but those of {' or '.join(fitting)}: give --pretrained {fitting[0]}"
    others = "" if fitting else ", and fit no other network of keras.applications"
    return (
        f"{text}{others}: expected its ..._notop.h5, or what save_weights wrote of it with "
        f"include_top=False ({said})"
    )


@contextlib.contextmanager
def _telling(folder: Path, megabytes: float, emit: Callable[[str], None]) -> Iterator[None]:
    """Tell now and then how large what is written in the folder meanwhile has become."""
    done, began = threading.Event(), time.time()

    def tell() -> None:
        while not done.wait(TELL_SECONDS):
            # one got its name, or was removed, just now
            with contextlib.suppress(FileNotFoundError):
                found = [path.stat() for path in folder.glob("*.h5")]
                size = sum(each.st_size for each in found if each.st_mtime >= began)
                emit(f"{size / 1e6:.0f} of some {megabytes:.0f} MB")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _can_be_opened(path: Path) -> bool:
    try:
        with h5py.File(path, "r"):
            return True
    except OSError:
        return False


def _named(network: keras.Model) -> Arrays:
    """Return the weights under the paths that they have in the networks that are built here.

    Raises ExperimentError where one is no number.
    """
    paths = [variable.path for variable in keras_applications.renamed(network, fixed=False).weights]
    arrays = {path: np.array(each) for path, each in zip(paths, network.get_weights(), strict=True)}
    if not all(np.isfinite(each).all() for each in arrays.values()):
        raise ExperimentError(
            f"the weights of {network.name} contain values that are not numbers: use another file"
        )
    variance = arrays.get("normalization_1/variance")
    if variance is not None and np.allclose(variance, keras_applications.DEVIATION, atol=1e-3):
        # the files of EfficientNet have the deviation where the layer, which takes its root, looks
        # for the variance; Keras divides by the rest in a layer that it makes only where it loads
        # the weights itself
        arrays["normalization_1/variance"] = np.square(variance)
    return arrays


def _check(path: Path) -> None:
    """Raise ExperimentError where a file is not HDF5, or does not hold all that it says itself."""
    if path.suffix not in (".h5", ".hdf5"):  # as Keras tells them
        raise ExperimentError(
            f"{path} is not a file of weights: expected .h5, as keras.applications provides"
        )
    if not path.is_file():
        raise ExperimentError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            _check_group(file, path, set())
    except OSError as error:
        raise ExperimentError(f"{path} is not an HDF5 file, or is damaged ({error})") from None


def _check_group(group: h5py.Group, path: Path, seen: set[Any]) -> None:
    """Raise ExperimentError where something in a group is elsewhere, or contains the group."""
    seen = seen | {group.id}
    for name in group:
        link, inside = group.get(name, getlink=True), None
        if isinstance(link, h5py.HardLink):
            inside = group[name]
        elsewhere = isinstance(inside, h5py.Dataset) and (inside.external or inside.is_virtual)
        circular = isinstance(inside, h5py.Group) and inside.id in seen
        if inside is None or elsewhere or circular:
            raise ExperimentError(
                f"{path} refers to data elsewhere ({name}): convladder reads weights from the "
                "file itself only"
            )
        if isinstance(inside, h5py.Group):
            _check_group(inside, path, seen)
