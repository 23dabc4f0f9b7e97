"""What a node does by itself: unfinished runs that can be gone on with at any moment, and nothing
left behind.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from convladder.core import files
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.core.tasks import Task
from convladder.data.loading import load
from convladder.experiments.ray import node, node_task
from convladder.experiments.ray.carried_files import (
    Contents,
    newest_checkpoint,
    read_folder,
    write_unfinished,
)
from convladder.experiments.ray.node_task import NodeTask, remove_abandoned
from convladder.experiments.trial import Trial
from convladder.results import folders, locks

OLD, NEW = "checkpoint-0001-000000", "checkpoint-0002-000000"


def checkpoint(name: str) -> Contents:
    return {f"{name}.json": name.encode(), f"{name}.safetensors": name.encode()}


ABOUT = {folders.ABOUT: b"{}", "history.csv": b"epoch"}


def test_an_unfinished_run_can_be_gone_on_with_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unfinished(tmp_path, ABOUT | checkpoint(OLD))
    seen: list[Contents] = []
    write = files.write_bytes

    def noting(path: Path, data: bytes) -> None:
        write(path, data)
        seen.append(newest_checkpoint(tmp_path))

    monkeypatch.setattr(files, "write_bytes", noting)
    write_unfinished(tmp_path, ABOUT | checkpoint(NEW))
    assert seen == 3 * [ABOUT | checkpoint(OLD)] + [ABOUT | checkpoint(NEW)]
    assert read_folder(tmp_path) == ABOUT | checkpoint(NEW)


def test_a_checkpoint_that_is_half_there_is_not_sent(tmp_path: Path) -> None:
    write_unfinished(tmp_path, ABOUT | checkpoint(NEW))
    (tmp_path / f"{NEW}.safetensors").unlink()
    assert newest_checkpoint(tmp_path) == {}


def test_locks_stay_where_they_are(tmp_path: Path) -> None:
    with locks.locked(tmp_path, ".training-lock"):
        assert read_folder(tmp_path) == {}


def test_what_a_killed_host_has_left_is_removed_and_what_another_is_at_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    running = NodeTask(Task("running", print), every=60)
    killed = NodeTask(Task("killed", print), every=60)
    killed._lock.release()
    remove_abandoned()
    assert list((tmp_path / "trials").iterdir()) == [running.place]
    running.close()
    assert list((tmp_path / "trials").iterdir()) == []


def test_hosts_that_start_together_may_remove_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    places = [NodeTask(Task(name, print), every=60) for name in ("first", "second")]
    for each in places:
        each._lock.release()
    looked_at: list[Path] = []
    look = Path.iterdir

    def removed_meanwhile(folder: Path) -> Iterator[Path]:
        looked_at.append(folder)
        if len(looked_at) == 1:
            raise FileNotFoundError(folder)
        return look(folder)

    with monkeypatch.context() as another:
        another.setattr(Path, "iterdir", removed_meanwhile)
        remove_abandoned()
    assert len(looked_at) == 2
    assert list((tmp_path / "trials").iterdir()) == looked_at[:1]


def test_a_task_that_comes_after_a_stop_is_given_back_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = load(Data(source="digits", limit=200))
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    host = node.Host(threads=1, renew_after=None, environment={})
    host.stop()
    begun = ABOUT | checkpoint(OLD)
    host.run(
        Task("late", print, (Trial("lenet5", Experiment(), dataset), Path("anywhere"))),
        begun,
        every=60,
    )
    assert host.listen(10) == [node.Ended(None, begun)]


class Seen(dict[str, bytes]):
    """The contents of a checkpoint whose end can be seen."""


def test_a_checkpoint_that_was_sent_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    task = NodeTask(Task("any", print), every=0)
    made: list[weakref.ref[Seen]] = []

    def newest(folder: Path) -> Contents:
        contents = Seen(checkpoint(NEW))
        made.append(weakref.ref(contents))
        return contents

    monkeypatch.setattr(node_task, "newest_checkpoint", newest)
    assert task.checkpoint() == checkpoint(NEW)
    assert task.checkpoint() == {}, "it was sent already"
    assert [each() for each in made] == [None, None]
    task.close()
