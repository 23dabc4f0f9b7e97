"""Make each notebook of its percent-format source, run it, and keep it with its outputs: `make notebooks`.

    python notebooks/run.py [NAME ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import nbformat

HERE = Path(__file__).parent
SOURCES = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
SECONDS = 3600  # for one cell


def read(source: Path, constants: Mapping[str, Any] | None = None) -> nbformat.NotebookNode:
    """Return the notebook of a source; `constants` overrule those of its cell of parameters."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "".join(f"\n{name} = {value!r}" for name, value in (constants or {}).items())
    return notebook


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run all cells in a folder. Raises nbclient.exceptions.CellExecutionError for the first that fails."""
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def main(names: list[str]) -> None:
    for source in SOURCES:
        if not names or source.stem in names:
            with tempfile.TemporaryDirectory() as folder:
                notebook = run(read(source), Path(folder))
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)  # times of day, which differ with each run
            text = nbformat.writes(notebook).replace(f"{folder}/", "")  # a folder that is gone by now
            source.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
