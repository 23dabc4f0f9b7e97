"""Which kind of source a text names, told by what is there."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from convladder.core.errors import DataError
from convladder.core.experiment import Data
from convladder.data.decoding.images import Limits
from convladder.data.source import Content, Source
from convladder.data.sources.tables.table_names import TREE_OPTIONS, overruled

if TYPE_CHECKING:
    from collections.abc import Callable

    from convladder.data.sources.tables.beside_images import Table

EXPECTED = (
    "a folder of class folders, a .zip or .tar archive of it, a table of paths and labels "
    "(.csv, .tsv, .jsonl, .json, .xml or .txt; see docs/data.md), an .npz file, "
    "a .parquet file or a folder of them, hf:NAME of the Hugging Face hub"
)

OF_PATHS = ("path_column", "image_root")  # what only tables of paths have
COLUMNS = ("label_column", "split_column", "group_column")
TABLE_OPTIONS = (*OF_PATHS, *COLUMNS)
LINKS = ("follow_links",)  # what only folders and tables have, whose images are files of their own
OPENING = (*TABLE_OPTIONS, *TREE_OPTIONS, *LINKS, "max_bytes")  # settled once a source is open
SHARED = (*TREE_OPTIONS, "path_column", *COLUMNS[:2], *LINKS)  # what may hold of other images, too
OF_TREES = "a folder of images or an archive of it"
OF_LINKS = "a folder of images or a table of paths"


class OutOfPlace(DataError):
    """A setting is given that does not go with the source: it would do nothing."""


def open_source(settings: Data) -> Source:
    """Open what `settings.source` names: a folder, an archive, a table, an npz or Parquet file, a
    set by name.

    Raises
    ------
    DataError
        Nothing of that name is there, or it is none of these.
    """
    from convladder.data.sources import builtin, huggingface

    text, limits = settings.source, limits_of(settings)
    if not text:
        raise DataError("the name of the data is empty: give a folder, a file or a built-in name")
    path = Path(text).expanduser()
    if text in builtin.NAMES:
        if path.exists():
            raise DataError(
                f"{text!r} is a built-in data set and a path too: write ./{text} for the path"
            )
        _refuse_table_options(settings, TABLE_OPTIONS)
        _refuse_tree_options(settings)
        _refuse_links(settings)
        return builtin.open_named(text)
    if text.startswith(huggingface.PREFIX):
        _refuse_table_options(settings, OF_PATHS)
        _refuse_tree_options(settings)
        _refuse_links(settings)
        return huggingface.open_hub(text, settings, limits)
    if path.is_dir():
        return _open_folder(path.resolve(), settings, limits)
    if path.is_file():
        return _open_file(_place_of(path), settings, limits)
    raise DataError(f"no data at {text}: give {EXPECTED}, or one of {', '.join(builtin.NAMES)}")


def open_like(settings: Data, others: Mapping[str, Any]) -> Source:
    """Open what `settings.source` names, with as many settings as can be of those by which others
    were read.

    Those that do not go with this source, or of which it has nothing, such as a column, are left
    out without a word. Raises DataError.
    """
    rest = [name for name in others if name not in LINKS]
    links = {name: value for name, value in others.items() if name in LINKS}
    for count in range(len(rest), 0, -1):
        for names in itertools.combinations(rest, count):
            with contextlib.suppress(DataError):
                opened = _open_with(settings, {name: others[name] for name in names}, links)
                opened.listing()  # some read their columns only then, and keep the listing
                return opened
    return _open_with(settings, {}, links)


def _open_with(settings: Data, others: Mapping[str, Any], links: Mapping[str, Any]) -> Source:
    """Open what the settings name, with `links` where these go with it. Raises DataError."""
    try:
        return open_source(settings.model_copy(update={**others, **links}))
    except OutOfPlace:
        return open_source(settings.model_copy(update=dict(others)))


def shared_settings(trained: Data, given: set[str]) -> dict[str, Any]:
    """Return how a run's images were read, as far as it may hold of others, if nothing is given."""
    kept = [name for name in SHARED if name not in given]
    if not given.isdisjoint(TREE_OPTIONS):
        kept = [name for name in kept if name not in TREE_OPTIONS]
    return {name: getattr(trained, name) for name in _given(trained, tuple(kept))}


def _place_of(path: Path) -> Path:
    """Return where a file is, without links, unless what a link leads to says less of its kind than
    the link.

    Of a download, huggingface_hub keeps each file under a number, and links to it by its name.
    """
    real = path.resolve()
    return real if real.suffix.lower() == path.suffix.lower() else path.parent.resolve() / path.name


def open_values(values: Any, labels: Any, settings: Data) -> Source:
    """Open a pandas frame of paths and labels, or labelled arrays. Raises DataError."""
    from convladder.data.sources import arrays
    from convladder.data.sources.tables import table_source

    if hasattr(values, "columns"):
        if labels is not None:
            raise DataError(
                "the labels of a frame are in its column 'label' (or in data.label_column)"
            )
        _refuse_in_memory(settings, TREE_OPTIONS, OF_TREES, "a frame")
        root = Path(settings.image_root or ".").expanduser().resolve()
        return _following(
            table_source.open_table(values, settings.source, root, settings, limits_of(settings)),
            settings,
        )
    if labels is None:
        raise DataError("an array of images needs labels: load(images, labels)")
    _refuse_in_memory(settings, TREE_OPTIONS, OF_TREES, "an array")
    _refuse_in_memory(settings, (*TABLE_OPTIONS, *LINKS), "files or a table of them", "an array")
    return arrays.open_arrays(settings.source, values, labels)


