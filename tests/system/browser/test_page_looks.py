"""The looks of the server's page: on phones and desktops, in light and dark, and for everyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browsing import entries, give, in_a_browser, wait
from convladder.results.bundle import container
from page_checks import (
    DESKTOP,
    PHONE,
    axe_violations,
    color_scheme,
    cut_off,
    overflowing,
    viewport,
)
from served import Served, served
from stored_bundle import STORED, make_folder

LONG = "Carcharodon-carcharias_(white-shark)_in-shallow-water_without-a-diver"

pytestmark = in_a_browser

# what the server would answer of a certain picture, with each class in the prediction set
CERTAIN = f"""
const answer = {{class: '{LONG}', probability: 1, unsure: true, warning: 'it is large',
  top: [{{class: '{LONG}', probability: 1}}, {{class: 'green', probability: 0}}],
  prediction_set: {{classes: ['{LONG}', 'green', 'red'], coverage: 0.95}}}};
const plain = window.fetch;
window.fetch = async (path, options) => String(path).startsWith('/v1/predict')
  ? new Response(JSON.stringify({{predictions: [answer]}})) : plain(path, options);
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_folder(tmp_path_factory.mktemp("pictures") / "new", images=1)
    (folder / "blue").rename(folder / LONG)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[Served]:
    """A server of a bundle with a class of a long name."""
    with container.Container(STORED) as opened:
        parts = {name: opened.read(name) for name in container.PARTS[1:]}
    contents = json.loads(parts[container.CONTENTS])
    contents["class_names"] = [LONG, "green", "red"]
    parts[container.CONTENTS] = json.dumps(contents).encode()
    folder = tmp_path_factory.mktemp("long")
    path = folder / "sharks.convladder"
    path.write_bytes(container.pack(parts))
    with served(path, "--corrections", folder / "corrected", "--samples", pictures) as running:
        yield running


def show_all(page: Any, url: str, picture: Path) -> None:
    """Open the page with everything on it: an entry, samples, the camera, the card."""
    page.get(url)
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#samples button")) == 3)
    page.execute_script(CERTAIN)
    give(page, picture)
    entries(page, 1)
    page.find_element(By.ID, "camera").click()
    seen = "return document.getElementById('video').videoWidth > 0"
    wait(page, lambda: page.execute_script(seen))
    page.find_element(By.ID, "watch").click()
    wait(page, page.find_element(By.ID, "live").is_displayed)
    page.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_whole_and_accessible_on_every_screen(
    browser: Any, server: Served, pictures: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with viewport(browser, width), color_scheme(browser, scheme):
        show_all(browser, server.url, pictures / "red" / "000.png")
        assert axe_violations(browser) == overflowing(browser) == cut_off(browser) == []
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_certainty_and_long_names_are_written_out(
    browser: Any, server: Served, pictures: Path
) -> None:
    with viewport(browser, PHONE):
        show_all(browser, server.url, pictures / "red" / "000.png")
        label, share = (
            browser.find_element(By.CSS_SELECTOR, f".entry .bars .{each}")
            for each in ("label", "share")
        )
        assert (label.text, share.text) == (LONG, "100.0 %")
        assert share.size["height"] < 2 * 24  # one line
        track = browser.find_element(By.CSS_SELECTOR, ".entry .bars .track")
        assert track.rect["x"] + track.rect["width"] <= share.rect["x"]
        assert LONG in browser.find_element(By.CSS_SELECTOR, "#samples button").text


def test_it_is_named_after_its_classifier(browser: Any, server: Served) -> None:
    browser.get(server.url)
    name = browser.find_element(By.TAG_NAME, "h1")
    wait(browser, lambda: name.text == "sharks")
    assert browser.title == "sharks – convladder"
    about = browser.find_element(By.ID, "about").text
    assert about == (
        f"Recognises 3 classes: {LONG}, green, red. Anything else will be mistaken for one of them."
    )


def test_the_card_is_rendered_without_questions_to_its_author(browser: Any, server: Served) -> None:
    browser.get(server.url)
    card = browser.find_element(By.ID, "card")
    wait(browser, lambda: card.find_elements(By.TAG_NAME, "td"))
    heading, *_ = card.find_elements(By.TAG_NAME, "h2")
    assert heading.get_property("textContent").startswith("Model card: ")
    assert "?" not in card.get_property("textContent")


def test_each_part_is_reached_by_the_keyboard_in_its_order(browser: Any, server: Served) -> None:
    browser.get(server.url)
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#samples button")) == 3)
    browser.find_element(By.ID, "camera").click()
    wait(browser, browser.find_element(By.ID, "viewfinder").is_displayed)
    browser.execute_script("document.getElementById('choose').focus()")
    found = [browser.switch_to.active_element.text]
    for _ in range(9):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        found.append(browser.switch_to.active_element.text)
    assert found == [
        "Choose pictures", "Use the camera", LONG, "green", "red", "Take the picture",
        "Classify continuously", "Close the camera", "When an answer is unsure", "Model card",
    ]  # fmt: skip
