"""The table of sources, and that all that is written of it elsewhere is of the same kinds."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convladder as cl
from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.sources import builtin, registry
from convladder.data.sources.registry import EXPECTED, SOURCES, open_source
from convladder.data.sources.tables import table_files

DOCUMENTED = {  # how docs/data.md names each kind
    "folder": "`path/to/images`",
    "archive": "`images.zip`",
    "table": "`labels.csv`",
    "npz": "`set.npz`",
    "parquet": "`set.parquet`",
    "hub": "`hf:owner/name`",
    "built-in": ", ".join(f"`{name}`" for name in builtin.NAMES),
}


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_each_kind_is_documented(kind: registry.SourceKind) -> None:
    page = (Path(__file__).parents[4] / "docs/data.md").read_text(encoding="utf-8")
    table = page.partition("| DATA | what it is |")[2].partition("\n\n")[0]
    assert DOCUMENTED[kind.name] in table
    reference = " ".join((inspect.getdoc(cl.load) or "").split())
    assert kind.expected.lower() in reference.lower()


def test_the_suffixes_that_are_named_are_read() -> None:
    (table,) = (kind.expected for kind in SOURCES if kind.name == "table")
    named = set(re.findall(r"\.\w+\b(?=[,; ])", table))
    assert named <= set(table_files.SUFFIXES)
    assert len(named) == 6


@pytest.mark.parametrize("name", ["nowhere", "notes.pdf"])
def test_what_is_no_source_is_told_every_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-")
    with pytest.raises(DataError) as error:
        open_source(Data(source=str(tmp_path / name)))
    assert all(kind.expected in str(error.value) for kind in SOURCES)


def test_the_table_is_read_without_what_opens_a_source() -> None:
    """A command's help names the kinds, and is there at once."""
    code = f"""
import sys
from convladder.data.sources.registry import EXPECTED
assert EXPECTED == {EXPECTED!r}
assert not {{"numpy", "PIL", "pydantic"}} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
