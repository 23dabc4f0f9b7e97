"""Where a command may write: into a folder that is new, empty, or convladder's own; or one page.

What is our own is told by a JSON file of ours and by what that says, never by its name: anybody
may have a `climb.json` or a `metrics.json`. It carries a format number; one from before there were
numbers is known by its parts, which nobody else has all: the fingerprint of the data, and where and
by which command it was made. All is checked before anything is locked, tried or written there.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from convladder.core import files
from convladder.core.errors import RunError
from convladder.results import folders, migrations

_logger = logging.getLogger(__name__)

Kind = Literal["run", "climb", "search"]

EXPORT = "export.json"  # beside each exported model
_ABOUT: dict[Kind, str] = {"run": folders.ABOUT, "climb": "climb.json", "search": "tune.json"}
_HOLDS: dict[Kind, dict[str, type]] = {  # beside `data` and `environment`, which all three have
    "run": {"rung": str, "experiment": dict},
    "climb": {"trials": list},
    "search": {"identity": str, "default": dict, "space": dict},
}
_ENVIRONMENT = {"time", "python", "system", "machine", "cores", "command", "versions"}
_LADDER = {"name", "title", "about", "base", "rung"}
_CHECKPOINT = re.compile(r"checkpoint-\d{4,}-\d{6,}\.json")
_PAGE = b'<meta name="generator" content="convladder, format '
_OLDER_PAGE = (
    b"<!doctype html>",
    b'<meta http-equiv="Content-Security-Policy"',
    b"<title>Check of ",
)
_PAGE_HEAD = 1024  # bytes, in which a page says what it is


# docs/decisions/082-what-is-ours-is-told-by-content.md
def kind_of(folder: Path) -> Kind | None:
    """Return what of ours a folder holds; None where it holds nothing of ours.

    Raises RunError where it is of a newer convladder, which this one does not know how to resume.
    """
    return next((kind for kind in _ABOUT if _tells(folder / _ABOUT[kind], kind)), None)


def check(folder: Path, kind: Kind | None, source: str | None = None) -> None:
    """Raise RunError where a command may not write into a folder, before it writes anything.

    kind : what it may hold already, to be resumed; None where it must be new or empty. source : the
        images.
    """
    if source is not None:
        folders.check_outside(folder, source)
    if folder.is_symlink() and not folder.exists():
        raise RunError(
            f"{folder} is a link to {folder.readlink()}, which does not exist: create that "
            "folder, or choose another --out"
        )
    found = kind_of(folder)
    if found and found == kind:
        return
    if found:
        raise RunError(f"{folder} already exists and holds a {found}: choose another --out")
    others = _others(folder, begun=kind in ("climb", "search"))
    _refuse_others(folder, (path for path in others if kind is None or not _is_live(path)))


def check_at_start(out: str | Path | None, kind: Kind, source: str, parent: str) -> Path | None:
    """Check where a command will write before its images are read: `out`, or a folder in `parent`.

    Returns the folder that `out` means (see `place_of`).
    """
    if out:
        return place_of(out, kind, source)
    folders.check_outside(Path(parent), source)
    return None


def place_of(out: str | Path, kind: Kind | None, source: str | None = None) -> Path:
    """Return the folder that `out` means. Raises RunError where a command may not write there.

    A link is followed here, before any work: a finished folder cannot take the place of a link.
    """
    check(Path(out), kind, source)  # it names the folder as the person did
    folder = folders.followed(Path(out))
    if kind == "run":
        check_run(folder, source)
    return folder


def check_replaceable(folder: Path) -> None:
    """Raise RunError where a folder cannot be replaced: another disk is mounted there."""
    if folders.is_mount_point(folder):
        raise RunError(
            f"{folder} is a mount point, which a finished folder cannot replace: give a folder "
            f"inside it with --out, such as {folder / 'run'}"
        )


def check_run(folder: Path, source: str | None = None) -> None:
    """Raise RunError where a run may not be at `folder`, or beside it while unfinished."""
    check(folder, "run", source)
    if kind_of(folder) and not folders.is_finished(folder):
        raise RunError(
            f"{folder} already exists and is not a finished run: remove it, or choose another --out"
        )
    if not folders.is_finished(folder):
        check_replaceable(folder)
    unfinished = folders.unfinished(folder)
    if not _is_unfinished_run(unfinished):
        _refuse_others(unfinished, _others(unfinished, begun=True))


def check_event_folder(folder: Path) -> None:
    """Raise RunError where TensorBoard's files would be put among others."""
    others = (
        path for path in folder.rglob("*") if not path.is_dir() and ".tfevents." not in path.name
    )
    _refuse_others(folder, others)


def check_made_here(folder: Path) -> Kind:
    """Return what of ours a folder holds.

    Raises RunError where it is not of ours: nothing is written into it then, such as a report.
    """
    kind = kind_of(folder)
    if kind is None:
        there = [name for name in _ABOUT.values() if (folder / name).exists()]
        if there:
            raise RunError(f"{folder} was not written by convladder, or its {there[0]} is damaged")
        raise RunError(folders.why_no_run(folder))
    return kind


def check_file_outside(path: Path, images: Iterable[str | None], option: str) -> None:
    """Raise RunError where a file would lie among the images; `option` is how it was given."""
    for place in images:
        folders.check_outside(path, place or "", option)


