"""The camera of the server's page: one picture, or one answer after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from browsing import entries, in_a_browser, wait
from served import Served, served
from stored_bundle import STORED

pytestmark = in_a_browser

# counts requests for predictions: all of them, and the most at one time
COUNTED = """
const plain = window.fetch;
window.asked = window.together = window.most = 0;
window.fetch = async (path, options) => {
  if (!String(path).startsWith('/v1/predict')) return plain(path, options);
  window.asked += 1;
  window.most = Math.max(window.most, ++window.together);
  try { return await plain(path, options); } finally { window.together -= 1; }
};
"""
BUSY_ONCE = """
const counted = window.fetch;
window.busy = 0;
window.fetch = async (...given) =>
  window.busy++ ? counted(...given) : new Response('{"error": "busy"}', {status: 503});
"""
REFUSES = """window.fetch = async () => new Response('{"error": "no"}', {status: 403});"""
UNPLUGGED = """
const [track] = document.getElementById('video').srcObject.getTracks();
track.dispatchEvent(new Event('ended'));
"""
FAILS = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s'); };"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(STORED) as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Served) -> Any:
    browser.get(server.url)
    wait(browser, lambda: "Recognises" in browser.find_element(By.ID, "about").text)
    return browser


@pytest.fixture
def camera(page: Any) -> Any:
    """The page with the camera open, which shows a picture."""
    page.execute_script(COUNTED)
    page.find_element(By.ID, "camera").click()
    seen = "return document.getElementById('video').videoWidth > 0"
    wait(page, lambda: page.execute_script(seen))
    return page


def watch(page: Any) -> Any:
    page.find_element(By.ID, "watch").click()
    return wait(page, lambda: page.find_element(By.CSS_SELECTOR, "#live .class").text)


def is_watching(page: Any) -> bool:
    return bool(page.find_element(By.ID, "watch").get_attribute("aria-pressed") == "true")


def status(page: Any) -> str:
    return str(page.find_element(By.ID, "status").text)


def test_the_camera_takes_a_picture(camera: Any) -> None:
    camera.find_element(By.ID, "take").click()
    (entry,) = entries(camera, 1)
    assert entry.find_element(By.CLASS_NAME, "name").text == "camera.png"
    camera.find_element(By.ID, "close").click()
    assert not camera.find_element(By.ID, "viewfinder").is_displayed()


def test_it_classifies_continuously_with_one_request_at_a_time(camera: Any) -> None:
    assert watch(camera) in ("blue", "green", "red")
    assert is_watching(camera)
    wait(camera, lambda: camera.execute_script("return window.asked") > 3)
    assert camera.execute_script("return window.most") == 1
    assert len(camera.find_elements(By.CSS_SELECTOR, "#live .bars li")) == 3
    assert entries(camera, 0) == []  # the answers are shown, and not kept


def test_it_stops_when_asked(camera: Any) -> None:
    watch(camera)
    camera.find_element(By.ID, "watch").click()
    assert not is_watching(camera)
    assert not camera.find_element(By.ID, "live").is_displayed()
    wait(camera, lambda: camera.execute_script("return window.together") == 0)
    asked = camera.execute_script("return window.asked")
    camera.find_element(By.ID, "take").click()
    entries(camera, 1)
    assert camera.execute_script("return window.asked") == asked + 1


def test_it_stops_with_the_camera(camera: Any) -> None:
    watch(camera)
    camera.find_element(By.ID, "close").click()
    assert not is_watching(camera)
    assert camera.execute_script("return document.activeElement.id") == "camera"


def test_it_stops_when_the_page_is_hidden_and_says_so(camera: Any) -> None:
    watch(camera)
    camera.execute_script(
        "Object.defineProperty(document, 'hidden', {get: () => true});"
        "document.dispatchEvent(new Event('visibilitychange'));"
    )
    assert not is_watching(camera)
    assert status(camera) == "Classifying stopped because the page was hidden."


def test_it_asks_again_where_the_server_is_busy(camera: Any) -> None:
    watch(camera)
    camera.execute_script(BUSY_ONCE)
    wait(camera, lambda: camera.execute_script("return window.busy") > 1)
    assert is_watching(camera)
    assert status(camera) == ""


def test_it_stops_where_the_server_refuses_and_says_why(camera: Any) -> None:
    watch(camera)
    camera.execute_script(REFUSES)
    wait(camera, lambda: not is_watching(camera))
    assert status(camera) == "no"


@pytest.mark.parametrize(("name", "said"), [
    ("NotFoundError", "No camera was found."),
    ("NotAllowedError", "The browser does not allow the camera."),
    ("NotReadableError", "Another program may be using it."),
    ("AbortError", "The camera cannot be used"),
])  # fmt: skip
def test_a_camera_that_does_not_open_says_why(page: Any, name: str, said: str) -> None:
    page.execute_script(FAILS % name)
    page.find_element(By.ID, "camera").click()
    wait(page, lambda: said in status(page))
    assert not page.find_element(By.ID, "viewfinder").is_displayed()


def test_a_page_that_may_not_use_cameras_says_where_it_could(page: Any) -> None:
    page.execute_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page.find_element(By.ID, "camera").click()
    wait(page, lambda: "only over https and on localhost" in status(page))


def test_a_camera_that_is_unplugged_closes(camera: Any) -> None:
    watch(camera)
    camera.execute_script(UNPLUGGED)
    assert not camera.find_element(By.ID, "viewfinder").is_displayed()
    assert not is_watching(camera)
    assert status(camera) == "The camera was disconnected."
