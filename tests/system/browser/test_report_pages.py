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
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => each.open = true)"
BUBBLE = """
const [figure] = arguments, card = figure.closest('.card').getBoundingClientRect();
const style = getComputedStyle(figure, '::after');
return {said: style.content, left: card.left + parseFloat(style.left),
        right: card.right - parseFloat(style.right)};
"""
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


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_names_break_at_no_hyphen(browser: Any, pages: list[Path], width: int) -> None:
    with viewport(browser, width):
        browser.get(pages[1].as_uri())
        names = browser.find_elements(By.CSS_SELECTOR, "h1 .unbroken")
        assert {name.text for name in names} >= {"max-pooling", "batch-norm"}
        heights = {name.rect["height"] for name in names}
        assert len(heights) == 1
        line = browser.find_element(By.TAG_NAME, "h1").value_of_css_property("line-height")
        assert heights.pop() < 1.5 * float(line.removesuffix("px"))


def test_verdicts_are_words_and_their_table_fits_the_page(browser: Any, pages: list[Path]) -> None:
    with viewport(browser, DESKTOP):
        browser.get(pages[1].as_uri())
        verdicts = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".claim")]
        assert any(each.startswith("▲ better +") for each in verdicts)
        table = browser.find_element(By.CSS_SELECTOR, "table.rungs")
        assert len(table.find_elements(By.CSS_SELECTOR, "thead th")) == 7
        assert table.rect["width"] <= table.find_element(By.XPATH, "..").rect["width"]


def test_an_axis_is_drawn_where_there_is_a_table(browser: Any, pages: list[Path]) -> None:
    for width, is_table in ((DESKTOP, True), (PHONE, False)):
        with viewport(browser, width):
            browser.get(pages[1].as_uri())
            ticks = browser.find_elements(By.CSS_SELECTOR, ".axis span")
            lines = browser.find_elements(By.CSS_SELECTOR, ".rungs tbody tr:first-child u")
            assert [tick.is_displayed() for tick in ticks] == [is_table] * len(ticks)
            if is_table:
                middles = [tick.rect["x"] + tick.rect["width"] / 2 for tick in ticks]
                drawn = [line.rect["x"] + line.rect["width"] / 2 for line in lines]
                assert middles == pytest.approx(drawn, abs=1.5)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_figure_in_focus_says_what_it_means(browser: Any, pages: list[Path], width: int) -> None:
    with viewport(browser, width):
        for page in pages:
            browser.get(page.as_uri())
            for figure in browser.find_elements(By.CSS_SELECTOR, ".cards .figure"):
                assert browser.execute_script(BUBBLE, figure)["said"] == "none"
                browser.execute_script("arguments[0].focus()", figure)
                assert browser.switch_to.active_element == figure
                bubble = browser.execute_script(BUBBLE, figure)
                assert bubble["said"].strip('"') == figure.get_attribute("title")
                assert 0 < bubble["left"] < bubble["right"] < width
                assert overflowing(browser) == []


def test_a_chip_shows_the_images_of_a_class_alone(browser: Any, pages: list[Path]) -> None:
    browser.get(pages[0].as_uri())
    figures = browser.find_elements(By.CSS_SELECTOR, ".gallery figure")
    chip = browser.find_element(By.CSS_SELECTOR, "label:has(#show-0)")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chip)
    chip.click()
    shown = [each for each in figures if each.is_displayed()]
    assert len(shown) > 0
    assert all("of-0" in each.get_attribute("class").split() for each in shown)
