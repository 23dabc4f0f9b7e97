"""Print how src/convladder is built, as Markdown: `make house`."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/convladder"
LONG, SMALL, PARAMETERS, LONGEST = 40, 20, 8, 10
HEADS = "package | files | lines | entries at root | functions | median lines | 90th percentile"
HEADS += f" | over {LONG} lines | with type hints"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A file of the package."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.path, self.lines = path, len(text.splitlines())
        self.name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        self.nodes = list(ast.walk(ast.parse(text)))
        self.functions = [node for node in self.nodes if isinstance(node, Function)]

    def imported(self) -> Iterator[str]:
        """Yield each name that it imports; some are of modules, some of what is in them."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{each.name}" for each in node.names)


def parameters(function: Function) -> list[ast.arg]:
    """Return its parameters but `self` and `cls`."""
    given = function.args
    named = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [each for each in named if each and each.arg not in ("self", "cls")]


def is_hinted(function: Function) -> bool:
    return bool(function.returns) and all(each.annotation for each in parameters(function))


def row(name: str, folder: Path, modules: list[Module]) -> str:
    """Return what one package, or the whole, comes to."""
    functions = [each for module in modules for each in module.functions]
    lengths = sorted((each.end_lineno or 0) - each.lineno + 1 for each in functions) or [0]
    entries = sum(each.name != "__pycache__" for each in folder.iterdir())
    lines = sum(each.lines for each in modules)
    over = sum(each > LONG for each in lengths) / len(lengths)
    hinted = sum(map(is_hinted, functions)) / len(lengths)
    size = f"{len(modules)} | {lines:,} | {entries} | {len(functions):,} | {median(lengths):g}"
    return f"| {name} | {size} | {lengths[int(0.9 * len(lengths))]} | {over:.1%} | {hinted:.1%} |"


def table(modules: list[Module]) -> str:
    packages = defaultdict(list)
    for module in modules:
        if module.path.parent != PACKAGE:
            packages[module.name.split(".")[1]].append(module)
    rows = [row(name, PACKAGE / name, found) for name, found in packages.items()]
    line = "|---" * len(HEADS.split(" | ")) + "|"
    return "\n".join([f"| {HEADS} |", line, *rows, row("**all**", PACKAGE, modules)])


def with_one_importer(modules: list[Module]) -> Iterator[str]:
    """Yield each module that only one other imports, with that one."""
    importers = defaultdict(set)
    for module in modules:
        for name in module.imported():
            importers[name].add(module.name)
            importers[name.rpartition(".")[0]].add(module.name)
    for module in modules:
        found = importers[module.name] - {module.name}
        if len(found) == 1:
            yield f"`{module.name}`: {found.pop()}"


def contracts() -> Iterator[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for each in settings["tool"]["importlinter"]["contracts"]:
        if "layers" in each:
            yield f"{each['name']}: {len(each['layers'])}"


def section(title: str, lines: Iterable[str]) -> str:
    points = [f"- {line}" for line in lines]
    return f"## {title}: {len(points)}\n\n" + "\n".join(points or ["None."])


def page() -> str:
    modules = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
    counts = [
        (f"`{module.name}.{each.name}`", len(parameters(each)))
        for module in modules
        for each in module.functions
    ]
    many = [f"{name}: {count}" for name, count in counts if count > PARAMETERS]
    by_lines = [f"`{each.name}`: {each.lines}" for each in sorted(modules, key=lambda at: at.lines)]
    small = sum(each.lines < SMALL for each in modules)
    sections = [
        section("Layers by contract", contracts()),
        section(f"Functions with over {PARAMETERS} parameters", many),
        section("Modules with one importer", with_one_importer(modules)),
        section(f"Modules under {SMALL} lines", by_lines[:small]),
        section("Longest files", by_lines[: -LONGEST - 1 : -1]),
    ]
    return "\n\n".join(["# The structure of src/convladder", table(modules), *sections])


if __name__ == "__main__":
    print(page())
