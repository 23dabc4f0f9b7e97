"""What the page calls a classifier."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from convladder.deploy.serve.naming import name_of
from convladder.results.bundle.bundle import Bundle
from stored_bundle import STORED


@pytest.mark.parametrize(("file", "name"), [
    ("cats and dogs.convladder", "cats and dogs"),
    ("2026-11-23-140500-digits.convladder", "digits"),
    ("bundle.convladder", "colours"), ("seed-0.convladder", "colours"),
    ("fold-2-seed-11.convladder", "colours"), (".convladder", "colours"), ("v1", "v1"),
])  # fmt: skip
def test_it_has_the_name_of_its_file_or_of_its_images(tmp_path: Path, file: str, name: str) -> None:
    path = shutil.copy(STORED, tmp_path / file)
    assert name_of(Bundle(path)) == name
