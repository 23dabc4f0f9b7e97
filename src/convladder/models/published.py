"""Trained weights of the networks of keras.applications: downloaded, or read from a file, under our names."""

from __future__ import annotations

import contextlib
import os
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

from convladder.errors import ExperimentError
from convladder.models import applications
from convladder.models.families import find

TELL_SECONDS = 3
SIDE = 224  # pixels to a side of the network that is given the weights; they are the same for all sizes
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, on the scale 0 to 1

Arrays = dict[str, NDArray[Any]]


def download(name: str, emit: Callable[[str], None]) -> Arrays:
    """Return the ImageNet weights of a network without its top, which Keras downloads once and keeps.

    `emit` is told every few seconds how much is there. Raises ExperimentError where they cannot be had, with what
    to do.
    """
    kept = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    try:
        with _telling(kept, find(name).megabytes, emit):
            network = getattr(keras.applications, name)(include_top=False, weights="imagenet")
    except OSError as error:  # of the file: what the network says, Keras makes a bare Exception of
        raise ExperimentError(
            f"a file of weights of {name} in {kept} is damaged: remove it, and the same command fetches it again "
            f"({error})"
        ) from None
    except Exception as error:
        said = " ".join(str(error).split())
        raise ExperimentError(
            f"cannot get the ImageNet weights of {name} ({said}): offline, download the file elsewhere and "
            f"give it with --weights FILE, or put it into {kept}"
        ) from None
    return _named(network)


def read(name: str, path: Path) -> Arrays:
    """Return the weights of a network without its top from an HDF5 file, as Keras writes it.

    Such a file holds numbers and no code; it is refused if it points at other files. Raises ExperimentError.
    """
    _check(path)
    network = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of layers that the file does not have
            network.load_weights(path)
    except (ValueError, KeyError, OSError, AttributeError, TypeError, UserWarning) as error:
        said = " ".join(str(error).split())[:200]
        raise ExperimentError(
            f"the weights in {path} are not those of {name} without its top: expected its ..._notop.h5, or what "
            f"save_weights wrote of it with include_top=False ({said})"
        ) from None
    return _named(network)


@contextlib.contextmanager
def _telling(folder: Path, megabytes: float, emit: Callable[[str], None]) -> Iterator[None]:
    """Tell now and then how large what is written in the folder meanwhile has become."""
    done, began = threading.Event(), time.time()

    def tell() -> None:
        while not done.wait(TELL_SECONDS):
            sizes = [path.stat().st_size for path in folder.glob("*.h5") if path.stat().st_mtime >= began]
            emit(f"{sum(sizes) / 1e6:.0f} of some {megabytes:.0f} MB")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _named(network: keras.Model) -> Arrays:
    """Return the weights under the paths that they have in the networks that are built here."""
    paths = [variable.path for variable in applications.renamed(network, fixed=False).weights]
    arrays = {path: np.array(each) for path, each in zip(paths, network.get_weights(), strict=True)}
    variance = arrays.get("normalization_1/variance")
    if variance is not None and np.allclose(variance, np.square(DEVIATION), atol=1e-3):
        # EfficientNet was trained on pixels that were divided by the variance, not by the deviation; Keras divides
        # by the rest in a layer that it makes only where it loads the weights itself
        arrays["normalization_1/variance"] = variance * np.asarray(DEVIATION, variance.dtype)
    return arrays


def _check(path: Path) -> None:
    """Raise ExperimentError where a file is not HDF5, or does not hold all that it says itself."""
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise ExperimentError(f"{path} is no file of weights: expected .h5, as keras.applications has them")
    if not path.is_file():
        raise ExperimentError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            _check_group(file, path)
    except OSError as error:
        raise ExperimentError(f"{path} is not an HDF5 file, or is damaged ({error})") from None


def _check_group(group: h5py.Group, path: Path) -> None:
    for name in group:
        link, inside = group.get(name, getlink=True), None
        if isinstance(link, h5py.HardLink):
            inside = group[name]
        elsewhere = isinstance(inside, h5py.Dataset) and (inside.external or inside.is_virtual)
        if inside is None or elsewhere:
            raise ExperimentError(f"{path} points at other places ({name}): weights are read from the file itself")
        if isinstance(inside, h5py.Group):
            _check_group(inside, path)
