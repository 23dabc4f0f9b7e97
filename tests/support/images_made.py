"""Folders of small images, made for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

MakeFolder = Callable[..., Path]


def write_image(path: Path, *, seed: int, level: int = 0, size: int = 16) -> None:
    """Write a noisy RGB image whose brightness tells its class."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 80, (size, size, 3)) + 80 * min(level, 2)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
