"""The pages of climbs and runs, in a browser: accessible, and within the screen of a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

import convladder as cl
from browsing import in_a_browser
from convladder.core.ladder import load_ladder
from convladder.results.folders import TrialKey
from made_runs import CLASSES, make_climb, share_right
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

RUNGS = ("lenet5", "max-pooling", "batch-norm")
MANY = tuple(f"Soft-coated wheaten terrier, 品种 {number:03}" for number in range(120))


@pytest.fixture(scope="module", params=[CLASSES, MANY], ids=["2 classes", "120 classes"])
def climbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> cl.Climb:
    trials = {
        TrialKey(rung, seed): share_right(0.55 + 0.15 * place, 600, 7 * place + seed)
        for place, rung in enumerate(RUNGS)
        for seed in range(3)
    }
    ladder = load_ladder("classic").part(list(RUNGS))
    folder = tmp_path_factory.mktemp("climb")
    return cl.Climb(make_climb(folder, trials, ladder, request.param))


@pytest.fixture(scope="module")
def pages(climbed: cl.Climb) -> list[Path]:
    run = climbed.runs("batch-norm")[0]
    return [run.report(), climbed.report()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_everyone_can_read_them(browser: Any, pages: list[Path], width: int, scheme: Any) -> None:
    for page in pages:
        with viewport(browser, width), color_scheme(browser, scheme):
            browser.get(page.as_uri())
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


def test_a_chip_shows_the_images_of_a_class_alone(browser: Any, pages: list[Path]) -> None:
    browser.get(pages[0].as_uri())
    figures = browser.find_elements(By.CSS_SELECTOR, ".gallery figure")
    chip = browser.find_element(By.CSS_SELECTOR, "label:has(#show-0)")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chip)
    chip.click()
    shown = [each for each in figures if each.is_displayed()]
    assert len(shown) > 0
    assert all("of-0" in each.get_attribute("class").split() for each in shown)
