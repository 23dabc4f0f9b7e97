"""The page of what trains: what it shows, when it is written, and what it leaves behind."""

from __future__ import annotations

import errno
import html
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convladder.core.ladder import load_ladder
from convladder.core.metrics import ACCURACY
from convladder.core.tasks import (
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Started,
    Validated,
)
from convladder.report.live import writer
from convladder.report.live.page import LivePage
from convladder.report.live.view import Watched, read_candidates
from convladder.report.tracking import following
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.results.saved_climb import SavedClimb
from limits import HANG
from made_runs import make_climb, share_right

RUNGS = ("lenet5", "max-pooling", "same-padding")
NEXT = TrialKey("same-padding", 0)
GOOD = Validated(0.9, "accuracy")


def row(epoch: int, epochs: int = 20) -> dict[str, float]:
    figures = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": 0.7, "kept": 0.7}
    times = {"train_seconds": 1.0, "images_per_second": 1234.0}
    return {"epoch": epoch, "epochs": epochs, **figures, **times}


def finished_runs() -> dict[TrialKey, NDArray[np.bool_]]:
    """Two rungs with three seeds each, and one without."""
    return {
        TrialKey(rung, seed): share_right(0.7 + 0.1 * place, 200, seed)
        for place, rung in enumerate(RUNGS[:2])
        for seed in range(3)
    }


@pytest.fixture
def climb(tmp_path: Path) -> Path:
    return make_climb(tmp_path / "climb", finished_runs(), load_ladder("classic").part(RUNGS))


def page_of(climb: Path, **more: Any) -> LivePage:
    then = "The climb looks at its results after 3 seeds."
    watched = Watched(climb, "My ladder", "pets · 2 classes", ACCURACY, RUNGS, then=then)
    return LivePage(watched, partial(folders.trial_folder, climb), climb=climb, **more)


def words_of(page: Path) -> str:
    text = re.sub(r"<(style|script)>.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def state_of(page: Path) -> str:
    found = re.search(r'data-state="(\w+)"', page.read_text(encoding="utf-8"))
    return found[1] if found else ""


def first_written(make: Callable[..., LivePage], *events: Event) -> tuple[str, str]:
    """Return the words and the state of a page as it is written first, after these events."""
    there, seen = threading.Event(), []

    def look(page: Path) -> None:
        seen.append((words_of(page), state_of(page)))
        there.set()

    with make(on_page=look) as page:
        for event in events:
            page._course.follow(event)
        page.expect({NEXT: 1.0})
        assert there.wait(HANG)
    return seen[0]


def test_it_shows_what_is_finished_and_what_runs(climb: Path) -> None:
    events = (
        Started(NEXT),
        Message(NEXT, row(6)),
        Message(NEXT, row(7)),
        Failed(TrialKey("lenet5", 3), "no memory for a batch", ""),
        Notice("After 3 seeds: 1 of 2 comparisons decided.", warns=False),
    )
    words, state = first_written(partial(page_of, climb), *events)
    assert state == "running"
    assert "My ladder pets · 2 classes" in words
    assert "6 of 7 trials" in words
    assert "Dots so far are not a result. Verdicts come at the end, or at planned looks." in words
    assert "lenet5 3 of 3 seeds" in words
    assert "same-padding in training" in words
    assert "same-padding, seed 0 epoch 7 of 20 · 70.0 % on validation · 1,234 images/s" in words
    assert "1 trial failed. lenet5, seed 3: no memory for a batch" in words
    assert "After 3 seeds: 1 of 2 comparisons decided." in words
    assert "The climb looks at its results after 3 seeds." in words
    assert re.search(r"disk [\d.]+ .B free", words)


def test_its_intervals_are_those_of_the_report_at_last(climb: Path) -> None:
    with page_of(climb) as page:
        page.expect({NEXT: 1.0})
    text = (climb / "live.html").read_text(encoding="utf-8")
    assert text.count('class="dot"') == 6
    for name, standing in SavedClimb(climb).standings.items():
        found = standing.estimate
        span = ACCURACY.write_range(found.low, found.high)
        said = f"{ACCURACY.write(found.mean)} ({span}) · 3 of 3 seeds"
        assert f"{name} {said}" in words_of(climb / "live.html")


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (None, "ended", "Training is finished. The report comes next."),
        (KeyboardInterrupt(), "stopped", "Stopped. What is finished is saved. Run the same"),
        (SystemExit(143), "stopped", "Run the same command again to resume"),
        (ValueError("all nodes are <lost>"), "failed", "with an error. all nodes are <lost>"),
    ],
)
def test_how_it_ended_is_said(
    climb: Path, error: BaseException | None, state: str, said: str
) -> None:
    def train() -> None:
        with page_of(climb) as page:
            page.expect({NEXT: 1.0})
            page.follow(Started(NEXT))
            if error is not None:
                raise error

    if error is None:
        train()
    else:
        with pytest.raises(type(error)):
            train()
    assert state_of(climb / "live.html") == state
    assert said in words_of(climb / "live.html")
    assert "time left" not in words_of(climb / "live.html")


def test_nothing_is_written_where_nothing_is_trained(climb: Path) -> None:
    with page_of(climb):
        pass
    assert not (climb / "live.html").exists()


def test_a_page_of_someone_else_stays(climb: Path) -> None:
    (climb / "live.html").write_text("<h1>Our concert, live</h1>")
    said: list[str] = []
    with page_of(climb, say=said.append) as page:
        page.expect({NEXT: 1.0})
        page.follow(Started(NEXT))
    assert (climb / "live.html").read_text() == "<h1>Our concert, live</h1>"
    assert said == [
        f"warning: no live page, because {climb / 'live.html'} is not one of convladder's"
    ]


