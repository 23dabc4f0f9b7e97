"""What a folder holds: Parquet files, tables of its images, or folders that are classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.decoding.image_form import Limits
from convladder.data.source import Source
from convladder.data.sources import parquet
from convladder.data.sources.folders import folder
from convladder.data.sources.options import OF_PATHS, OF_TABLES, OF_TREES, refuse
from convladder.data.sources.tables import beside_images, table_folders
from convladder.data.sources.tables.table_names import overruled
from convladder.data.sources.tables.table_source import following

if TYPE_CHECKING:
    from convladder.data.sources.tables.beside_images import Table


def open_folder(root: Path, settings: Data, limits: Limits) -> Source:
    """Open a folder by what lies in it. Raises DataError."""
    shards = parquet.find_shards(root, follow=settings.follow_links)
    if shards:
        refuse(settings, (*OF_PATHS, *OF_TREES))
        return parquet.open_parquet(str(root), shards, settings)
    by_paths = overruled(settings)
    opened, why_not = (None, "") if by_paths else table_folders.open_tables(root, settings, limits)
    if opened:
        refuse(settings, ("image_root",))
        return following(opened, settings)
    tables = [] if by_paths else beside_images.find_tables(root, settings, metadata=not why_not)
    if not tables:
        refuse(settings, OF_TABLES)
    opened = _open_tree(root, settings, limits, tables, why_not)
    refuse(settings, OF_TABLES)
    if not why_not:
        return opened
    return replace(
        opened,
        notes=(*opened.notes, f"the classes come from the folders, not from a table: {why_not}"),
    )


def _open_tree(
    root: Path, settings: Data, limits: Limits, tables: list[Table], why_not: str
) -> Source:
    """Open a folder by its folders, unless tables say other classes.

    `why_not` says what was wrong with a table that was tried.
    """
    try:
        opened = folder.open_folder(root, settings, limits)
    except DataError as error:
        beside_images.refuse_unread(root, tables)
        if not why_not:
            raise
        raise DataError(f"{error} ({why_not})") from None
    beside_images.refuse_hidden(root, tables, opened.listing())
    return opened
