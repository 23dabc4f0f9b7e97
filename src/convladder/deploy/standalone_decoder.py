"""The decoder as a package of its own, which needs only numpy and Pillow.

Exports carry it, so that files are read there by the very rules of training. Its modules are those
of convladder, word for word but for the places that they import each other from: there is no
second text that could come to differ.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from convladder.core import files

PACKAGE = "decoder"
# docs/decisions/088-exports-carry-the-decoder-as-copied-source.md
ENTRIES = "convladder.data.decoding.file_bytes", "convladder.data.decoding.images"

_OWN = re.compile(r"^( *)from convladder((?:\.\w+)*) import (.+)$", re.MULTILINE)
_ABOUT = '''"""Reads image files as convladder did to train: `images.decode(content, form, limits)`.

Its modules are copies of convladder's (MIT licence). Do not edit them.
"""
'''


def write(folder: Path) -> None:
    """Write the package below a folder."""
    inside = folder / PACKAGE
    inside.mkdir()
    files.write_text(inside / "__init__.py", _ABOUT)
    for name, text in modules().items():
        files.write_text(inside / f"{name}.py", text)


def modules() -> dict[str, str]:
    """Return the texts of the modules by name: the decoder, and all that it imports of convladder.

    Raises ImportError where two modules have one name: side by side, one would be lost.
    """
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    waiting = [*ENTRIES]
    while waiting:
        module = waiting.pop()
        name = module.rpartition(".")[2]
        if taken.setdefault(name, module) != module:
            raise ImportError(
                f"{taken[name]} and {module} cannot be copied into one folder: rename one of them"
            )
        if name in found:
            continue
        source = _source(module)
        found[name] = _OWN.sub(_moved, source)
        waiting += _imported(source)
    return found


def _source(module: str) -> str:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(module)
    return Path(found.origin).read_text("utf-8")


def _imported(source: str) -> Iterator[str]:
    """Yield the modules of convladder that a module imports."""
    for match in _OWN.finditer(source):
        package = f"convladder{match[2]}"
        if _is_package(package):
            yield from (f"{package}.{name.strip()}" for name in match[3].split(","))
        else:
            yield package


def _moved(match: re.Match[str]) -> str:
    """Return an import as it is where all modules lie side by side."""
    indent, inner, names = match.groups()
    if _is_package(f"convladder{inner}"):
        return f"{indent}from . import {names}"
    return f"{indent}from .{inner.rpartition('.')[2]} import {names}"


def _is_package(name: str) -> bool:
    found = importlib.util.find_spec(name)
    return found is not None and found.submodule_search_locations is not None
