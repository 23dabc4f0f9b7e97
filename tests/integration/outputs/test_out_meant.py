"""What `--out` means where it is a link, the working folder, or a mount point: told before any
training.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import convladder as cl
from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.tasks import Task
from convladder.deploy import exporter
from convladder.experiments import single_training
from convladder.results import folders, outputs
from foreign import put, snapshot
from images_made import MakeFolder
from made_runs import make_run, share_right

MakeRun = Callable[[str], Any]


@pytest.fixture
def place(tmp_path: Path, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with images, and training that takes no time."""

    def run_at_once(task: Task, *others: object) -> bool:
        with folders.writing(task.arguments[1]) as new:
            make_run(new, right=share_right(0.5, 20, 0))
        return True

    make_folder({"cat": 6, "dog": 6}, at="pets")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(single_training, "_run_one", run_at_once)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(out: str | Path) -> cl.Run:
    return cl.train("pets", "lenet5", out=out, allow_rejects=True, quiet=True)


def test_through_a_link_to_an_empty_folder_the_training_is_kept(place: Path) -> None:
    (place / "linked").symlink_to("empty")
    run = train("linked")
    assert folders.is_finished(place / "empty")
    assert (place / "linked").is_symlink()
    assert run.metrics["validation"]


def test_the_empty_working_folder_is_filled_and_stays_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (place / "empty").stat().st_ino
    monkeypatch.chdir(place / "empty")
    cl.train(place / "pets", "lenet5", out=".", allow_rejects=True, quiet=True)
    assert folders.is_finished(Path())
    assert (place / "empty").stat().st_ino == before
    assert sorted(path.name for path in place.iterdir()) == ["empty", "pets"]


def test_what_systems_put_into_an_empty_folder_is_ignored_and_stays(place: Path) -> None:
    put(place / "empty", {".DS_Store": "x", "desktop.ini": "y", ".gitkeep": ""})
    (place / "empty/lost+found").mkdir()
    put(place / "empty.unfinished", {".DS_Store": "z"})
    before = snapshot(place / "empty")
    for kind in ("climb", "search", None):
        assert outputs.place_of("empty", kind) == Path("empty")
    outputs.check_event_folder(place / "empty")
    train("empty")
    assert folders.is_finished(place / "empty")
    after = snapshot(place / "empty")
    assert {name: after[name] for name in before} == before
    assert sorted(path.name for path in place.iterdir()) == ["empty", "empty.unfinished", "pets"]
    assert snapshot(place / "empty.unfinished") == {".DS_Store": b"z"}


def test_a_name_that_is_there_by_then_is_not_replaced(tmp_path: Path) -> None:
    kept = put(tmp_path / "new", {".gitkeep": "mine"})
    with pytest.raises(FileExistsError), files.whole_folder(kept, "marker") as made:
        put(made, {".gitkeep": "ours", "a": "x", "marker": "x"})
    assert snapshot(tmp_path) == {"new": None, "new/.gitkeep": b"mine"}


def test_the_folder_above_is_known_by_its_own_name(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "empty/inner").mkdir()
    monkeypatch.chdir(place / "empty/inner")
    assert outputs.place_of("../new", "run") == Path("../new")
    assert outputs.place_of(".", "run") == place / "empty/inner"
    with pytest.raises(RunError, match=r"^\.\. already exists and holds files .* such as inner"):
        outputs.place_of("..", "run")


def test_a_mount_point_is_refused_before_any_training(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "empty")
    with pytest.raises(RunError, match=r"empty is a mount point, .* such as empty/run"):
        train("empty")
    make_run(place / "a", right=share_right(0.5, 20, 0))
    with pytest.raises(RunError, match="empty is a mount point"):
        cl.export("a", "onnx", "pets", out="empty", quiet=True)
    with pytest.raises(RunError, match="empty is a mount point"):
        cl.reproduce("a", "pets", out="empty", quiet=True)
    assert list((place / "empty").iterdir()) == []
    make_run(place / "empty", right=share_right(0.5, 20, 0))
    assert outputs.place_of("empty", "run") == Path("empty")  # it is finished: nothing is put there


def test_a_mounted_folder_of_the_same_disk_is_a_mount_point_too(tmp_path: Path) -> None:
    mounts, mounted = tmp_path / "mountinfo", tmp_path / "my data"
    mounted.mkdir()
    escaped = str(mounted).replace(" ", r"\040")
    mounts.write_text(
        f"26 25 0:5 / /proc rw - proc proc rw\n36 35 98:0 /x {escaped} rw - ext3 /dev/root rw\n"
    )
    assert folders.is_mount_point(mounted, mounts)
    assert not folders.is_mount_point(tmp_path, mounts)
    assert not folders.is_mount_point(tmp_path, tmp_path / "none")


@pytest.mark.parametrize(
    "command", ["train", "climb", "tune", "reproduce", "export", "evaluate", "compare"]
)
def test_a_link_to_nothing_is_refused(command: str, place: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        make_run(place / name, seed=seed, right=share_right(0.5, 20, seed))
    (place / "linked").symlink_to("gone")
    write: dict[str, Callable[[], object]] = {
        "train": lambda: train("linked"),
        "climb": lambda: cl.climb("pets", out="linked", quiet=True),
        "tune": lambda: cl.tune("pets", out="linked", quiet=True),
        "reproduce": lambda: cl.reproduce("a", "pets", out="linked", quiet=True),
        "export": lambda: cl.export("a", "onnx", "pets", out="linked", quiet=True),
        "evaluate": lambda: cl.Run("a").evaluate("pets", out="linked", quiet=True),
        "compare": lambda: cl.compare("a", "b").report("linked"),
    }
    with pytest.raises(RunError, match="linked is a link to gone, which does not exist"):
        write[command]()
    assert not (place / "gone").exists()


@pytest.mark.parametrize("out", ["linked", "."])
def test_an_export_is_put_where_a_link_leads_and_into_the_working_folder(
    out: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convladder.api import exports

    def export(bundle: object, kind: str, folder: Path, *others: object, **more: object) -> Path:
        with files.whole_folder(folder, exporter.PARITY) as made:
            (made / exporter.PARITY).write_text("{}")
        return folder

    class Made:
        contents = SimpleNamespace(selection=None)

        def __init__(self, content: bytes) -> None:
            assert content == b""

    make_run(place / "a", right=share_right(0.5, 20, 0))
    monkeypatch.setattr(exports.exporter, "export", export)
    monkeypatch.setattr(exports.bundle_writer, "bundle_of", lambda folder: b"")
    monkeypatch.setattr(exports, "Bundle", Made)
    monkeypatch.setattr(exports.wording, "of_doubt", lambda selection: "")
    monkeypatch.setattr(exports, "_sample", lambda *given: None)
    (place / "linked").symlink_to("empty")
    monkeypatch.chdir(place / ("empty" if out == "." else ""))
    exports.export(place / "a", "onnx", place / "pets", out=out, quiet=True)
    assert (place / "empty" / exporter.PARITY).is_file()
