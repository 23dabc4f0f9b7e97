"""Which errors of convladder a function may raise, as its source says and that of what it calls.

What a function imports by itself, and methods of other objects than its own, are not followed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from convladder.core.errors import ConvladderError

Errors = frozenset[type[ConvladderError]]
_FOUND: dict[tuple[FunctionType, type | None], Errors] = {}


def errors_of(function: FunctionType, owner: type | None = None) -> Errors:
    """Return what a function, or a method of `owner`, may raise."""
    key = function, owner
    if key not in _FOUND:
        _FOUND[key] = frozenset()  # what calls itself adds nothing by that
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        assert isinstance(tree, ast.FunctionDef)
        _FOUND[key] = frozenset(_Reader(function.__globals__, owner).of(tree.body))
    return _FOUND[key]


def function_of(member: Any) -> Any:
    """Return the function behind a method, a class method or a property, else the member."""
    for kind, name in ((property, "fget"), (functools.cached_property, "func")):
        if isinstance(member, kind):
            return getattr(member, name)
    return inspect.unwrap(getattr(member, "__func__", member))


def is_ours(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).startswith("convladder.")


@dataclass
class _Reader:
    """Reads statements with the names that they see."""

    names: dict[str, Any]
    owner: type | None
    found: set[type[ConvladderError]] = field(default_factory=set)

    def of(self, nodes: Iterable[ast.AST]) -> set[type[ConvladderError]]:
        found: set[type[ConvladderError]] = set()
        for node in nodes:
            if isinstance(node, ast.Try):
                caught = tuple(filter(inspect.isclass, self._caught(node)))
                found |= {each for each in self.of(node.body) if not issubclass(each, caught)}
                found |= self.of([*node.handlers, *node.orelse, *node.finalbody])
            else:
                found |= self._by_itself(node) | self.of(ast.iter_child_nodes(node))
        return found

    def _caught(self, node: ast.Try) -> list[Any]:
        kinds = [each.type for each in node.handlers if each.type]
        each_kind = [kind.elts if isinstance(kind, ast.Tuple) else [kind] for kind in kinds]
        return [self._value(kind) for some in each_kind for kind in some]

    def _by_itself(self, node: ast.AST) -> Errors:
        called = self._value(node.func) if isinstance(node, ast.Call) else None
        if inspect.isclass(called):
            return self._by_making(called)
        value = self._value(node)
        if isinstance(value, FunctionType) and is_ours(value):
            return errors_of(value, self.owner if self._is_own(node) else None)
        return frozenset()

    def _by_making(self, kind: type) -> Errors:
        if issubclass(kind, ConvladderError):
            return frozenset({kind})
        makers = [getattr(kind, name, None) for name in ("__init__", "__post_init__")]
        ours = [each for each in makers if isinstance(each, FunctionType) and is_ours(each)]
        written = [each for each in ours if not each.__code__.co_filename.startswith("<")]
        return frozenset().union(*(errors_of(each, kind) for each in written))

    def _is_own(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("self", "cls")
        )

    def _value(self, node: ast.AST | None) -> Any:
        """Return what a name, or an attribute of a module, of a class or of `self` stands for."""
        if isinstance(node, ast.Name):
            return inspect.unwrap(value) if callable(value := self.names.get(node.id)) else value
        if not isinstance(node, ast.Attribute):
            return None
        if self._is_own(node):
            return function_of(inspect.getattr_static(self.owner, node.attr, None))
        base = self._value(node.value)
        if isinstance(base, ModuleType | type):
            return function_of(inspect.getattr_static(base, node.attr, None))
        return None
