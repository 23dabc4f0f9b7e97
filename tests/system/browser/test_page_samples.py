"""The pictures of the server's page that are there to click."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browsing import entries, in_a_browser, wait
from served import Served, served
from stored_bundle import STORED, make_folder

pytestmark = in_a_browser

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a picture a class, that of `green` being red."""
    folder = make_folder(tmp_path_factory.mktemp("samples") / "new", images=1)
    (folder / "green" / "000.png").write_bytes((folder / "red" / "000.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(STORED, "--samples", folder) as running:
        yield running


def buttons(page: Any) -> list[Any]:
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#samples button")) == 3)
    return list(page.find_elements(By.CSS_SELECTOR, "#samples button"))


def test_one_that_is_clicked_is_predicted_and_compared_with_its_label(
    browser: Any, server: Served
) -> None:
    browser.get(server.url)
    blue, green, red = buttons(browser)
    assert [each.text for each in (blue, green, red)] == ["blue", "green", "red"]
    red.click()
    (entry,) = entries(browser, 1)
    said = entry.find_element(By.CLASS_NAME, "truth").text
    assert said == "Its label is red: the answer is correct."
    green.send_keys(Keys.ENTER)
    entry, _ = entries(browser, 2)
    said = entry.find_element(By.CLASS_NAME, "truth").text
    assert said == "Its label is green: the answer is wrong."


def test_their_pictures_are_seen(browser: Any, server: Served) -> None:
    browser.get(server.url)
    for button in buttons(browser):
        picture = button.find_element(By.TAG_NAME, "img")
        wait(browser, lambda picture=picture: picture.get_property("naturalWidth") == 12)


def test_they_are_shown_once_the_token_is_given(browser: Any, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with served(STORED, "--samples", folder, "--token-file", file) as own:
        browser.get(own.url)
        wait(browser, browser.find_element(By.ID, "token").is_displayed)
        assert not browser.find_element(By.ID, "samples").is_displayed()
        browser.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
        assert len(buttons(browser)) == 3
