"""Files of weights of keras.applications, made here: their numbers are drawn."""

from __future__ import annotations

from pathlib import Path

import h5py
from keras.src.legacy.saving import legacy_h5_format

from convladder.models import weight_shapes


def save(name: str, path: Path) -> Path:
    """Write a network's weights as `save_weights` does: into `*.weights.h5`."""
    weight_shapes.build(name).save_weights(path)
    return path


def publish(name: str, path: Path) -> Path:
    """Write a network's weights as keras.applications publishes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, weight_shapes.build(name))
    return path
