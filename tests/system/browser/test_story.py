"""The story in the docs, as it is written: a folder, a climb, a bundle, predictions, an export, a
page.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.support.ui import Select

from browsing import browser, drop, entries, in_a_browser, wait
from limits import HANG
from served import serving
from stored_bundle import coloured, make_folder

STORY = Path(__file__).parents[3] / "docs" / "story.md"

__all__ = ["browser"]  # a fixture

pytestmark = in_a_browser


def commands() -> list[list[str]]:
    """Return the commands of the story, as this Python runs them."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", STORY.read_text(encoding="utf-8"), re.DOTALL):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            program, *words = shlex.split(line)
            found.append(
                [sys.executable, *(["-m", "convladder"] if program == "convladder" else []), *words]
            )
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the story begins."""
    place = tmp_path_factory.mktemp("story")
    make_folder(place / "colours", images=60)
    (place / "new").mkdir()
    Image.fromarray(coloured(np.random.default_rng(77), 2, size=20)).save(
        place / "new" / "unknown-1.png"
    )
    return place


def test_the_story_comes_out_as_it_is_told(place: Path, browser: Any) -> None:
    *steps, last = commands()
    assert [each[3] if each[1] == "-m" else "example" for each in (*steps, last)] == [
        "check", "climb", "bundle", "predict", "export", "example", "serve",
    ]  # fmt: skip
    said = {}
    for step in steps:
        done = subprocess.run(
            step, cwd=place, capture_output=True, text=True, timeout=HANG, check=False
        )
        assert done.returncode == 0, done.stderr
        said[step[3] if step[1] == "-m" else "example"] = done.stdout
    assert "max-pooling" in said["climb"]
    assert said["predict"].startswith("new/unknown-1.png  red ")
    assert said["example"].startswith("new/unknown-1.png  red ")
    with serving([*last, "--port", "0"], cwd=place) as own:
        browser.get(own.url)
        wait(browser, lambda: "3 classes" in browser.find_element("id", "about").text)
        drop(browser, place / "new" / "unknown-1.png")
        (entry,) = entries(browser, 1)
        assert entry.find_element("tag name", "h3").text.startswith("red")
        Select(entry.find_element("tag name", "select")).select_by_visible_text("red")
        entry.find_element("class name", "save").click()
        wait(browser, lambda: "Saved as red" in entry.find_element("class name", "note").text)
    assert len(list((place / "corrected" / "red").iterdir())) == 1
    shutil.rmtree(place / "corrected")
