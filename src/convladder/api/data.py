"""`load` and `check`: images as they are before anything is trained.

>>> import convladder as cl
>>> images = cl.load("digits", limit=200)
>>> images.counts()["test"]["7"]
3
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.api import inputs
from convladder.api.check import Check
from convladder.api.dataset import Dataset
from convladder.core.settings.data import Data
from convladder.data import loading
from convladder.report import progress

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def load(
    source: str | Path | Data | pd.DataFrame | NDArray[Any],
    labels: Sequence[Any] | NDArray[Any] | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    limit: int | None = None,
    changes: Mapping[str, Any] | None = None,
    allow_rejects: bool = False,
    quiet: bool = False,
) -> Dataset:
    """Decode a source's images (or find them decoded) and split them.

    Parameters
    ----------
    source
        Your images: a folder of class folders, a .zip or .tar archive of it, a table of paths and
        labels (.csv, .tsv, .jsonl, .json, .xml or .txt; see docs/data.md), an .npz file, a .parquet
        file or a folder of them, hf:NAME of the Hugging Face hub, or one of digits, mnist,
        fashion_mnist, cifar10, cifar100. Or a pandas frame with columns `path` and `label`, and
        `split` and `group` if there are, whose paths start in the working folder or in
        `data.image_root`. Or images, `(N, height, width)` or `(N, height, width, channels)`, of
        uint8, or of other numbers, which are brought to 8 bits as `data.range` says.
    labels
        Of images that are given as an array, `(N,)`: integers or texts.
    image_size
        Pixels to a side, or (height, width); None takes it from the images.
    limit
        Take a stratified subset of so many images.
    changes
        Change any setting (docs/settings.md) of the data under its dotted key, such as
        `{"data.resize": "crop"}`.
    allow_rejects
        Continue even if more than 1 % of the files are unreadable.
    quiet
        Do not show progress.

    Returns
    -------
    Dataset
        The labelled images, with tables and pictures of them.

    Raises
    ------
    DataError
        The source cannot be read, has too few images in a class, or too many unreadable files.
    ExperimentError
        A setting does not exist, or cannot have that value.
    """
    given = {"data.image_size": inputs.pair(image_size), "data.limit": limit}
    known = {key: value for key, value in given.items() if value is not None} | dict(changes or {})
    settings, opened = inputs.source_of(source, labels, known)
    return inputs.load_dataset(
        settings, allow_rejects, progress.reporter(quiet=quiet), source=opened
    )


def check(
    source: str | Path | Data | Dataset | pd.DataFrame | NDArray[np.uint8],
    labels: Sequence[Any] | NDArray[Any] | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Check:
    """Read every file, and say what would spoil figures made from them.

    That is broken files, copies, leaks and odd images.

    Parameters
    ----------
    source, labels, changes, quiet
        As `load` takes them; `source` may be what `load` returned, too.

    Returns
    -------
    Check
        What was found, with its table and its page.

    Raises
    ------
    DataError
        The source cannot be read.
    ExperimentError
        A setting does not exist, or cannot have that value.
    """
    settings, opened = inputs.source_of(source, labels, changes or {})
    with progress.reporter(quiet=quiet).counting() as on_progress:
        return Check(**vars(loading.check(settings, opened, progress=on_progress)))
