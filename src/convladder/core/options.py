"""What a parameter of commands and of Python verbs means and may be: said once, for both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
KEY = "option"  # of a field's metadata


@dataclass(frozen=True)
class Option:
    """What a field of a request or of its options means, as help and docstrings say it.

    unset : what None takes. hint : how it is written in a terminal, which only help says. kind : as
    which type a terminal's text is read. least : the smallest number. flag : other than the field's
    name. variable : of the environment.
    """

    text: str
    unset: str | None = None
    hint: str = ""
    kind: type = str
    metavar: str | None = None
    least: int | None = None
    flag: str | None = None
    short: str | None = None
    variable: str | None = None

    @property
    def help(self) -> str:
        """The sentence that `--help` shows."""
        default = f"; default: {self.unset}" if self.unset else ""
        return f"{self.text}{self.hint}{default}."


class Definition(NamedTuple):
    """An option with the name of its field, and its default; MISSING where it has none."""

    name: str
    default: Any
    option: Option

    @property
    def flags(self) -> list[str]:
        """What names it in a terminal, such as `--allow-changed`."""
        long = self.option.flag or f"--{self.name.replace('_', '-')}"
        return [long, self.option.short] if self.option.short else [long]


def option(default: Any, text: str, **more: Any) -> Any:
    """Return a dataclass's field that is an option; `more` is what Option takes."""
    return field(default=default, metadata={KEY: Option(text, **more)})


def definitions(*values: type) -> dict[str, Definition]:
    """Return the options of dataclasses, and of those that are defaults of their fields."""
    return {each.name: each for value in values for each in _definitions(value)}


def _definitions(value: type) -> Iterator[Definition]:
    for each in fields(value):
        if KEY in each.metadata:
            yield Definition(each.name, each.default, each.metadata[KEY])
        elif _is_nested(each):
            yield from _definitions(type(each.default))


def _is_nested(each: Field[Any]) -> bool:
    return is_dataclass(each.default)


def build(value: type[T], given: Mapping[str, Any]) -> T:
    """Return a value of a dataclass whose options are among those given, by their names."""
    known: dict[str, Any] = {}
    for each in fields(value):  # type: ignore[arg-type]
        if each.name in given:
            known[each.name] = given[each.name]
        elif _is_nested(each):
            known[each.name] = build(type(each.default), given)
    return value(**known)
