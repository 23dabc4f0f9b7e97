"""The story in the docs, as it is written: a folder, a climb, a bundle, predictions, an export, a
page.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.support.ui import Select

from browsing import drop, entries, in_a_browser, wait
from command_line import convladder_here, in_a_process
from kept_workers import kept_workers
from served import serving
from stored_bundle import coloured, make_folder

STORY = Path(__file__).parents[3] / "docs" / "story.md"

pytestmark = in_a_browser


def commands() -> list[list[str]]:
    """Return the commands of the story."""
    blocks = re.findall(r"```console\n(.*?)```", STORY.read_text(encoding="utf-8"), re.DOTALL)
    return [
        shlex.split(line)
        for block in blocks
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    ]


def run(program: str, *words: str, cwd: Path) -> str:
    """Run a command of the story, and return what it says."""
    done = (
        convladder_here(*words, cwd=cwd)
        if program == "convladder"
        else in_a_process(sys.executable, *words, cwd=cwd)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    names = [words[0] if program == "convladder" else "example" for program, *words in steps]
    assert names == ["check", "climb", "bundle", "predict", "export", "example"]
    with kept_workers():
        said = {name: run(*step, cwd=place) for name, step in zip(names, steps, strict=True)}
    assert "max-pooling" in said["climb"]
    assert said["predict"].startswith("new/unknown-1.png  red ")
    assert said["example"].startswith("new/unknown-1.png  red ")
    program, *words = last
    assert (program, words[0]) == ("convladder", "serve")
    with serving([sys.executable, "-m", program, *words, "--port", "0"], cwd=place) as own:
        browser.get(own.url)
        wait(browser, lambda: "3 classes" in browser.find_element("id", "about").text)
        drop(browser, place / "new" / "unknown-1.png")
        (entry,) = entries(browser, 1)
        assert entry.find_element("tag name", "h3").text.startswith("red")
        Select(entry.find_element("tag name", "select")).select_by_visible_text("red")
        entry.find_element("class name", "save").click()
        wait(browser, lambda: "Saved as red" in entry.find_element("class name", "note").text)
        if pictures := os.environ.get("CONVLADDER_PICTURES"):  # make pictures
            browser.find_element("tag name", "main").screenshot(str(Path(pictures) / "page.png"))
    assert len(list((place / "corrected" / "red").iterdir())) == 1
    shutil.rmtree(place / "corrected")
