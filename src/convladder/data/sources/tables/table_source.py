"""Tables as sources: one row per image with its path and class, in files or a pandas frame.

Every row ends as a record or as ignored; a row whose file is missing is a record that will be
rejected.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Content, Ignored, Listing, Record, Source, Split
from convladder.data.sources.folders import links
from convladder.data.sources.folders.class_names import is_unicode, name_classes, readable
from convladder.data.sources.folders.folder import fetch_within, state_of
from convladder.data.sources.tables import image_paths, table_files
from convladder.data.sources.tables.cells import Cells, cells_of
from convladder.data.sources.tables.columns import MOST_NAMED, find_column
from convladder.data.sources.tables.label_studio import UNLABELLED
from convladder.data.sources.tables.labels import find_labels
from convladder.data.split_names import SPLIT_NAMES, split_of, splits_among

if TYPE_CHECKING:
    import pandas as pd

UNLISTED = "not in the table"  # the rule by which images beside the listed are passed over
SAVE_AS_UTF8 = "save the table as 'CSV UTF-8'"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; `number` is for people: the line of a file, the place in a frame."""

    number: int
    path: str
    label: str
    split: str
    group: str


@dataclass(frozen=True)
class Rows:
    """The rows of a table, what of it is no row, and what to know of how it was read."""

    name: str
    rows: tuple[Row, ...]
    passed: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


def open_manifest(path: Path, settings: Data, limits: Limits) -> Source:
    """Open a table whose paths are relative to it, or to `image_root`. Raises DataError."""
    root = Path(settings.image_root).expanduser() if settings.image_root else path.parent
    rows = rows_of(table_files.read(path), settings)
    return open_rows(rows, str(path), root.resolve(), limits, follow=settings.follow_links)


def following(table: Source, settings: Data) -> Source:
    """Return a table of paths; it follows links out of its folder if the settings say so."""
    if not settings.follow_links:
        return table
    fetch = partial(
        cast("Callable[..., Content]", table.fetch), follow=True
    )  # `folder.fetch_within`
    return replace(table, fetch=fetch, fingerprint=f"{table.fingerprint} links followed")


def open_table(
    table: pd.DataFrame, name: str, root: Path, settings: Data, limits: Limits
) -> Source:
    """Open a frame of paths and labels; `name` is the source's. Raises DataError."""
    rows = rows_of(cells_of(table), settings)
    return open_rows(rows, name, root.resolve(), limits, follow=settings.follow_links)


def open_rows(
    table: Rows,
    name: str,
    root: Path,
    limits: Limits,
    beside: Iterable[str] = (),
    *,
    follow: bool = False,
) -> Source:
    """Open rows whose paths are relative to `root`; `beside` are the images there, listed or not.

    Images are looked for behind links to folders, too, where `follow` says so. Raises DataError.
    """
    listing, located = _list(table, root, follow=follow)
    listed = {record.path for record in listing.records}
    unlisted = tuple(Ignored(path, UNLISTED) for path in beside if path not in listed)
    listing = replace(listing, ignored=listing.ignored + unlisted)
    states = [_state(root / record.path) for record in listing.records]
    if not any(states):
        with links.hinting(located.of_links):
            raise DataError(
                f"{table.name}: none of its files is below {root}, such as "
                f"{readable(listing.records[0].path)}: give the folder where the paths start with "
                "--image-root (data.image_root)"
            )
    digest = hashlib.sha256(repr((str(root), listing, states)).encode(errors="surrogateescape"))
    return Source(
        name=name,
        kind="table",
        fingerprint=digest.hexdigest(),
        listing=lambda: listing,
        fetch=partial(fetch_within, root, limits),
        at_hand=True,
        notes=(*table.notes, *([located.note] if located.note else [])),
    )


def rows_of(cells: Cells, settings: Data) -> Rows:
    """Return what the cells of a table say of each image. Raises DataError."""
    strange = [column for column in cells.columns if not is_unicode(column)]
    if strange:
        raise DataError(
            f"{cells.name}: the column name {readable(strange[0])} is not UTF-8: {SAVE_AS_UTF8}"
        )
    columns = _columns(cells, settings)
    paths, splits, groups = (_texts(cells, columns[role]) for role in ("path", "split", "group"))
    taken = {column for column in columns.values() if column is not None}
    labels = find_labels(cells, paths, taken, settings.label_column)
    rows = [
        Row(*each) for each in zip(cells.numbers, paths, labels.texts, splits, groups, strict=True)
    ]
    unlabelled = [row for row in rows if labels.optional and not row.label]
    passed = [Ignored(f"{row.path} (row {row.number})", UNLABELLED) for row in unlabelled]
    passed += [Ignored(f"row {number}", "empty row") for number in cells.blank]
    kept = [row for row in rows if row.label or not labels.optional]
    notes = (labels.note,) if labels.note else ()
    return Rows(cells.name, tuple(kept), (*cells.passed, *passed), notes)


def _columns(cells: Cells, settings: Data) -> dict[str, str | None]:
    """Return the columns of paths, splits and groups. Raises DataError where there are no paths."""
    wanted = {
        "path": settings.path_column,
        "split": settings.split_column,
        "group": settings.group_column,
    }
    return {
        role: find_column(cells.columns, cells.name, role, name, needed=role == "path")
        for role, name in wanted.items()
    }


def _texts(cells: Cells, column: str | None) -> list[str]:
    return (
        [""] * len(cells.numbers) if column is None else cells.column(cells.columns.index(column))
    )


