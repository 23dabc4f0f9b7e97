"""What happens to tasks reaches whoever follows them: each kind of event, in each display and at
each border.
"""

from __future__ import annotations

import io
import queue
import weakref
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from rich.console import Console

from convladder.core.errors import DataError
from convladder.core.tasks import (
    Died,
    Event,
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    Task,
    Validated,
)
from convladder.experiments import climbing
from convladder.experiments.ray import driver, node
from convladder.experiments.ray.node_places import LOSSES, Place
from convladder.experiments.ray.node_task import NodeTask
from convladder.report import notebook_bar
from convladder.report.notebook_bar import InNotebook
from convladder.report.progress import Reporter
from convladder.report.trial_displays import Display, Plain, Quiet
from convladder.results import folders
from convladder.results.folders import TrialKey

KEY = TrialKey("lenet5", 0)
KEPT = Validated(0.5, "accuracy")
EPOCH = {
    "epoch": 1.0,
    "epochs": 2.0,
    "val_accuracy": 0.5,
    "kept": 0.5,
    "images_per_second": 9.0,
}
EVENTS: list[Event] = [
    Started(KEY),
    Message(KEY, EPOCH),
    Message(KEY, "resumes after 1 epoch"),
    Finished(KEY, KEPT),
    Failed(KEY, "no such folder", "", expected=True, cause=DataError("no such folder")),
    Died(KEY, "its process ended", "what it wrote", expected=True),
    Halted(KEY),
    Stopping(),
    Overdue(KEY),
    Notice("there is less memory than before"),
]
SHOWN = {  # whoever is quiet too
    Failed: "lenet5, seed 0, failed: no such folder",
    Died: "lenet5, seed 0, failed: its process ended",
    Stopping: "Stopping and saving",
    Overdue: "lenet5, seed 0, took too long to save",
    Notice: "there is less memory than before",
}


class Nowhere:
    """In place of the bar below a notebook's cell, which needs a notebook."""

    def show(self, text: str) -> None:
        """Show nothing."""

    def show_bar(self, share: float, text: str) -> None:
        """Show nothing."""


def test_every_kind_of_event_is_tried_here() -> None:
    assert {*get_args(Event), Died} == {type(event) for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("kind", ["quiet", "plain", "lively", "notebook"])
def test_a_display_shows_what_a_person_must_know(
    kind: str, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_bar, "Place", Nowhere)
    text = io.StringIO()
    console = Console(
        file=text,
        width=200,
        highlight=False,
        color_system=None,
        force_terminal=kind == "lively",
        force_jupyter=False,
    )

    def follow(display: Display) -> None:
        display.expect({KEY: 1.0})
        display.follow(event)

    if kind == "notebook":
        follow(InNotebook(console))
    else:
        with Reporter(console, quiet=kind == "quiet").trials() as display:
            assert kind == "lively" or isinstance(display, Quiet if kind == "quiet" else Plain)
            follow(display)
    if type(event) in SHOWN:
        assert SHOWN[type(event)] in text.getvalue()
    if event == Message(KEY, "resumes after 1 epoch"):
        assert (event.value in text.getvalue()) == (kind != "quiet")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_climb_passes_everything_on(event: Event, tmp_path: Path) -> None:
    told: list[Event] = []
    failed = climbing._take(event, tmp_path, told.append)
    assert told == [event]
    assert failed == ([event] if isinstance(event, Failed) else [])


def test_what_cannot_be_shared_between_trials_is_said_once(tmp_path: Path) -> None:
    told: list[Event] = []
    tell = climbing._told_once(told.append)
    for event in (
        Started(None),
        Failed(None, "the disk is full", ""),
        Failed(None, "again", ""),
        Overdue(None),
    ):
        assert climbing._take(event, tmp_path, tell) == []
    assert told == [Notice(climbing.UNSHARED)]


def test_a_climb_of_which_a_node_is_left_out_says_so(tmp_path: Path) -> None:
    text = io.StringIO()
    said = "n3 (10.0.0.3) is not used, because its results could not be compared: it has keras 2"
    climbing._take(Notice(said), tmp_path, Plain(Console(file=text, width=200)).follow)
    assert text.getvalue() == f"{said}\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> node.Host:
    """A node's side that is at a task, without a worker."""
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    host = object.__new__(node.Host)
    host._said, host._at = queue.SimpleQueue(), NodeTask(Task(KEY, print), every=60)
    return host


def said_of(event: Event) -> list[node.Said]:
    """Return what a node is to say of an event."""
    match event:
        case Message() | Notice():
            return [event]
        case Finished() | Failed() | Halted() | Overdue():
            return [node.Ended(event, {})]
        case Started() | Stopping():  # which the driver tells of itself
            return []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_node_passes_on_what_happens_there(event: Event, host: node.Host) -> None:
    host._take(event)
    said = [] if host._said.empty() else [host._said.get_nowait()]
    assert said == said_of(event)


def place_of(host: Any) -> Place:
    """Return a place on a node whose host answers at once."""
    ray = SimpleNamespace(
        get=lambda answer: answer, exceptions=SimpleNamespace(RayTaskError=KeyError)
    )
    return Place(ray, host, "id", "n3")


def a_lane() -> Any:
    """Return a driver's lane without a cluster."""
    lane = object.__new__(driver.NodeLane)
    lane._ending = False
    lane._events, lane._pending = queue.SimpleQueue(), SimpleNamespace(give_back=lambda task: None)
    lane._common = SimpleNamespace(losses=Counter())
    return lane


def test_a_driver_takes_a_tasks_end_as_it_came(tmp_path: Path) -> None:
    lane, task = a_lane(), Task(KEY, print, (None, tmp_path / "run"))
    for event in (
        EVENTS[4],
        Halted(KEY),
        Overdue(KEY),
        None,
        Finished(KEY, KEPT),
    ):
        assert lane._take_end(task, node.Ended(event, {})) is event


def test_a_task_whose_process_died_on_nodes_again_and_again_brings_what_it_wrote_last(
    tmp_path: Path,
) -> None:
    lane, task = a_lane(), Task(KEY, print, (None, tmp_path / "run"))
    ends = [lane._take_end(task, node.Ended(EVENTS[5], {})) for _ in range(LOSSES)]
    assert [type(end) for end in ends] == [Message, Message, Died]
    assert ends[-1].details.splitlines() == ["what it wrote", ends[-1].error]
    assert ends[-1].error == "its process ended; the trial was lost 3 times and is not restarted"


class Seen(dict[str, bytes]):
    """The contents of a checkpoint whose end can be seen."""


def test_a_driver_does_not_hold_a_checkpoint_that_it_has_written(tmp_path: Path) -> None:
    made: list[weakref.ref[Seen]] = []

    def listen(seconds: float) -> list[node.Said]:
        contents = Seen({"checkpoint-0001-000000.json": b"{}"})
        made.append(weakref.ref(contents))
        return [Message(KEY, EPOCH), Notice("less memory"), node.Kept(contents)]

    lane, place = a_lane(), place_of(SimpleNamespace(listen=SimpleNamespace(remote=listen)))
    assert lane._listen(Task(KEY, print, (None, tmp_path / "run")), place) is None
    assert made[0]() is None
    assert [path.name for path in folders.unfinished(tmp_path / "run").iterdir()] == [
        "checkpoint-0001-000000.json"
    ]
    assert [lane._events.get_nowait() for _ in range(2)] == [
        Message(KEY, EPOCH),
        Notice("n3: less memory"),
    ]
