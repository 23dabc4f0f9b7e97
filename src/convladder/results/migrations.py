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
from convladder.results import folders, planned_looks
from convladder.results.folders import TrialKey

About = dict[str, Any]
Step = Callable[[About], About]

RESTORE = "restore it from a copy, or train again"
# what comes of a file that is not what convladder writes
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_about(path: Path, advice: str = RESTORE) -> About:
    """Read what a run, a climb or a search says of itself, in today's format.

    `advice` is what to do where it is damaged. Raises RunError where the file cannot be read or is
    damaged, or where its format is newer than those that this version knows.
    """
    try:
        about: About = files.read_json(path)
        if not isinstance(about, dict):
            raise ValueError("it is not a JSON object")
        for step in STEPS[known_format(about, path) :]:
            about = step(about)
    except OSError as error:
        raise RunError(
            f"cannot read {path} ({error.strerror}): check its permissions and its disk"
        ) from None
    except DAMAGE as error:
        raise damaged(path, error, advice) from None
    return about


def damaged(path: Path, error: Exception, advice: str) -> RunError:
    """Return the error for a file that is not what convladder writes, of which this was found."""
    match error:
        case KeyError():
            why = f"it lacks {error}"
        case TypeError() | AttributeError():
            why = "it holds something else than convladder writes"
        case _:
            why = str(error)
    return RunError(f"{path} is damaged ({why}): {advice}")


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


def _settle_looks(about: About) -> About:
    """From before climbs kept their looks: at the seeds that they had, and had had before."""
    current = about | {"format": 2}
    if not isinstance(about.get("trials"), list):
        return current
    current |= {"seconds": 0.0, "time_is_up": False, "fits_time": False}
    keys = [TrialKey(*key) for key in about["trials"]]
    rungs = tuple(dict.fromkeys(key.rung for key in keys))
    seeds = tuple(sorted({key.seed for key in keys}))
    counts = [*current.pop("seen_with", []), len(seeds)]
    settled = planned_looks.plan(counts[:1], seeds, rungs, len(rungs))
    for count in counts[1:]:
        settled = planned_looks.give_all(settled, seeds[:count], rungs)
    return current | {"looks": [look.to_json() for look in settled]}


# docs/decisions/090-an-older-folder-is-brought-up-to-date-in-memory.md
STEPS: tuple[Step, ...] = (_number, _settle_looks)
