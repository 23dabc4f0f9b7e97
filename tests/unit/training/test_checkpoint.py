"""Checkpoints survive a loss of power at any moment, a full disk, and damage to any byte."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convladder.core import files
from convladder.training import checkpoint
from convladder.training.checkpoint import Checkpoint

SAVES = [(0, 64), (1, 0), (1, 64), (2, 0), (2, 64), (3, 0)]  # epochs and steps


def made(epoch: int, step: int) -> Checkpoint:
    course = {
        "history": [{"epoch": number + 1, "loss": 0.1 * number} for number in range(epoch)],
        "step": step,
    }
    return Checkpoint(course, {"model/0/kernel": np.full((40, 5), epoch + step / 1000, np.float32)})


def position(found: Checkpoint | None) -> tuple[int, int] | None:
    """Return where a checkpoint is of, having looked at what it holds."""
    if found is None:
        return None
    expected = made(found.epoch, found.step)
    assert found.course == expected.course
    assert np.array_equal(found.tensors["model/0/kernel"], expected.tensors["model/0/kernel"])
    return found.epoch, found.step


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    tensors = {
        "a": np.array([1.5, -0.0, np.float32(1e-45), np.inf], np.float32),
        "seed": np.array([2**32 - 1, 7], np.uint32),
        "steps": np.array(12, np.int64),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    course = {
        "history": [{"epoch": 1.0}, {"epoch": 2.0}, {"epoch": 3.0}],
        "seconds": 0.1 + 0.2,
        "step": 7,
    }
    checkpoint.write(tmp_path, Checkpoint(course, tensors))
    found, damaged = checkpoint.read_newest(tmp_path)
    assert found is not None
    assert damaged == []
    assert (found.epoch, found.step, found.course) == (3, 7, course)
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert found.tensors[name].shape == tensor.shape
        assert found.tensors[name].tobytes() == np.ascontiguousarray(tensor).tobytes()


def test_the_newest_two_are_kept_by_epoch_and_step_whatever_the_clock_says(tmp_path: Path) -> None:
    for number, (epoch, step) in enumerate([(1, 64), (2, 0), (10, 0)]):
        checkpoint.write(tmp_path, made(epoch, step))
        for path in tmp_path.glob(f"checkpoint-{epoch:04}-{step:06}.*"):
            os.utime(path, (1e9 - 1e6 * number, 1e9 - 1e6 * number))  # the clock runs backwards
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-0002-000000.json", "checkpoint-0002-000000.safetensors",
        "checkpoint-0010-000000.json", "checkpoint-0010-000000.safetensors",
    ]  # fmt: skip
    assert position(checkpoint.read_newest(tmp_path)[0]) == (10, 0)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_any_damage_to_the_newest_is_noticed_and_the_one_before_is_read(
    tmp_path: Path, suffix: str
) -> None:
    for epoch in (1, 2):
        checkpoint.write(tmp_path, made(epoch, 0))
    path = tmp_path / f"checkpoint-0002-000000{suffix}"
    whole = path.read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 40))
    flipped = [whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :] for at in places]
    cut = [whole[:at] for at in places]
    for content in [*flipped, *cut]:
        path.write_bytes(content)
        found, damaged = checkpoint.read_newest(tmp_path)
        assert position(found) == (1, 0)
        assert [each.name for each in damaged] == ["checkpoint-0002-000000.json"]
    path.write_bytes(whole)
    assert position(checkpoint.read_newest(tmp_path)[0]) == (2, 0)


def test_one_of_another_format_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 0)
    checkpoint.write(tmp_path, made(1, 0))
    monkeypatch.undo()
    found, damaged = checkpoint.read_newest(tmp_path)
    assert found is None
    assert len(damaged) == 1


Operation = tuple[str, Path, Any]


@dataclass
class Disk:
    """Records what is done to a folder: files written and synced, names changed, names synced."""

    operations: list[Operation] = field(default_factory=list)

    def record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def wrap(name: str, note: Callable[..., Operation]) -> None:
            real = getattr(files, name)

            def recorded(*arguments: Any) -> None:
                operation = note(*arguments)
                if operation[0] != "remove" or operation[1].exists():
                    self.operations.append(operation)
                real(*arguments)

            monkeypatch.setattr(files, name, recorded)

        wrap("_write_synced", lambda path, data: ("write", path, data))
        wrap("_rename", lambda source, target: ("rename", source, target))
        wrap("remove", lambda path: ("remove", path, None))
        wrap("sync_folder", lambda folder: ("sync", folder, None))

    def after_losses_of_power(self) -> Iterator[tuple[int, dict[str, bytes]]]:
        """Yield, for every prefix of the operations, each content that the folder may have after a
        loss of power.

        A file that is being written has none, a part or all of its content. Names that were changed
        since they were last synced may have been so, each by itself, or not.
        """
        for length in range(len(self.operations) + 1):
            done, loose = self.operations[:length], []
            last = max((place for place, each in enumerate(done) if each[0] == "sync"), default=-1)
            loose = [place for place in range(last + 1, length) if done[place][0] != "sync"]
            for lost in itertools.chain.from_iterable(
                itertools.combinations(loose, size) for size in range(len(loose) + 1)
            ):
                yield length, _apply(each for place, each in enumerate(done) if place not in lost)
            if done and done[-1][0] == "write":
                torn = ("write", done[-1][1], done[-1][2][: len(done[-1][2]) // 2])
                yield length, _apply([*done[:-1], torn])


def _apply(operations: Any) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    for kind, path, what in operations:
        if kind == "write":
            content[path.name] = what
        elif kind == "rename" and path.name in content:
            content[what.name] = content.pop(path.name)
        elif kind == "remove":
            content.pop(path.name, None)
    return content


def test_a_loss_of_power_at_any_moment_leaves_the_newest_or_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, folder, finished = Disk(), tmp_path / "real", []
    with monkeypatch.context() as recording:
        disk.record(recording)
        for epoch, step in SAVES:
            checkpoint.write(folder, made(epoch, step))
            finished.append(len(disk.operations))
    points = 0
    for length, content in disk.after_losses_of_power():
        left = tmp_path / "left"
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir()
        for name, data in content.items():
            (left / name).write_bytes(data)
        found = position(checkpoint.read_newest(left)[0])
        saved = [where for where, end in zip(SAVES, finished, strict=True) if end <= length]
        being_saved = SAVES[len(saved)] if len(saved) < len(SAVES) else None
        allowed = {saved[-1] if saved else None, being_saved}
        assert found in allowed, (length, sorted(content))
        points += 1
    assert points > 100


def test_a_disk_that_is_full_at_any_write_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ("_write_synced", "_rename", "sync_folder")
    failures = 0
    for fatal in itertools.count():
        folder, calls = tmp_path / str(fatal), itertools.count()
        checkpoint.write(folder, made(1, 0))
        with monkeypatch.context() as filling:
            for name in steps:
                filling.setattr(files, name, failing(getattr(files, name), calls, fatal))
            with contextlib.suppress(OSError):
                checkpoint.write(folder, made(2, 0))
                break
        failures += 1
        assert position(checkpoint.read_newest(folder)[0]) in {(1, 0), (2, 0)}
        assert not list(folder.glob(".*.tmp"))
        checkpoint.write(folder, made(2, 0))
        assert position(checkpoint.read_newest(folder)[0]) == (2, 0)
    assert failures == len(steps) * 2


def failing(real: Callable[..., None], calls: Iterator[int], fatal: int) -> Callable[..., None]:
    """Return the function, but for the call that fails as on a full disk, half of its content
    written.
    """

    def call(*arguments: Any) -> None:
        if next(calls) != fatal:
            real(*arguments)
            return
        if len(arguments) == 2 and isinstance(arguments[1], bytes):
            arguments[0].write_bytes(arguments[1][: len(arguments[1]) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return call