def refuse_reopening(opened: Data, wanted: Data) -> None:
    """Raise DataError where a setting is to change that opening images in memory has settled."""
    changed = [name for name in OPENING if getattr(opened, name) != getattr(wanted, name)]
    if changed:
        raise DataError(
            f"data.{changed[0]} says how images are opened, and these are open already, in "
            f"memory: give it to load, as changes={{'data.{changed[0]}': "
            f"{getattr(wanted, changed[0])!r}}}"
        )


def _refuse_table_options(settings: Data, names: tuple[str, ...]) -> None:
    """Raise DataError where an option is given that only tables have: it would do nothing."""
    _refuse_options(settings, names, "a table")


def _refuse_options(settings: Data, names: tuple[str, ...], goes_with: str) -> None:
    given = _given(settings, names)
    if given:
        option = given[0].replace("_", "-")
        raise OutOfPlace(
            f"--{option} goes with {goes_with}, and {settings.source} is none: leave it out"
        )


def _refuse_in_memory(settings: Data, names: tuple[str, ...], goes_with: str, what: str) -> None:
    given = _given(settings, names)
    if given:
        raise OutOfPlace(f"data.{given[0]} goes with {goes_with}, and {what} is none: leave it out")


def _given(settings: Data, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(settings, name) not in (None, False)]


def _refuse_tree_options(settings: Data) -> None:
    _refuse_options(settings, TREE_OPTIONS, OF_TREES)


def _refuse_links(settings: Data) -> None:
    _refuse_options(settings, LINKS, OF_LINKS)


def limits_of(settings: Data) -> Limits:
    """Return the limits that the settings set."""
    return Limits(settings.max_pixels, settings.max_bytes, settings.max_frames)


def _open_folder(root: Path, settings: Data, limits: Limits) -> Source:
    from convladder.data.sources import parquet
    from convladder.data.sources.tables import beside_images, table_folders

    shards = parquet.find_shards(root, follow=settings.follow_links)
    if shards:
        _refuse_table_options(settings, OF_PATHS)
        _refuse_tree_options(settings)
        return parquet.open_parquet(str(root), shards, settings)
    by_paths = overruled(settings)
    opened, why_not = (None, "") if by_paths else table_folders.open_tables(root, settings, limits)
    if opened:
        _refuse_table_options(settings, ("image_root",))
        return _following(opened, settings)
    tables = [] if by_paths else beside_images.find_tables(root, settings, metadata=not why_not)
    if not tables:
        _refuse_table_options(settings, TABLE_OPTIONS)
    opened = _open_tree(root, settings, limits, tables, why_not)
    _refuse_table_options(settings, TABLE_OPTIONS)
    if not why_not:
        return opened
    return replace(
        opened,
        notes=(*opened.notes, f"the classes are those of the folders, not of a table: {why_not}"),
    )


def _open_tree(
    root: Path, settings: Data, limits: Limits, tables: list[Table], why_not: str
) -> Source:
    """Open a folder by its folders; `why_not` is said where a table was tried before."""
    from convladder.data.sources.folders import folder
    from convladder.data.sources.tables import beside_images

    try:
        opened = folder.open_folder(root, settings, limits)
    except DataError as error:
        beside_images.refuse_unread(root, tables)
        if not why_not:
            raise
        raise DataError(f"{error} ({why_not})") from None
    beside_images.refuse_hidden(root, tables, opened.listing())
    return opened


def _following(table: Source, settings: Data) -> Source:
    """Return a table of paths that follows links out of its folder, if the settings say so."""
    if not settings.follow_links:
        return table
    # `folder.fetch_within`
    fetch = partial(cast("Callable[..., Content]", table.fetch), follow=True)
    return replace(table, fetch=fetch, fingerprint=f"{table.fingerprint} links followed")


def _open_file(path: Path, settings: Data, limits: Limits) -> Source:
    from convladder.data.sources import arrays, parquet
    from convladder.data.sources.folders import archives
    from convladder.data.sources.tables import table_files, table_source

    if path.suffix.lower() in table_files.SUFFIXES:
        _refuse_tree_options(settings)
        return _following(table_source.open_manifest(path, settings, limits), settings)
    _refuse_table_options(
        settings, OF_PATHS if path.suffix.lower() == parquet.SUFFIX else TABLE_OPTIONS
    )
    if archives.is_archive(path):
        return archives.open_archive(path, settings, limits)
    _refuse_tree_options(settings)
    _refuse_links(settings)
    if path.suffix.lower() == ".npz":
        return arrays.open_npz(path)
    if path.suffix.lower() == parquet.SUFFIX:
        return parquet.open_parquet(str(path), parquet.Shards(path.parent, (path.name,)), settings)
    raise DataError(f"{path} is a file of another kind: give {EXPECTED}")
