"""The weights of a bundle: a safetensors file whose header is checked before any array is made.

The format: 8 bytes with the length of a JSON header, the header, the values without a gap
(https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import BundleError
from convladder.results.bundle.container import WEIGHTS, Container, refusal
from convladder.results.bundle.schema import Tensor

LARGEST_HEADER = 2**21  # bytes; the largest network of keras.applications has a tenth of it
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U32": 4, "U8": 1}
TYPES = {
    np.dtype(np.float32): "F32",
    np.dtype(np.int64): "I64",
    np.dtype(np.int32): "I32",
    np.dtype(np.uint32): "U32",
}

Arrays = dict[str, NDArray[Any]]


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a safetensors file of arrays."""
    from safetensors.numpy import save

    # a scalar stays one
    return save({name: np.array(array, order="C") for name, array in arrays.items()})


def describe(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return what the schema says of arrays."""
    return {
        name: Tensor(shape=array.shape, dtype=TYPES[array.dtype]) for name, array in arrays.items()
    }


def read(container: Container, wanted: Mapping[str, Tensor]) -> Arrays:
    """Return the arrays. Raises BundleError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    check(container, wanted)
    try:
        arrays = load(container.read(WEIGHTS))
    except (SafetensorError, ValueError, KeyError) as error:
        raise _refused(container, error) from None
    return {name: arrays[name] for name in wanted}


def check(container: Container, wanted: Mapping[str, Tensor]) -> None:
    """Raise BundleError unless the header names the wanted arrays, in a row to the very end."""
    size = container.manifest.files[WEIGHTS].bytes
    length = int.from_bytes(container.head(WEIGHTS, 8), "little")
    if size < 8 or length > min(LARGEST_HEADER, size - 8):
        raise _refused(container, f"a header of {length:,} bytes, in a file of {size:,}")
    try:
        header = json.loads(container.head(WEIGHTS, 8 + length)[8:])
        found = {
            name: (tuple(each["shape"]), each["dtype"], *each["data_offsets"])
            for name, each in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(container, "its header cannot be read") from None
    if {name: each[:2] for name, each in found.items()} != {
        name: (t.shape, t.dtype) for name, t in wanted.items()
    }:
        raise _refused(
            container, "the names, shapes or types of its arrays do not match bundle.json"
        )
    place = 0
    for name, (shape, dtype, start, end) in sorted(found.items(), key=lambda item: item[1][2:]):
        if (start, end) != (place, place + math.prod(shape) * ITEM_BYTES[dtype]):
            raise _refused(
                container,
                f"{name!r} does not start where the array before it ends, or has another size",
            )
        place = end
    if 8 + length + place != size:
        raise _refused(container, "there is extra data after its arrays")


def _refused(container: Container, why: object) -> BundleError:
    return refusal(container.path, f"{WEIGHTS}: {why}")
