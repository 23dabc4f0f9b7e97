"""The notebooks run from top to bottom, and what is kept of them is what their sources say."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import kept_workers
from convladder.results import provenance

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
TOOL = runpy.run_path(str(NOTEBOOKS / "run.py"))
SMALL: dict[str, dict[str, Any]] = {
    "CNNimageClassification": {"LIMIT": 200, "SEEDS": 1, "EPOCHS": 1},
    "your_own_images": {"SEEDS": 2, "EPOCHS": 1},
}

# the first cell: workers for all steps of a climb, and fewer digits where all are taken
FIRST = """
import kept_workers, sklearn.datasets
keeping = kept_workers.kept_workers()
keeping.__enter__()
digits = sklearn.datasets.load_digits()
digits.images, digits.target = digits.images[:300], digits.target[:300]
sklearn.datasets.load_digits = lambda: digits
"""


def output_of(notebook: nbformat.NotebookNode) -> str:
    """Return all text that the cells have put out."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    texts = [
        output.get("text", "") or output.get("data", {}).get("text/markdown", "")
        for output in outputs
    ]
    return "\n".join(texts)


def test_every_source_has_its_notebook() -> None:
    assert [path.stem for path in TOOL["SOURCES"]] == sorted(SMALL)
    assert [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))] == sorted(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_kept_notebook_is_its_source_with_outputs(name: str) -> None:
    kept = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    source = TOOL["read"](NOTEBOOKS / f"{name}.py")
    assert [cell.source for cell in kept.cells] == [cell.source for cell in source.cells], (
        "run `make notebooks`"
    )
    assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
    assert output_of(kept)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    support = str(Path(kept_workers.__file__).parent)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [support, os.environ.get("PYTHONPATH")]))
    )
    notebook = TOOL["read"](NOTEBOOKS / f"{name}.py", SMALL[name])
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FIRST))
    assert "report.html" in output_of(TOOL["run"](notebook, tmp_path))


def test_a_result_says_that_a_notebook_made_it_and_not_one_that_starts_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "from convladder.results import provenance; print(provenance.command())"
    cells = [nbformat.v4.new_code_cell(asked)]
    ran = TOOL["run"](nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert output_of(ran).strip() == "(in a notebook)"
    assert "ipykernel" in sys.modules  # as in every program that starts kernels
    monkeypatch.setattr(sys, "argv", ["mine.py", "--fast"])
    assert provenance.command() == "mine.py --fast"


def test_each_step_is_read_from_its_interval() -> None:
    kept = nbformat.read(NOTEBOOKS / "CNNimageClassification.ipynb", as_version=4)
    assert output_of(kept).count("95 % interval") >= 9
