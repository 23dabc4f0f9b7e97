"""What earlier versions wrote into experiment.json, climb.json and tune.json, as this one reads it.

Each of these files says its format. `STEPS[n]` brings one of format n to format n + 1. This happens
in memory: reading changes no file. Who changes what is written raises `folders.FORMAT`, adds a step
here, and stores a folder of the former format in tests/fixtures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from convladder.core import backend, files
from convladder.core.errors import RunError
from convladder.results import folders

About = dict[str, Any]
Step = Callable[[About], About]


def read_about(path: Path) -> About:
    """Read what a run, a climb or a search says of itself, in today's format.

    Raises RunError where the file cannot be read or is damaged, or where its format is newer than
    those that this version knows.
    """
    try:
        about = files.read_json(path)
        if not isinstance(about, dict):
            raise ValueError("it is not a JSON object")
        return _migrate(about, path)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path} ({error}): it is damaged") from None


def _migrate(about: About, path: Path) -> About:
    for step in STEPS[known_format(about, path) :]:
        try:
            about = step(about)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is not what convladder writes: {error!r}") from None
    return about


def known_format(about: About, path: Path) -> int:
    """Return the format that a file says. Raises RunError where it is newer than this version."""
    number = about.get("format", 0)
    if type(number) is not int or number < 0:
        raise ValueError(f"its format is {number!r}: expected a whole number")
    if number > folders.FORMAT:
        raise RunError(
            f"{path.parent} was written by a newer convladder (format {number}; this one knows "
            f"{folders.FORMAT}): update convladder, or choose another --out"
        )
    return number


def _number(about: About) -> About:
    """From before the numbers: there was one backend, and banks had no name or version."""
    environments = [about, *about.get("resumed", [])]
    numbered = [
        each | {"environment": {"backend": backend.TENSORFLOW} | each["environment"]}
        for each in environments
    ]
    data = {"bank": "", "bank_version": 0} | about["data"]
    resumed = {"resumed": numbered[1:]} if "resumed" in about else {}
    current: About = numbered[0] | resumed | {"data": data, "format": 1}
    return current


# docs/decisions/090-an-older-folder-is-brought-up-to-date-in-memory.md
STEPS: tuple[Step, ...] = (_number,)
