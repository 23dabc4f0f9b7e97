"""The kinds of sources, and which of them a text names, told by what is there."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convladder.core.errors import DataError
from convladder.data.sources import builtin
from convladder.data.sources.options import (
    LINKS,
    OF_PATHS,
    OF_TABLES,
    OF_TREES,
    OPENING,
    SHARED,
    TREES,
    OutOfPlace,
    given,
    refuse,
    refuse_in_memory,
)

if TYPE_CHECKING:  # what a kind takes to be opened is imported then: `--help` does without NumPy
    from convladder.core.settings.data import Data
    from convladder.data.decoding.image_form import Limits
    from convladder.data.source import Source

_logger = logging.getLogger(__name__)

HUB = "hf:"


@dataclass(frozen=True)
class SourceKind:
    """One kind of source.

    expected : how a person gives one. takes : whether a text names one. refuses : the settings that
    would do nothing with it, the first to be named first.
    """

    name: str
    expected: str
    takes: Callable[[str], bool]
    open: Callable[[Data], Source]
    refuses: tuple[str, ...] = ()


def open_source(settings: Data) -> Source:
    """Open what `settings.source` names, as one of SOURCES.

    Raises
    ------
    DataError
        Nothing of that name is there, or it is none of these.
    """
    text = settings.source
    if not text:
        raise DataError("the name of the data is empty: give a folder, a file or a built-in name")
    kind = next((each for each in reversed(SOURCES) if each.takes(text)), None)
    if kind is not None:
        refuse(settings, kind.refuses)
        return kind.open(settings)
    if _path(text).is_file():
        raise DataError(
            f"{_place_of(_path(text))} is not a kind of file that convladder reads: give {EXPECTED}"
        )
    raise DataError(f"no data at {text}: give {EXPECTED}")


def open_like(settings: Data, others: Mapping[str, Any]) -> Source:
    """Open what `settings.source` names, and read it as far as possible as others were read.

    Those that do not go with this source, or of which it has nothing, such as a column, are left
    out without a word. Raises DataError.
    """
    rest = [name for name in others if name not in LINKS]
    links = {name: value for name, value in others.items() if name in LINKS}
    for count in range(len(rest), 0, -1):
        for names in itertools.combinations(rest, count):
            try:
                opened = _open_with(settings, {name: others[name] for name in names}, links)
                opened.listing()  # some read their columns only then, and keep the listing
            except DataError as error:
                _logger.debug("the images are not opened by %s (%s)", ", ".join(names), error)
            else:
                return opened
    return _open_with(settings, {}, links)


def _open_with(settings: Data, others: Mapping[str, Any], links: Mapping[str, Any]) -> Source:
    """Open what the settings name, with `links` where these go with it. Raises DataError."""
    try:
        return open_source(settings.model_copy(update={**others, **links}))
    except OutOfPlace:
        return open_source(settings.model_copy(update=dict(others)))


def shared_settings(trained: Data, own: set[str]) -> dict[str, Any]:
    """Return how a run's images were read, as far as it may hold for others and is not given."""
    kept = [name for name in SHARED if name not in own]
    if not own.isdisjoint(OF_TREES):
        kept = [name for name in kept if name not in OF_TREES]
    return {name: getattr(trained, name) for name in given(trained, tuple(kept))}


def open_values(values: Any, labels: Any, settings: Data) -> Source:
    """Open a pandas frame of paths and labels, or labelled arrays. Raises DataError."""
    from convladder.data.sources import arrays
    from convladder.data.sources.tables import table_source

    if hasattr(values, "columns"):
        if labels is not None:
            raise DataError(
                "the labels of a frame are in its column 'label' (or in data.label_column)"
            )
        refuse_in_memory(settings, OF_TREES, TREES, "a frame")
        root = Path(settings.image_root or ".").expanduser().resolve()
        return table_source.following(
            table_source.open_table(values, settings.source, root, settings, limits_of(settings)),
            settings,
        )
    if labels is None:
        raise DataError("an array of images needs labels: load(images, labels)")
    refuse_in_memory(settings, OF_TREES, TREES, "an array")
    refuse_in_memory(settings, (*OF_TABLES, *LINKS), "files or a table of them", "an array")
    return arrays.open_arrays(settings.source, values, labels)


def refuse_reopening(opened: Data, wanted: Data) -> None:
    """Raise DataError where a setting is to change that opening images in memory has settled."""
    changed = [name for name in OPENING if getattr(opened, name) != getattr(wanted, name)]
    if changed:
        raise DataError(
            f"data.{changed[0]} says how to open images, but these are already in memory: give it "
            f"to load, as changes={{'data.{changed[0]}': {getattr(wanted, changed[0])!r}}}"
        )