def _list(table: Rows, root: Path, *, follow: bool) -> tuple[Listing, image_paths.Located]:
    """Return the rows as a listing, and how their images were found if not where the paths say."""
    name, rows = table.name, table.rows
    if not rows:
        raise DataError(f"{name} has no rows")
    _refuse_texts(name, rows, root)
    located = _find_places(name, rows, root, follow=follow)
    class_names = name_classes(name, (row.label for row in rows))
    label = {each: number for number, each in enumerate(class_names)}
    records: dict[str, Record] = {}
    first: dict[str, Row] = {}
    again = []
    for row, place, split in zip(rows, located.places, _splits(name, rows), strict=True):
        record = Record(place, label[row.label], split, row.group)
        if records.setdefault(record.path, record) is record:
            first[record.path] = row
        elif records[record.path] == record:
            again.append(Ignored(f"{record.path} (row {row.number})", "row given twice"))
        else:
            raise DataError(f"{name}: {_contradiction(row, first[record.path])}")
    return Listing(class_names, tuple(records.values()), (*again, *table.passed)), located


def _find_places(
    name: str, rows: Sequence[Row], root: Path, *, follow: bool
) -> image_paths.Located:
    """Return where each image is below `root`, and how it was found if not by its path."""
    placed = [_place(row.path, root) for row in rows]
    of_links = ""
    if not any(place is not None and _is_file(root / place) for place in placed):
        located = image_paths.locate(
            name, [(row.number, row.path) for row in rows], root, follow=follow
        )
        if located.places:
            return located
        of_links = located.of_links
    outside = [row for row, place in zip(rows, placed, strict=True) if place is None]
    foreign = [row for row in outside if not _is_here(row.path)]
    where = (
        f"the path leads out of {root} (if the images are elsewhere, give --image-root "
        "(data.image_root))"
    )
    with links.hinting(of_links):
        _refuse(name, foreign, image_paths.why_foreign([row.path for row in foreign]))
        _refuse(name, outside, where)
    return image_paths.Located([place or "" for place in placed], of_links=of_links)


def _refuse_texts(name: str, rows: Sequence[Row], root: Path) -> None:
    """Raise DataError where a row lacks its path or label, or holds what is no text."""
    for what in ("path", "label"):
        _refuse(name, [row for row in rows if not getattr(row, what)], f"the {what} is missing")
    for what in ("label", "split", "group"):
        strange = [row for row in rows if not is_unicode(getattr(row, what))]
        _refuse(name, strange, f"the {what} is not UTF-8: {SAVE_AS_UTF8}")
    _refuse(name, [row for row in rows if "\0" in row.path], "the path holds a null byte")
    strange = [row for row in rows if not is_unicode(row.path) and not _state(root / row.path)]
    _refuse(
        name,
        strange,
        f"the path is not UTF-8, and no file has exactly these bytes: {SAVE_AS_UTF8}",
    )


def _contradiction(row: Row, earlier: Row) -> str:
    """Say in what two rows of one file differ; two words for one split do not."""
    pairs = {
        what: (getattr(row, what), getattr(earlier, what)) for what in ("label", "split", "group")
    }
    what = next(
        what
        for what, (now, then) in pairs.items()
        if (split_of(now) != split_of(then) if what == "split" else now != then)
    )
    now, then = pairs[what]
    return (
        f"row {row.number} ({readable(row.path)}): the {what} is {now!r}, but {then!r} in row "
        f"{earlier.number}: leave one of them out"
    )


def _splits(name: str, rows: Sequence[Row]) -> list[Split]:
    """Return each row's split; empty where none of the rows has one. Raises DataError."""
    if not any(row.split for row in rows):
        return [""] * len(rows)
    known = splits_among({row.split for row in rows})
    unknown = [row for row in rows if row.split not in known]
    _refuse(name, unknown, f"not a known split (known splits: {', '.join(SPLIT_NAMES)})")
    return [known[row.split] for row in rows]


def _is_here(path: str) -> bool:
    """Whether a path that leads out of the root may be meant for this machine."""
    return not image_paths.is_foreign(path) or bool(_state(Path(path.replace("\\", "/")).parent))


def _place(path: str, root: Path) -> str | None:
    """Return the path below `root`, with `/`; None where it leads out of it, or is an address."""
    if image_paths.ADDRESS.match(path):
        return None
    if "\\" in path and not _state(root / path):
        if image_paths.has_drive(path) and not Path(path).is_absolute():
            return None  # a file of Windows, elsewhere
        path = path.replace("\\", "/")  # as a table written on Windows has it
    if path.startswith("/") or Path(path).is_absolute():
        below = _below(path, root) or _below(
            posixpath.join(_real(posixpath.dirname(path)), path.split("/")[-1]), root
        )
        if below is None:
            return None
        path = below
    normal = posixpath.normpath(path)
    return None if normal == ".." or normal.startswith("../") else normal


def _below(path: str, root: Path) -> str | None:
    whole = PurePosixPath(path)
    return (
        whole.relative_to(root.as_posix()).as_posix()
        if whole.is_relative_to(root.as_posix())
        else None
    )


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    """Return where a folder is; on macOS, /tmp is a link."""
    return Path(os.path.realpath(folder)).as_posix()


def _refuse(name: str, rows: Sequence[Row], what: str) -> None:
    if rows:
        noun = "row" if len(rows) == 1 else "rows"
        listed = ", ".join(
            f"{row.number} ({readable(row.path or row.label) or 'empty'})"
            for row in rows[:MOST_NAMED]
        )
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise DataError(f"{name}: {noun} {listed}{more}: {what}")


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # of a name that is too long, too
        return False


def _state(path: Path) -> str:
    """Return what changes with a file; nothing where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return repr(state_of(status))
