"""What computes features with a settled experiment's backbone, and what they depend on."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convladder.core import files
from convladder.core.settings.model import Model
from convladder.experiments.pretrained import backbones
from convladder.results import provenance

if TYPE_CHECKING:
    from convladder.training.features import Extractor

FORMAT = 1  # of features that are kept
KEY = 32  # letters of a key


@functools.lru_cache(maxsize=1)
def extractor(model: Model, shape: tuple[int, int, int]) -> Extractor:
    """Return what turns images of a shape into features; a worker keeps the last one.

    Raises ConvladderError where the weights of the backbone are not there.
    """
    from convladder.training.features import Extractor

    backbone = backbones.load(model)
    assert backbone is not None
    return Extractor(model, backbone, shape)


def about(model: Model) -> dict[str, Any]:
    """Return all that features depend on, beside the images."""
    return {
        "format": FORMAT,
        "layers": {key: getattr(model, key) for key in backbones.BODY},
        "vector": model.head,
        "weights": model.backbone_sha256,
        "versions": provenance.versions(),
    }


def key_of(value: Mapping[str, Any]) -> str:
    """Return a name for what depends on these values."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY]


def is_key(name: str) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{KEY}}}", name) is not None


def save(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write features in one step. Raises OSError for no room."""
    temporary = path.with_name(f"{files.MARK}{path.stem}.tmp")
    try:
        with temporary.open("wb") as file:
            np.save(file, vectors)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