def check_page(path: Path, *images: str | None) -> None:
    """Raise RunError where a page cannot be written, or would replace a file that is no such page.

    images : where they are, as far as that is known; a page may not lie among them either.
    """
    check_file_outside(path, images, "--html")
    folders.check_file(path)
    if path.exists() and not is_page(path):
        raise RunError(
            f"{path} already exists and was not written by convladder: give another name, or "
            "remove it"
        )


def remove_unfinished(folder: Path) -> None:
    """Remove an unfinished run, as far as convladder made it: what a person has put there stays."""
    if not folder.is_dir() or folder.is_symlink():
        return
    made = [path for path in folder.iterdir() if _is_of_unfinished(path.name)]
    for path in sorted(made, key=_place_in_removal):
        try:
            files.remove_any(path)
        except OSError as error:
            _logger.debug("%s stays (%s)", path, error)
    with contextlib.suppress(OSError):  # what a person has put there stays, and so the folder
        folder.rmdir()


def clear_unfinished(folder: Path) -> None:
    """Remove what lies in an unfinished run, but for its locks and what a person has put there."""
    for path in sorted(folder.glob("[!.]*"), key=_place_in_removal):
        if _is_of_unfinished(path.name):
            path.unlink(missing_ok=True)


def _place_in_removal(path: Path) -> tuple[bool, bool]:
    """What a run is of goes after its checkpoints, so that none lacks it; held locks go last."""
    return path.name.startswith("."), path.name == folders.ABOUT


def _is_of_unfinished(name: str) -> bool:
    written = (folders.ABOUT, "history.csv", *folders.OLDER_LOCKS)
    checkpoint = re.fullmatch(r"(damaged-)*checkpoint-\d+-\d+\.(json|safetensors)", name)
    return (
        name in written
        or checkpoint is not None
        or name.startswith(files.MARK)
        or files.is_temporary(name)
    )


def _is_unfinished_run(folder: Path) -> bool:
    """Whether it is told by what it is of, or, where damaged, by a checkpoint's format number."""
    return _tells(folder / folders.ABOUT, "run") or any(
        _is_checkpoint(_read(path).get("checkpoint"))
        for path in _entries(folder)
        if _CHECKPOINT.fullmatch(path.name)
    )


def _is_checkpoint(told: object) -> bool:
    return isinstance(told, dict) and isinstance(told.get("format"), int)


def _tells(path: Path, kind: Kind) -> bool:
    """Whether a JSON file is ours, of this kind. Raises RunError for a newer version."""
    about = _read(path)
    data, environment = about.get("data"), about.get("environment")
    holds = {"data": dict, "environment": dict} | _HOLDS[kind]
    if not all(isinstance(about.get(key), of) for key, of in holds.items()):
        return False
    if not isinstance(data, dict) or not {"source", "fingerprint"} <= data.keys():
        return False
    if not isinstance(environment, dict) or not environment.keys() >= _ENVIRONMENT:
        return False
    try:
        migrations.known_format(dict(about), path)
    except ValueError:
        return False
    return True


def _read(path: Path) -> Mapping[str, Any]:
    """Return what a JSON file says; nothing where it is none."""
    try:
        content = files.read_json(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _others(folder: Path, *, begun: bool) -> Iterator[Path]:
    """Yield what lies in a folder.

    begun : not what a command leaves there that is stopped before it has said what it does.
    """
    entries = _entries(folder)
    locked = any(_is_older_lock(path) for path in entries)
    for path in entries:
        if not (begun and _is_beginning(path, locked=locked)):
            yield path


def _is_beginning(path: Path, *, locked: bool) -> bool:
    """Whether a stopped command leaves this first; `locked`: beside an older version's lock."""
    name = path.name
    if name.startswith(files.MARK) or _is_older_lock(path):
        return True
    if name == "ladder.json":  # it is written just before climb.json
        return _read(path).keys() - {"format"} == _LADDER
    # older versions did not mark what was half written, and wrote where they held a lock alone
    return locked and files.is_temporary(name) and path.is_file()


def _is_older_lock(path: Path) -> bool:
    """Whether it is a lock of versions without a mark: empty, or with a process's name."""
    if path.name in folders.OLDER_LOCKS:
        with contextlib.suppress(OSError):
            return not path.is_dir() and (
                path.stat().st_size == 0 or path.read_bytes().startswith(b"process ")
            )
    return False


def _refuse_others(folder: Path, others: Iterator[Path]) -> None:
    names = (
        path.relative_to(folder).as_posix() for path in others if path.name not in files.OF_SYSTEMS
    )
    first = min(names, default=None)
    if first is not None and (folder / EXPORT).is_file():
        raise RunError(
            f"{folder} already holds an export: choose a new or an empty folder with --out"
        )
    if first is not None:
        raise RunError(
            f"{folder} already exists and holds files that convladder did not write, such as "
            f"{first}. Nothing was changed: choose a new or an empty folder with --out"
        )


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, if any. Raises RunError where it is none, or unreadable."""
    try:
        return list(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise RunError(
            f"cannot write to {folder} ({error.strerror}): choose another place with --out"
        ) from None


def _is_live(path: Path) -> bool:
    """Whether it is the page of what trains, or half of one, which a kill may leave alone."""
    is_half = path.name.startswith(files.MARK) and files.is_temporary(path.name)
    return is_half or (path.name == folders.LIVE and path.is_file() and is_page(path))


def is_page(path: Path) -> bool:
    """Whether a file begins as pages of convladder do, or is empty."""
    with path.open("rb") as file:
        head = file.read(_PAGE_HEAD)
    return not head or _PAGE in head or all(part in head for part in _OLDER_PAGE)
