"""The images that the speed benchmarks share: a folder of train/ and test/, and the same pixels in
arrays.npz.

CIFAR-10 where CONVLADDER_CIFAR10 names a folder of it, else downloaded once by Keras and written as
JPEG files. The test suite takes a few images made by a formula instead.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from _harness.generated import CLASSES, draw_image
from convladder.core.places import cache_folder

ARRAYS = "arrays.npz"
QUALITY = 90  # of the JPEG files
SIDE = 32  # pixels
PHOTOGRAPH = (4000, 3000)  # width and height: 12 megapixels


def workspace() -> Path:
    """Return the folder for what the benchmarks make once, in convladder's cache."""
    folder = cache_folder().resolve() / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cifar10(workspace: Path) -> Path:
    """Return a folder with train/, test/ and arrays.npz of CIFAR-10."""
    return _once(workspace / "cifar10", _write_cifar10)


def few(workspace: Path) -> Path:
    """Return such a folder of few images made by a formula: 20 of each class to train on, 10 to
    test.
    """
    return _once(workspace / "few", _write_few)


def photographs(workspace: Path, count: int) -> Path:
    """Return a folder of so many JPEG photographs of 12 megapixels, in two classes."""
    return _once(workspace / f"photographs-{count}", partial(_write_photographs, count))


def _once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return the folder, filled by `write` if it is not there; it is there whole or not at all."""
    if not folder.exists():
        made = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        write(made)
        made.rename(folder)
    return folder


def _write_cifar10(folder: Path) -> None:
    named = os.environ.get("CONVLADDER_CIFAR10")
    if named:
        for part in ("train", "test"):
            shutil.copytree(Path(named) / part, folder / part)
    else:
        _download(folder)
    _write_arrays(folder)


def _write_few(folder: Path) -> None:
    for part, numbers in (
        ("train", range(20 * CLASSES)),
        ("test", range(20 * CLASSES, 30 * CLASSES)),
    ):
        for number in numbers:
            path = folder / part / f"class-{number % CLASSES}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(number))
    _write_arrays(folder)


def _write_photographs(count: int, folder: Path) -> None:
    for name in ("china", "flower"):
        (folder / name).mkdir()
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_write_photograph, folder), range(count)))


def encode(number: int) -> bytes:
    """Return an image of 32 x 32 that is made by a formula, as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(draw_image(number, number % CLASSES, SIDE)).save(
        file, format="JPEG", quality=QUALITY
    )
    return file.getvalue()


def _write_photograph(folder: Path, number: int) -> None:
    """Enlarge a part of one of scikit-learn's two photographs, and add the noise of a camera."""
    draw = np.random.default_rng(number)
    name = ("china", "flower")[number % 2]
    image = Image.fromarray(load_sample_images().images[number % 2])
    left, top = draw.uniform(0, 0.3, 2)
    box = (
        left * image.width,
        top * image.height,
        (left + 0.7) * image.width,
        (top + 0.7) * image.height,
    )
    large = np.asarray(image.resize(PHOTOGRAPH, Image.Resampling.BICUBIC, box=box), dtype=np.int16)
    noisy = large + draw.integers(-6, 7, large.shape, dtype=np.int16)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
        folder / name / f"{number:04}.jpg", quality=QUALITY
    )


def _write_arrays(folder: Path) -> None:
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        paths = sorted((folder / part).rglob("*.jpg"))
        if not paths:
            raise SystemExit(f"there is no .jpg file in {part}/ of CONVLADDER_CIFAR10")
        names = sorted({path.parent.name for path in paths})
        arrays[f"x_{part}"] = np.stack(
            [np.asarray(Image.open(path).convert("RGB")) for path in paths]
        )
        arrays[f"y_{part}"] = np.array([names.index(path.parent.name) for path in paths], np.int32)
    np.savez(folder / ARRAYS, **arrays)


def _download(folder: Path) -> None:
    import keras

    try:
        parts = keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras wraps every network failure in a bare Exception
        raise SystemExit(
            f"{error}: let CONVLADDER_CIFAR10 name a folder of its images in train/ and test/"
        ) from error
    for part, (images, labels) in zip(("train", "test"), parts, strict=True):
        for number, (pixels, label) in enumerate(zip(images, labels.ravel(), strict=True)):
            path = folder / part / str(label) / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=QUALITY)
