"""The pages of checks, searches and comparisons: accessible, and within the screen of a phone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import convladder as cl
from browsing import in_a_browser
from convladder.report import pages as report_pages
from images_made import write_image
from made_runs import make_run, share_right
from made_searches import make_search
from page_checks import (
    DESKTOP,
    PHONE,
    axe_violations,
    color_scheme,
    cut_off,
    overflowing,
    viewport,
)

pytestmark = in_a_browser

LONG = "Soft-coated wheaten terrier, 品种, порода, in winter"
VALUES = (0.6, 0.9, None, 0.7, 0.65, 0.8, 0.75, 0.72, 0.71, 0.69, 0.5, 0.55)
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => each.open = true)"


def make_check(folder: Path) -> Path:
    """Check images that are wrong in many ways, of classes with long names."""
    images = folder / "images"
    for place, part in enumerate(("train", "test")):
        for level, name in enumerate(("cat", LONG, *(f"{LONG} {each:02}" for each in range(14)))):
            (images / part / name).mkdir(parents=True)
            for number in range(4):
                path = images / part / name / f"{number}.png"
                write_image(path, seed=1000 * place + 10 * level + number, level=level, size=48)
    again = (images / "test/cat/0.png").read_bytes()
    (images / "train/cat/again.png").write_bytes(again)
    (images / "train" / LONG / "again.png").write_bytes(again)
    (images / "train/cat" / f"{'a-very-long-name-' * 8}.png").write_bytes(b"")
    (images / "train/cat/notes.txt").write_text("notes")
    return cl.check(images, quiet=True).report(folder / "check.html")


def make_comparison(folder: Path, groups: Sequence[str], seeds: int) -> Path:
    for place, name in enumerate(groups):
        for seed in range(seeds):
            make_run(
                folder / str(place) / f"seed-{seed}",
                rung=name,
                seed=seed,
                right=share_right(0.5 + 0.2 * place, 200, seed + 10 * place),
                changes={"train.learning_rate": 0.001 + place / 1000},
            )
    compared = cl.compare(*(folder / str(place) for place in range(len(groups))))
    return report_pages.write_comparison(compared, folder)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    searched = make_search(
        tmp_path_factory.mktemp("search"), VALUES, tested=(0.5, 0.8), importances=True
    )
    return [
        make_check(tmp_path_factory.mktemp("check")),
        cl.Tuning(searched).report(),
        make_comparison(
            tmp_path_factory.mktemp("groups"), ("lenet5", "max-pooling", f"{LONG} {LONG}"), 3
        ),
        make_comparison(tmp_path_factory.mktemp("networks"), ("lenet5", "max-pooling"), 1),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_everyone_can_read_them(browser: Any, pages: list[Path], width: int, scheme: Any) -> None:
    for page in pages:
        with viewport(browser, width), color_scheme(browser, scheme):
            browser.get(page.as_uri())
            browser.execute_script(OPEN_ALL)
            assert overflowing(browser) == []
            assert cut_off(browser) == []
            assert axe_violations(browser) == []


def test_every_link_leads_somewhere(browser: Any, pages: list[Path]) -> None:
    for page in pages:
        browser.get(page.as_uri())
        links = [link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")]
        assert links
        for link in links:
            place, _, anchor = link.removeprefix("file://").partition("#")
            assert Path(place).exists()
            assert not anchor or browser.find_elements(By.ID, anchor)


def test_the_keyboard_goes_through_the_sections_first(browser: Any, pages: list[Path]) -> None:
    for page in pages:
        browser.get(page.as_uri())
        sections = browser.find_elements(By.CSS_SELECTOR, ".sections a")
        for section in sections:
            browser.switch_to.active_element.send_keys(Keys.TAB)
            assert browser.switch_to.active_element == section


def test_figures_say_what_they_are(browser: Any, pages: list[Path]) -> None:
    for page in pages:
        browser.get(page.as_uri())
        figures = browser.find_elements(By.CSS_SELECTOR, ".cards .figure")
        assert figures
        assert all(each.get_attribute("title").endswith(".") for each in figures)
        assert browser.find_elements(By.CSS_SELECTOR, "#next code")
