"""live.html: there while a climb, a training or a search runs, and the report in the end."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convladder as cl
from command_line import convladder_here
from convladder.api.climb import climb_request
from convladder.api.train import train_request
from convladder.api.tune import tune_request
from convladder.experiments.request import ClimbRequest, TrainRequest
from convladder.experiments.run_options import RunOptions
from convladder.results import folders
from convladder.tuning.request import TuneOptions, TuneRequest
from kept_workers import kept_workers
from limits import HANG
from stops import start_command

FEW: dict[str, Any] = {
    "data.limit": 200,
    "data.classes": ["0", "1"],
    "model.filters": [4],
    "model.dense": [8],
    "train.epochs": 2,
}


@pytest.fixture(scope="module", autouse=True)
def same_workers() -> Iterator[None]:
    with kept_workers():
        yield


@pytest.fixture(autouse=True)
def _hears_ctrl_c() -> Iterator[None]:
    """Hear SIGINT, which a shell lets programs in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def state_of(page: Path) -> str:
    found = re.search(r'data-state="(\w+)"', page.read_text(encoding="utf-8"))
    return found[1] if found else ""


def leads_to_report(page: Path) -> bool:
    return 'content="0; url=report.html"' in page.read_text(encoding="utf-8")


class First:
    """Takes note of a page when it is there first, and of what lies beside it."""

    def __init__(self) -> None:
        self.pages: list[tuple[Path, str, set[str]]] = []

    def __call__(self, page: Path) -> None:
        beside = {path.name for path in page.parent.iterdir() if path.name[0] != "."}
        self.pages.append((page, state_of(page), beside))


def test_a_climb_has_a_page_from_its_start_that_becomes_its_report(tmp_path: Path) -> None:
    first, out = First(), tmp_path / "climb"
    request = ClimbRequest(data="digits", rungs=["lenet5", "max-pooling"], seeds=1, changes=FEW)
    climbed = climb_request(request, RunOptions(out=out, jobs=1, quiet=True, on_page=first))
    ((page, state, beside),) = first.pages
    assert (page, state) == (out / "live.html", "running")
    assert {"climb.json", "ladder.json"} <= beside
    assert "report.html" not in beside
    assert state_of(page) == "ended"
    assert "2 of 2 trials" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").count('class="dot"') == 2
    climbed.report()
    assert leads_to_report(page)
    more = ClimbRequest(data="digits", rungs=["lenet5", "max-pooling"], seeds=2, changes=FEW)
    climb_request(more, RunOptions(out=out, jobs=1, quiet=True, on_page=first))
    assert [each[:2] for each in first.pages] == [(page, "running")] * 2
    assert "4 of 4 trials" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").count('class="dot"') == 4


def test_where_nothing_is_trained_the_page_stays(tmp_path: Path) -> None:
    first, out = First(), tmp_path / "climb"
    request = ClimbRequest(data="digits", rungs=["lenet5"], seeds=1, changes=FEW)
    how = RunOptions(out=out, jobs=1, quiet=True, on_page=first)
    climb_request(request, how).report()
    before = (out / "live.html").read_bytes()
    climb_request(request, how)
    assert len(first.pages) == 1
    assert (out / "live.html").read_bytes() == before


def test_a_training_has_its_page_in_its_folder_before_anything_else(tmp_path: Path) -> None:
    first, out = First(), tmp_path / "run"
    request = TrainRequest(data="digits", rung="lenet5", changes=FEW)
    run = train_request(request, RunOptions(out=out, threads=1, quiet=True, on_page=first))
    ((page, state, beside),) = first.pages
    assert (page, state, beside) == (out / "live.html", "running", {"live.html"})
    assert state_of(page) == "ended"
    assert folders.is_finished(out)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    run.report()
    assert leads_to_report(page)


def test_a_search_has_a_page_of_its_candidates_and_of_the_test(tmp_path: Path) -> None:
    first, out = First(), tmp_path / "search"
    space = {"train.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}}
    request = TuneRequest(data="digits", rung="lenet5", space=space, trials=2, seeds=2, changes=FEW)
    tuned = tune_request(request, TuneOptions(out=out, jobs=1, quiet=True, on_page=first))
    ((page, state, _),) = first.pages
    assert (page, state) == (out / "live.html", "running")
    text = page.read_text(encoding="utf-8")
    assert "2 candidates, accuracy on validation" in text
    if tuned.climb:
        assert "4 of 4 trials" in text
    assert not (out / "climb/live.html").exists()
    tuned.report()
    assert leads_to_report(page)


def test_a_training_that_is_killed_leaves_its_page_and_resumes(tmp_path: Path) -> None:
    command = ["train", "digits", "--limit", "200", "--rung", "lenet5", "--epochs", "60"]
    command += ["--out", "run", "--jobs", "1"]
    unfinished, page = tmp_path / "run.unfinished", tmp_path / "run/live.html"
    for way in (signal.SIGKILL, signal.SIGINT):
        page.unlink(missing_ok=True)
        process = start_command(*command, cwd=tmp_path)
        deadline = time.monotonic() + HANG
        while not (list(unfinished.glob("checkpoint-*.json")) and page.exists()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(way)
        process.communicate(timeout=HANG)
        assert {path.name for path in (tmp_path / "run").glob("[!.]*")} == {"live.html"}
    assert state_of(page) == "stopped"
    assert "Run the same command again to resume" in page.read_text()
    done = convladder_here(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resumes after" in done.stderr
    assert "live page: run/live.html" in done.stderr
    assert leads_to_report(page)
    assert not unfinished.exists()


def test_a_climb_that_was_stopped_has_a_report_that_says_so(tmp_path: Path) -> None:
    out = tmp_path / "climb"
    cl.climb("digits", rungs=["lenet5"], seeds=1, changes=FEW, out=out, jobs=1, quiet=True)
    first = First()

    def stop(page: Path) -> None:
        first(page)
        raise_in_main(signal.SIGINT)

    # so many that it is still at work when the page is there, however slow the machine
    request = ClimbRequest(data="digits", rungs=["lenet5", "max-pooling"], seeds=20, changes=FEW)
    with pytest.raises(KeyboardInterrupt):
        climb_request(request, RunOptions(out=out, jobs=1, quiet=True, on_page=stop))
    assert state_of(out / "live.html") == "stopped"
    done = convladder_here("report", str(out))
    assert done.returncode == 0, done.stderr
    assert "not finished: " in done.stdout
    assert "(run the same climb command to resume)" in done.stdout
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Not finished." in page
    assert "Nothing can be said yet of max-pooling." in page
    assert leads_to_report(out / "live.html")


def raise_in_main(number: int) -> None:
    """Send a signal to this process, as Ctrl-C does."""
    os.kill(os.getpid(), number)


def test_a_climb_without_a_finished_trial_is_said(tmp_path: Path) -> None:
    long = FEW | {"train.epochs": 500}
    request = ClimbRequest(data="digits", rungs=["lenet5"], seeds=1, changes=long)

    def stop(page: Path) -> None:
        raise_in_main(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        climb_request(request, RunOptions(out=tmp_path / "c", jobs=1, quiet=True, on_page=stop))
    done = convladder_here("report", str(tmp_path / "c"))
    assert done.returncode == 2
    assert "no trial in" in done.stderr
    assert "is finished (run the same climb command to resume)" in done.stderr
