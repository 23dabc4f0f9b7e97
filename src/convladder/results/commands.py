"""Commands as text: one that was recorded, and the same with other options."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

PROGRAM = "convladder"
# what a repeated command sets anew, each with its value
PLACE, SEEDS = ("--out",), ("--seeds", "--time")
ONCE = ("--fresh", "--json", "--quiet", "-q", "--open")  # flags that were meant for that one time


def written(*words: object) -> str:
    """Write a command of convladder as a shell takes it.

    >>> written("explain", "runs/my cats")
    "convladder explain 'runs/my cats'"
    """
    return shlex.join([PROGRAM, *map(str, words)])


def recorded(environment: Mapping[str, Any], *verbs: str) -> list[str] | None:
    """Return the words of a recorded command after the program, if it is one of these verbs.

    None where Python or a notebook was at work.
    """
    try:
        program, *words = shlex.split(environment.get("command", ""))
    except ValueError:
        return None
    return words if program == PROGRAM and words and words[0] in verbs else None


def without(
    words: Sequence[str], valued: Collection[str] = (), flags: Collection[str] = ()
) -> list[str]:
    """Return a command's words without these options; `valued` are those that take a value.

    >>> without(["climb", "cats", "--seeds", "3", "--time=2h", "-q"], SEEDS, ONCE)
    ['climb', 'cats']
    """
    kept, is_value = [], False
    for word in words:
        name, equals, _ = word.partition("=")
        if not (is_value or name in valued or word in flags):
            kept.append(word)
        is_value = not is_value and name in valued and not equals
    return kept
