"""A real browser without a screen, and what a person does in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from limits import HANG

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu",
    "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1100,1400",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip

in_a_browser = [
    pytest.mark.skipif(
        not (BROWSER and DRIVER),
        reason="needs Chromium: apt-get install chromium chromium-driver, on Debian",
    ),
    pytest.mark.xdist_group("page"),
]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """Open a browser that keeps its files in this folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for each in (*QUIET, f"--user-data-dir={folder}"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait(browser: Any, condition: Any) -> Any:
    return WebDriverWait(browser, HANG).until(lambda _: condition())


def entries(page: Any, count: int) -> list[Any]:
    """Return the entries of the session, newest first, once there are so many."""
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, ".entry")) == count)
    return list(page.find_elements(By.CSS_SELECTOR, ".entry"))


def give(page: Any, *paths: Path) -> None:
    """Choose these files on the page."""
    page.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))


def drop(page: Any, path: Path) -> None:
    """Drop a file on the page as a person would, with the events of a browser."""
    page.execute_script(
        "const i = document.createElement('input'); i.type = 'file'; i.id = 'dropped'; "
        "document.body.append(i);"
    )
    page.find_element(By.ID, "dropped").send_keys(str(path))
    page.execute_script(
        "const i = document.getElementById('dropped'), data = new DataTransfer();"
        "data.items.add(i.files[0]); i.remove();"
        "for (const kind of ['dragover', 'drop'])"
        "  document.getElementById('drop').dispatchEvent("
        "    new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));"
    )
