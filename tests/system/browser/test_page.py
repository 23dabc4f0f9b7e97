"""The server's page, in a real browser without a screen (FAULTS W9)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browsing import drop, entries, give, in_a_browser, wait
from convladder.results.bundle import container
from served import Served, served
from stored_bundle import CLASSES, STORED, make_folder

EVIL = '<img src=x onerror="document.title=1">'

pytestmark = in_a_browser


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the name of a script as that of a class, and in its card."""
    with container.Container(STORED) as opened:
        parts = {name: opened.read(name) for name in container.PARTS[1:]}
    contents = json.loads(parts[container.CONTENTS])
    contents["class_names"] = [EVIL, "green", "red"]
    parts[container.CONTENTS] = json.dumps(contents).encode()
    parts[container.CARD] = f"# {EVIL}\n\n{EVIL} [here](javascript:document.title=1)\n".encode()
    path = tmp_path_factory.mktemp("evil") / "evil.convladder"
    path.write_bytes(container.pack(parts))
    return path


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corrections") / "corrected"


@pytest.fixture(scope="module")
def server(evil: Path, corrected: Path) -> Iterator[Served]:
    with served(evil, "--corrections", corrected) as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("pictures") / "new", images=1)


@pytest.fixture
def page(browser: Any, server: Served) -> Any:
    browser.get(server.url)
    wait(browser, lambda: "Recognises" in browser.find_element(By.ID, "about").text)
    return browser


def test_a_picture_that_is_dropped_is_named(page: Any, pictures: Path) -> None:
    drop(page, pictures / "red" / "000.png")
    (entry,) = entries(page, 1)
    assert entry.find_element(By.TAG_NAME, "h3").text.startswith("red")
    bars = entry.find_elements(By.CSS_SELECTOR, ".bars li")
    assert len(bars) == len(CLASSES)
    shares = [
        float(bar.find_element(By.CLASS_NAME, "share").text.removesuffix(" %")) for bar in bars
    ]
    assert shares == sorted(shares, reverse=True)
    widths = [bar.find_element(By.CLASS_NAME, "fill").size["width"] for bar in bars]
    assert widths[0] > widths[-1]
    assert "red" in page.find_element(By.ID, "status").text  # which a screen reader speaks


def test_several_are_chosen_and_a_broken_one_says_why(
    page: Any, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    give(page, pictures / "green" / "000.png", tmp_path / "broken.png")
    broken, green = entries(page, 2)
    assert "green" in green.find_element(By.TAG_NAME, "h3").text
    assert "unsupported" in wait(page, lambda: broken.find_element(By.CLASS_NAME, "note").text)
    page.find_element(By.ID, "clear").click()
    entries(page, 0)


def test_a_script_in_a_name_does_not_run(page: Any, pictures: Path, tmp_path: Path) -> None:
    named = tmp_path / "<img src=x onerror=document.title=1>.png"
    shutil.copy(pictures / "blue" / "000.png", named)
    give(page, named)
    (entry,) = entries(page, 1)
    assert EVIL in entry.find_element(By.TAG_NAME, "h3").text
    assert named.name in entry.find_element(By.CLASS_NAME, "name").text
    entry.find_element(By.CLASS_NAME, "look").click()
    wait(page, lambda: EVIL in entry.find_element(By.CLASS_NAME, "note").text)
    page.find_elements(By.TAG_NAME, "summary")[-1].click()
    card = wait(page, lambda: page.find_element(By.ID, "card").text)
    assert card.count(EVIL) == 2
    assert page.title == "evil – convladder"
    assert not [
        line for line in page.get_log("browser") if "Content Security Policy" in line["message"]
    ]


def test_where_it_looked_is_shown_and_hidden(page: Any, pictures: Path) -> None:
    give(page, pictures / "red" / "000.png")
    (entry,) = entries(page, 1)
    look, heat = (entry.find_element(By.CLASS_NAME, name) for name in ("look", "heat"))
    assert not heat.is_displayed()
    look.click()
    wait(page, heat.is_displayed)
    assert look.get_attribute("aria-pressed") == "true"
    assert "covering" in entry.find_element(By.CLASS_NAME, "note").text
    look.click()
    wait(page, lambda: not heat.is_displayed())


def test_a_correction_is_kept_for_the_next_training(
    page: Any, pictures: Path, corrected: Path
) -> None:
    give(page, pictures / "green" / "000.png")
    (entry,) = entries(page, 1)
    save = entry.find_element(By.CLASS_NAME, "save")
    assert not save.is_enabled()  # what was predicted is no answer
    Select(entry.find_element(By.TAG_NAME, "select")).select_by_visible_text("red")
    save.click()
    wait(page, lambda: "Saved as red" in entry.find_element(By.CLASS_NAME, "note").text)
    (kept,) = corrected.glob("*/*.png")
    assert kept.parent.name == "red"
    assert kept.read_bytes() == (pictures / "green" / "000.png").read_bytes()


def test_all_of_it_is_reached_by_the_keyboard(page: Any, pictures: Path) -> None:
    give(page, pictures / "red" / "000.png")
    entries(page, 1)
    page.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(10):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.switch_to.active_element.text or page.switch_to.active_element.tag_name)
    assert reached[:3] == ["Choose pictures", "Use the camera", "Clear"]
    assert {"What it looked at", "When an answer is unsure", "Model card"} <= set(reached)
    assert any("What is it?" in each for each in reached)


def test_of_a_server_that_is_gone_no_picture_is_blamed(browser: Any, pictures: Path) -> None:
    with served(STORED) as own:
        browser.get(own.url)
        wait(browser, lambda: ", ".join(CLASSES) in browser.find_element(By.ID, "about").text)
    give(browser, pictures / "red" / "000.png")
    (entry,) = entries(browser, 1)
    assert entry.find_element(By.TAG_NAME, "h3").text.startswith("No answer")
    assert "Is it still running" in entry.find_element(By.CLASS_NAME, "note").text


def test_a_token_is_asked_for_and_kept_for_the_session(
    browser: Any, tmp_path: Path, pictures: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-some-length")
    with served(STORED, "--token-file", file) as own:
        browser.get(own.url)
        field = browser.find_element(By.ID, "token")
        wait(browser, field.is_displayed)
        assert browser.find_element(By.ID, "status").text == ""
        field.send_keys("another-one-of-some-length", Keys.ENTER)
        wait(
            browser,
            lambda: "does not accept this token" in browser.find_element(By.ID, "status").text,
        )
        field.clear()
        field.send_keys("a-token-of-some-length", Keys.ENTER)
        wait(browser, lambda: "Recognises" in browser.find_element(By.ID, "about").text)
        give(browser, pictures / "red" / "000.png")
        (entry,) = entries(browser, 1)
        assert entry.find_element(By.TAG_NAME, "h3").text.startswith("red")
        assert not entry.find_element(
            By.CLASS_NAME, "save"
        ).is_displayed()  # none are collected here
