"""Numbers and values as people read them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import PurePath, PureWindowsPath
from typing import Any


def percent(share: float) -> str:
    """Write a share in percent.

    >>> percent(0.9701)
    '97.0 %'
    """
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Write how long something took, in seconds.

    >>> duration(7.12), duration(1645.3)
    ('7.1 s', '1,645 s')
    """
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def elapsed(seconds: float) -> str:
    """Write a time in its two largest units.

    >>> elapsed(4.2), elapsed(75), elapsed(4_000), elapsed(200_000)
    ('4 s', '1 min 15 s', '1 h 6 min', '2 d 7 h')
    """
    whole = round(seconds)
    for unit, name, part, part_name in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def short_name(source: str) -> str:
    """Return the last part of a path, or a name as it is.

    >>> short_name("/home/me/cats"), short_name("digits")
    ('cats', 'digits')
    """
    kind = PureWindowsPath if "\\" in source else PurePath  # a run of another system, too
    return kind(source).name or source


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> plural(1, "class"), plural(2_000, "class"), plural(3, "image")
    ('1 class', '2,000 classes', '3 images')
    """
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def either(names: Iterable[str]) -> str:
    """Write names of which one is to be chosen.

    >>> either(["onnx", "litert", "keras"]), either(["onnx"])
    ('onnx, litert or keras', 'onnx')
    """
    return _joined(names, "or")


def every(names: Iterable[str]) -> str:
    """Write names of which all are meant.

    >>> every(["cat", "dog", "fox"]), every(["cat"])
    ('cat, dog and fox', 'cat')
    """
    return _joined(names, "and")


def _joined(names: Iterable[str], word: str) -> str:
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last


def listed(names: Iterable[str]) -> str:
    """Write names as --classes takes them: with commas between, and in quotes if a name has one.

    >>> print(listed(["cat", "tench, Tinca tinca"]))
    cat, "tench, Tinca tinca"
    """
    return ", ".join(
        _quoted(name) if "," in name or name.startswith('"') else name for name in names
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def written(value: Any) -> str:
    """Write the value of a setting as --set takes it.

    >>> written((32, 64)), written(True), written("same"), written(None)
    ('[32, 64]', 'true', 'same', 'none')
    """
    if value is None:
        return "none"
    return json.dumps(value) if isinstance(value, list | tuple | bool) else str(value)


def points(difference: float) -> str:
    """Write a difference of two shares in points, with its sign if it has one.

    >>> points(-0.021), points(-0.0001)
    ('−2.1', '0.0')
    """
    return signed(100 * difference, 1)


def signed(number: float, digits: int) -> str:
    """Write a number with so many digits after the point, and with its sign if it has one.

    >>> signed(-0.0312, 3), signed(-0.0001, 3)
    ('−0.031', '0.000')
    """
    text = f"{number:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def printable(text: str) -> str:
    r"""Return text that a terminal shows as it is: what would control it is written as an escape.

    >>> printable("cat\x1b[2J.png")
    'cat\\x1b[2J.png'
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def quantity(number: float) -> str:
    """Write a count with three digits and a unit.

    >>> quantity(350_142), quantity(-1.2e6)
    ('350k', '−1.2M')
    """
    sign, size = "−" if number < 0 else "", abs(number)
    for unit, least in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= least:
            return f"{sign}{size / least:.3g}{unit}"
    return f"{sign}{size:.0f}"


def size(number: float) -> str:
    """Write a number of bytes.

    >>> size(65_142), size(1_350_000), size(350_142_000), size(2_150_000_000)
    ('65 kB', '1.4 MB', '350 MB', '2.1 GB')
    """
    if number >= 1e9:
        return f"{number / 1e9:.1f} GB"
    if number >= 1e6:
        return f"{number / 1e6:.{1 if number < 1e7 else 0}f} MB"
    return f"{number / 1e3:.0f} kB"


def unknown_name(
    name: str, valid: Iterable[str], what: str, listed: Iterable[str] | None = None
) -> str:
    """Say that `name` is unknown, with the nearest valid name.

    Where none is near, it says all, or those `listed`.
    """
    names = list(valid)
    folded = {each.casefold(): each for each in names}
    near = [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, n=1)]
    shown = names if listed is None else listed
    hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(shown)}"
    return f"unknown {what} {name!r}: {hint}"