def limits_of(settings: Data) -> Limits:
    """Return the limits that the settings set."""
    from convladder.data.decoding.image_form import Limits

    return Limits(settings.max_pixels, settings.max_bytes, settings.max_frames)


def _place_of(path: Path) -> Path:
    """Return where a file is, without links, unless a link's name says more of its kind.

    Of a download, huggingface_hub keeps each file under a number, and links to it by its name.
    """
    real = path.resolve()
    return real if real.suffix.lower() == path.suffix.lower() else path.parent.resolve() / path.name


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _is_folder(text: str) -> bool:
    return _path(text).is_dir()


def _open_folder(settings: Data) -> Source:
    from convladder.data.sources import folder_contents

    root = _path(settings.source).resolve()
    return folder_contents.open_folder(root, settings, limits_of(settings))


def _is_archive(text: str) -> bool:
    from convladder.data.sources.folders import archives

    return _path(text).is_file() and archives.is_archive(_place_of(_path(text)))


def _open_archive(settings: Data) -> Source:
    from convladder.data.sources.folders import archives

    place = _place_of(_path(settings.source))
    return archives.open_archive(place, settings, limits_of(settings))


def _is_table(text: str) -> bool:
    from convladder.data.sources.tables import table_files

    return _has_suffix(text, *table_files.SUFFIXES)


def _open_table(settings: Data) -> Source:
    from convladder.data.sources.tables import table_source

    place = _place_of(_path(settings.source))
    opened = table_source.open_manifest(place, settings, limits_of(settings))
    return table_source.following(opened, settings)


def _is_npz(text: str) -> bool:
    return _has_suffix(text, ".npz")


def _open_npz(settings: Data) -> Source:
    from convladder.data.sources import arrays

    return arrays.open_npz(_place_of(_path(settings.source)))


def _is_parquet(text: str) -> bool:
    return _has_suffix(text, ".parquet")


def _open_parquet(settings: Data) -> Source:
    from convladder.data.sources import parquet

    place = _place_of(_path(settings.source))
    return parquet.open_parquet(str(place), parquet.Shards(place.parent, (place.name,)), settings)


def _is_of_hub(text: str) -> bool:
    return text.startswith(HUB)


def _open_hub(settings: Data) -> Source:
    from convladder.data.sources import huggingface

    return huggingface.open_hub(settings.source, settings, limits_of(settings))


def _is_built_in(text: str) -> bool:
    return text in builtin.NAMES


def _open_built_in(settings: Data) -> Source:
    text = settings.source
    if _path(text).exists():
        raise DataError(
            f"{text!r} is both a built-in data set and a path: write ./{text} for the path"
        )
    return builtin.open_named(text)


def _has_suffix(text: str, *suffixes: str) -> bool:
    path = _path(text)
    return path.is_file() and _place_of(path).suffix.lower() in suffixes


# As people read them. The last are asked first whether a text names one of them.
SOURCES = (
    SourceKind("folder", "a folder of class folders", _is_folder, _open_folder),
    SourceKind(
        "archive", "a .zip or .tar archive of it", _is_archive, _open_archive, refuses=OF_TABLES
    ),
    SourceKind(
        "table",
        "a table of paths and labels (.csv, .tsv, .jsonl, .json, .xml or .txt; see docs/data.md)",
        _is_table,
        _open_table,
        refuses=OF_TREES,
    ),
    SourceKind("npz", "an .npz file", _is_npz, _open_npz, refuses=(*OF_TABLES, *OF_TREES, *LINKS)),
    SourceKind(
        "parquet",
        "a .parquet file or a folder of them",
        _is_parquet,
        _open_parquet,
        refuses=(*OF_PATHS, *OF_TREES, *LINKS),
    ),
    SourceKind(
        "hub",
        f"{HUB}NAME of the Hugging Face hub",
        _is_of_hub,
        _open_hub,
        refuses=(*OF_PATHS, *OF_TREES, *LINKS),
    ),
    SourceKind(
        "built-in",
        f"one of {', '.join(builtin.NAMES)}",
        _is_built_in,
        _open_built_in,
        refuses=(*OF_TABLES, *OF_TREES, *LINKS),
    ),
)
EXPECTED = ", ".join(each.expected for each in SOURCES[:-1]) + f", or {SOURCES[-1].expected}"
