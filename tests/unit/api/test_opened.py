"""Settings that say how images are opened, where the images are in memory: none of them is dropped
in silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import convladder as cl
from convladder.api import inputs
from convladder.core.errors import DataError
from convladder.report import progress
from images_made import MakeFolder


def arrays() -> tuple[np.ndarray, list[str]]:
    images = np.random.default_rng(0).integers(0, 256, (24, 12, 12), dtype=np.uint8)
    return images, ["cat", "dog"] * 12


def frame(root: Path) -> pd.DataFrame:
    files = sorted(root.rglob("*.png"))
    return pd.DataFrame({"path": map(str, files), "label": [file.parent.name for file in files]})


@pytest.fixture
def framed(make_folder: MakeFolder) -> cl.Dataset:
    root = make_folder({"cat": 10, "dog": 10})
    return cl.load(frame(root), changes={"data.image_root": str(root)}, quiet=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path_column", "foo"),
        ("group_column", "foo"),
        ("class_level", "leaf"),
        ("follow_links", True),
    ],
)
def test_an_array_refuses_what_it_has_not(name: str, value: Any) -> None:
    with pytest.raises(
        DataError, match=rf"^data\.{name} is for .*, and an array is not one: leave it out"
    ):
        cl.load(*arrays(), changes={f"data.{name}": value}, quiet=True)


@pytest.mark.parametrize("setting", [{"label_pattern": "(cat|dog)"}, {"class_level": "top"}])
def test_a_frame_refuses_what_only_folders_have(
    make_folder: MakeFolder, setting: dict[str, str]
) -> None:
    root = make_folder({"cat": 10, "dog": 10})
    changes = {f"data.{name}": value for name, value in setting.items()} | {
        "data.image_root": str(root)
    }
    with pytest.raises(DataError, match=r"goes with a folder of images.*, and a frame is none"):
        cl.load(frame(root), changes=changes, quiet=True)


@pytest.mark.parametrize("change", [{"data.follow_links": True}, {"data.label_column": "path"}])
def test_what_is_open_in_memory_is_not_opened_anew(
    framed: cl.Dataset, change: dict[str, Any]
) -> None:
    (name,) = change
    with pytest.raises(DataError, match=rf"{name} says how to open images.*give it to load"):
        cl.check(framed, changes=change, quiet=True)
    with pytest.raises(DataError, match=rf"{name} says how to open images.*give it to load"):
        cl.train(framed, changes=change, quiet=True)


def test_other_settings_of_images_in_memory_may_change(framed: cl.Dataset) -> None:
    read = inputs.loader(framed, False, progress.reporter(quiet=True))
    assert read(framed.settings.model_copy(update={"split_seed": 3})).origin is framed.origin
    assert (
        cl.check(framed, changes={"data.copies": "off"}, quiet=True).bank.records
        == framed.bank.records
    )


def test_a_dataset_in_memory_does_not_stand_for_another_source(
    framed: cl.Dataset, make_folder: MakeFolder
) -> None:
    other = make_folder({"ape": 6, "bee": 6}, at="other")
    changes = {"data.source": str(other), "data.image_root": None}
    found = cl.check(framed, changes=changes, quiet=True)
    assert found.bank.class_names == ("ape", "bee")
