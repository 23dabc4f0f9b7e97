"""The live page in a browser: it reads itself again, says when it is stale, and can be read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from browsing import in_a_browser, wait
from convladder.core.ladder import load_ladder
from convladder.core.metrics import ACCURACY
from convladder.core.tasks import Failed, Message, Notice, Started
from convladder.report.live.page import LivePage
from convladder.report.live.view import Watched
from convladder.report.templating import write_page
from convladder.results import folders
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right
from page_checks import (
    DESKTOP,
    PHONE,
    axe_violations,
    color_scheme,
    cut_off,
    overflowing,
    viewport,
)
from served import serving

pytestmark = in_a_browser

RUNGS = ("lenet5", "max-pooling", "a-rung-with-a-name-that-is-as-long-as-names-of-rungs-may-be")
NEXT = TrialKey(RUNGS[2], 0)


def page_in(folder: Path) -> LivePage:
    watched = Watched(folder, "My ladder", "pets · 2 classes", ACCURACY, RUNGS, then="Then more.")
    return LivePage(watched, partial(folders.trial_folder, folder), climb=folder)


def write_live(page: LivePage, *texts: str, state: str = "running") -> None:
    """Write a page in which trials run, as the writer would, at this moment."""
    page._state = state
    for event in (Started(NEXT), *(Message(NEXT, row(epoch)) for epoch in range(1, 8))):
        page._course.follow(event)
    for text in texts:
        page._course.follow(Notice(text))
    page._writer.write()


def row(epoch: int) -> dict[str, float]:
    figures = {"loss": 0.5, "accuracy": 0.05 * epoch, "val_accuracy": 0.06 * epoch, "kept": 0.7}
    times = {"train_seconds": 1.0, "images_per_second": 1234.0}
    return {"epoch": epoch, "epochs": 20, **figures, **times}


@pytest.fixture(scope="module")
def climb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ladder = load_ladder("classic").part(RUNGS[:2])
    right = {
        TrialKey(rung, seed): share_right(0.7 + 0.1 * place, 200, seed)
        for place, rung in enumerate(RUNGS[:2])
        for seed in range(3)
    }
    return make_climb(tmp_path_factory.mktemp("climb"), right, ladder)


def write_report(folder: Path) -> None:
    """Write a report, whatever it says: the page of a machine."""
    values: dict[str, Any] = dict.fromkeys(("tab", "state", "script", "script_source"), "")
    write_page(folder, "live_page.html", written=0, due=0, **values)


def text_of(browser: Any, name: str) -> Callable[[], str]:
    """Return what reads the text of an element, as far as it is shown."""

    def read() -> str:
        found: str = browser.execute_script(
            "const found = document.getElementById(arguments[0]);"
            "return found?.checkVisibility() ? found.innerText : ''",
            name,
        )
        return found

    return read


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("state", ["running", "stopped", "ended"])
def test_everyone_can_read_it(
    browser: Any, climb: Path, width: int, scheme: Any, state: str
) -> None:
    page = page_in(climb)
    page._course.expect({NEXT: 1.0})
    page._course.follow(Failed(TrialKey("lenet5", 3), "no memory " * 9, ""))
    write_live(page, "After 3 seeds: 1 of 2 comparisons decided. " * 3, state=state)
    with viewport(browser, width), color_scheme(browser, scheme):
        browser.get((climb / "live.html").as_uri())
        assert axe_violations(browser) == overflowing(browser) == cut_off(browser) == []
        assert browser.get_log("browser") == []


def test_it_reads_itself_again_from_the_disk_and_stays_where_it_is(
    browser: Any, climb: Path
) -> None:
    page = page_in(climb)
    write_live(page, "one")
    with viewport(browser, PHONE):
        browser.get((climb / "live.html").as_uri())
        browser.execute_script("window.scrollTo(0, 400)")
        assert "Updated" in text_of(browser, "age")()
        write_live(page, "another thing")
        wait(browser, lambda: "another thing" in text_of(browser, "live")())
        assert browser.execute_script("return window.scrollY") == 400


def test_it_says_when_there_is_no_news(browser: Any, climb: Path) -> None:
    page = page_in(climb)
    write_live(page)
    browser.get((climb / "live.html").as_uri())
    shown = text_of(browser, "stale")
    assert shown() == ""
    due = int(browser.execute_script("return document.getElementById('live').dataset.due"))
    text = (climb / "live.html").read_text(encoding="utf-8")
    written = round(1000 * (time.time() - due - 600))
    old = text.partition('data-written="')[2].partition('"')[0]
    (climb / "live.html").write_text(text.replace(old, str(written)), encoding="utf-8")
    browser.get((climb / "live.html").as_uri())
    assert shown().startswith("No news for 1")
    assert "The command may have been stopped. Run it again to resume" in shown()


def test_it_becomes_the_report(browser: Any, tmp_path: Path) -> None:
    page = page_in(tmp_path)
    write_live(page, state="ended")
    browser.get((tmp_path / "live.html").as_uri())
    write_report(tmp_path)
    wait(browser, lambda: browser.current_url == (tmp_path / "report.html").as_uri())


def test_a_served_page_follows_the_stream(browser: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convladder", "watch", "climb", "--port", "0"]
    with serving(command, cwd=tmp_path) as server:
        browser.get(server.url)
        assert "Waiting for a training" in text_of(browser, "live")()
        browser.execute_script("window.sameDocument = true")
        (tmp_path / "climb").mkdir()
        page = page_in(tmp_path / "climb")
        write_live(page, "first news")
        wait(browser, lambda: "first news" in text_of(browser, "live")())
        write_live(page, "second news")
        wait(browser, lambda: "second news" in text_of(browser, "live")())
        assert browser.execute_script("return window.sameDocument") is True
        assert text_of(browser, "lost")() == ""
        server.process.terminate()
        wait(browser, lambda: "The connection to" in text_of(browser, "lost")())
    with serving(command, cwd=tmp_path) as server:
        browser.get(server.url)
        write_report(tmp_path / "climb")
        wait(browser, lambda: browser.current_url == f"{server.url}/report.html")
