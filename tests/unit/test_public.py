"""What others build on: the public names, the direction of imports, and what the README says."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import convladder

ROOT = Path(__file__).parents[2]


def test_the_public_names() -> None:
    assert convladder.__all__ == [
        "Augmentation",
        "Bundle",
        "Check",
        "Climb",
        "Comparison",
        "ConvClassifier",
        "ConvladderError",
        "Dataset",
        "Experiment",
        "Ladder",
        "Parallel",
        "Planning",
        "Predictor",
        "Reproduction",
        "Run",
        "Rung",
        "Tuning",
        "check",
        "climb",
        "compare",
        "export",
        "join",
        "load",
        "load_ladder",
        "plan",
        "reproduce",
        "train",
        "tune",
    ]
    for name in convladder.__all__:
        assert getattr(convladder, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = convladder.nothing


def test_no_test_imports_the_benchmarks() -> None:
    """What both need is in tests/support."""
    folder = ROOT / "benchmarks"
    theirs = {path.stem for path in folder.rglob("*.py")} | {path.name for path in folder.iterdir()}
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in imported(path)
        if name.partition(".")[0] in theirs
    ]
    assert found == []


def imported(path: Path) -> list[str]:
    """Return the full names of the modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]


def test_imports_go_one_way() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "page", ["commands.md", "settings.md", "ladders.md", "decisions/README.md"]
)
def test_the_tables_in_the_docs_are_those_of_the_code(page: str) -> None:
    made = runpy.run_path(str(ROOT / "docs/make_tables.py"))["PAGES"][page]()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_structure_of_the_house_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/house.py"], capture_output=True, text=True, check=True
    )
    heads = re.findall(r"^## (.+): \d+$", done.stdout, re.MULTILINE)
    assert len(heads) == 5
    packages = {path.parent.name for path in ROOT.glob("src/convladder/*/__init__.py")}
    assert packages <= set(re.findall(r"^\| (\w+) \| \d", done.stdout, re.MULTILINE))
    assert "- One direction of imports: " in done.stdout


def test_the_commands_of_the_readme_are_those_of_the_makefile() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^(\w+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"^make (\w+)", readme, flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_every_convladder_command_in_the_docs_parses() -> None:
    """Each command is run with --help for its values: an option that is gone is an error."""
    texts = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    lines = {
        line.strip()
        for text in texts
        for line in re.findall(r"^    convladder .*|^convladder .*", text.read_text(), re.M)
    }
    assert lines
    from typer.main import get_command

    from convladder.cli.main import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    for line in lines:
        words = line.partition("#")[0].split()[1:]
        known = {option for parameter in commands[words[0]].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


# the reporter's; and what Ray keeps in its log of a node
WRITERS = {"report/progress.py": {"Console"}, "experiments/ray/node.py": {"traceback.print_exc"}}


def _writes(tree: ast.AST) -> set[str]:
    """Return by what a module writes to the terminal."""
    used = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    streams = ("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer", "sys.stderr.buffer")
    return {
        each
        for each in used
        if each in ("print", "Console", "traceback.print_exc") or each.startswith(streams)
    }


def test_the_command_line_alone_writes_to_the_terminal() -> None:
    package = ROOT / "src/convladder"
    found = {
        path.relative_to(package).as_posix(): writes
        for path in package.rglob("*.py")
        if (writes := _writes(ast.parse(path.read_text(encoding="utf-8"))))
    }
    elsewhere = {name: writes for name, writes in found.items() if not name.startswith("cli/")}
    assert elsewhere == WRITERS
