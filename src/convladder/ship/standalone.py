"""The decoder as one file that needs neither convladder nor anything but numpy and Pillow.

Exports carry it, so that files are read there by the very rules of training. It is put together
from the sources of the package: there is no second text that could come to differ.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType

from convladder.data import images, pillow
from convladder.errors import UnreadableImage

FILE = "decode.py"
PARTS: tuple[ModuleType, ...] = (pillow, images)  # in the order in which they import each other

_HEAD = '''"""Read image files as the network was trained to see them: `decode(content, form, limits)`.

Copied from the decoder of convladder (MIT licence), and best left as it is. It needs numpy and Pillow.
"""

from __future__ import annotations

'''


def decoder() -> str:
    """Return the text of the module."""
    errors = [each for each in reversed(UnreadableImage.__mro__) if issubclass(each, Exception)]
    own = [inspect.getsource(each) for each in errors if each is not Exception]
    modules: list[str] = []  # that are imported whole
    names: dict[str, set[str]] = {}  # what is imported of others
    bodies = [_body(Path(inspect.getfile(part)).read_text("utf-8"), modules, names) for part in PARTS]
    lines = [*modules, *(f"from {name} import {', '.join(sorted(names[name]))}" for name in names)]
    imports = "\n".join(sorted(dict.fromkeys(lines), key=_place))
    return _HEAD + "\n\n\n".join(each.strip("\n") for each in (imports, *own, *bodies)) + "\n"


def _body(source: str, modules: list[str], names: dict[str, set[str]]) -> str:
    """Return a module without its docstring and its imports, which are added to what is imported."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.Import):
            modules.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if name.partition(".")[0] not in ("__future__", "convladder"):  # these are in the file itself
                names.setdefault(name, set()).update(map(ast.unparse, node.names))
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines)


def _place(line: str) -> tuple[bool, bool, str]:
    """Order imports as people do: Python's own first."""
    module = line.split()[1].partition(".")[0]
    return module not in sys.stdlib_module_names, line.startswith("from"), line
