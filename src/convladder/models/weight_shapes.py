"""Which network of keras.applications the weights in a file fit, by their shapes alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import h5py
import keras

from convladder.models import keras_applications
from convladder.models.variants import NETWORKS, USUAL_SIDE

Shapes = Counter[tuple[int, ...]]

ROUNDED = 0.01  # the share by which the catalog's parameters, of three digits, may be others


def networks_of(path: Path) -> list[str]:
    """Return the networks that have, without their top, the shapes of the weights in an HDF5 file.

    Only those with as many parameters are built.
    """
    shapes = _shapes_in(path)
    millions = sum(number * math.prod(shape) for shape, number in shapes.items()) / 1e6
    return [
        name
        for name, network in NETWORKS.items()
        if math.isclose(network.parameters, millions, rel_tol=ROUNDED)
        and _counted(each.shape for each in build(name).weights) == shapes
    ]


def build(name: str) -> keras.Model:
    """Return Keras's own network with new weights, whose shapes are the same for all sizes."""
    return keras_applications.without_top(
        name, weights=None, input_shape=(USUAL_SIDE, USUAL_SIDE, 3)
    )


def _shapes_in(path: Path) -> Shapes:
    """Count the shapes of a file's weights: its floating-point numbers that are no scalars.

    What an optimizer remembers has their shapes, too, and is left out.
    """
    shapes = []

    def visit(place: str, inside: h5py.Group | h5py.Dataset) -> None:
        is_array = isinstance(inside, h5py.Dataset) and inside.dtype.kind == "f"
        if is_array and not place.startswith("optimizer"):
            shapes.append(inside.shape)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return _counted(shapes)


def _counted(shapes: Iterable[tuple[int, ...] | None]) -> Shapes:
    return Counter(tuple(shape) for shape in shapes if shape)