def test_where_it_is_is_said_once(climb: Path) -> None:
    said: list[str] = []
    with page_of(climb, say=said.append) as page:
        page.expect({NEXT: 1.0})
        page.follow(Started(NEXT))
    assert said == [f"live page: {climb / 'live.html'}"]


def test_a_training_that_saved_nothing_leaves_no_page(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    watched = Watched(folder, "lenet5", "pets", ACCURACY)

    def stop(*, after_saving: bool) -> None:
        with LivePage(watched, lambda key: folder) as page:
            page.plan({NEXT: 1.0})
            page.follow(Started(NEXT))
            if after_saving:
                folders.unfinished(folder).mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(after_saving=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        stop(after_saving=True)
    assert state_of(folder / "live.html") == "stopped"


def test_a_run_that_is_damaged_is_left_out(climb: Path) -> None:
    broken = folders.trial_folder(climb, TrialKey("lenet5", 1))
    (broken / "metrics.json").write_text("{")
    with page_of(climb) as page:
        page.expect({NEXT: 1.0})
    assert "5 of 6 trials" in words_of(climb / "live.html")
    assert re.search(r"max-pooling \d\d\.\d % \(", words_of(climb / "live.html"))


def test_a_full_disk_keeps_the_last_page_and_harms_no_training(
    climb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left on device", str(path))

    with page_of(climb) as page:
        page.expect({NEXT: 1.0})
    before = (climb / "live.html").read_bytes()
    monkeypatch.setattr(writer.files, "write_unsynced", full)
    with page_of(climb) as page:
        page.expect({NEXT: 1.0})
        page.follow(Started(NEXT))
    assert (climb / "live.html").read_bytes() == before


def test_a_defect_of_the_page_is_told_and_training_goes_on(
    climb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LivePage, "_render", lambda self: 1 / 0)
    told: list[Any] = []
    with page_of(climb) as page, following(told.append, [page], print) as on_event:
        page.expect({NEXT: 1.0})
        page._writer.join(HANG)
        on_event(Started(NEXT))
        on_event(Finished(NEXT, GOOD))
    notices = [event.text for event in told if isinstance(event, Notice)]
    assert notices == ["LivePage gets no more figures (ZeroDivisionError: division by zero)"]
    assert len(told) == 3


def test_names_are_text(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    name = "<script>alert(1)</script>"
    with LivePage(Watched(folder, name, name, ACCURACY), lambda key: folder) as page:
        key = TrialKey(name, 0)
        page.plan({key: 1.0})
        for event in (Started(key), Message(key, row(1)), Message(key, name), Notice(name)):
            page.follow(event)
    assert folders.unfinished(folder).exists() is False
    text = (folder / "live.html").read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in text


def test_its_only_script_is_the_one_that_its_policy_names(climb: Path) -> None:
    import base64
    import hashlib

    with page_of(climb) as page:
        page.expect({NEXT: 1.0})
    text = (climb / "live.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_a_long_training_makes_no_longer_page(tmp_path: Path) -> None:
    sizes = []
    for epochs in (400, 4000):
        folder = tmp_path / str(epochs)
        with LivePage(Watched(folder, "lenet5", "pets", ACCURACY), lambda key, f=folder: f) as page:
            page.plan({NEXT: 1.0})
            for epoch in range(1, epochs):
                page.follow(Message(NEXT, row(epoch, epochs)))
        sizes.append((folder / "live.html").stat().st_size)
    assert sizes[1] < 1.5 * sizes[0]


def candidates(*values: float | None) -> Mapping[TrialKey, Any]:
    import pandas as pd

    table = pd.DataFrame(
        [
            {"candidate": number, "state": "failed" if value is None else "finished", "v": value}
            for number, value in enumerate(values)
        ]
    )
    return dict(read_candidates(table, "v", seed=7))


def test_a_search_shows_its_candidates_and_then_the_test_of_the_winner(climb: Path) -> None:
    watched = Watched(climb, "A search", "pets", ACCURACY, RUNGS[:2], searches=True)
    folder = partial(folders.trial_folder, climb)
    third, fourth = TrialKey("candidate 2", 7), TrialKey("candidate 3", 7)
    with LivePage(watched, folder, climb=climb) as page:
        page.add_candidates(candidates(0.7, None).items())
        page.expect({third: 1.0, fourth: 1.0})
        for event in (
            Started(third), Message(third, row(2)), Finished(third, GOOD),
            Started(fourth), Message(fourth, row(1)), Halted(fourth),
        ):  # fmt: skip
            page.follow(event)
    words = words_of(climb / "live.html")
    assert "4 of 4 candidates" in words
    assert "Blue: trained to the end. Grey: stopped early. Line: the best so far." in words
    assert "The ladder so far" not in words
    drawn = re.search(r'aria-label="(\d candidates[^"]*)"', (climb / "live.html").read_text())
    assert drawn is not None
    assert drawn[1] == "3 candidates, accuracy on validation, the best 90.0 %"
    with LivePage(watched, folder, climb=climb) as page:
        page.add_candidates(candidates(0.7, None).items())
        page.expect({TrialKey("lenet5", 8): 1.0})
    words = words_of(climb / "live.html")
    assert "6 of 7 trials" in words
    assert "The ladder so far" in words


def test_a_page_is_not_written_more_often_than_in_one_percent_of_the_time() -> None:
    made = writer.Writer(Path("page"), lambda: b"", lambda page: None)
    for took, pause in ((0.0, writer.LEAST_WAIT), (0.001, writer.LEAST_WAIT), (0.05, 5.0)):
        made._took = took
        assert made._pause() == pytest.approx(pause)
        assert took <= 0.01 * made._pause()
        assert made.due > 2 * made._pause()
