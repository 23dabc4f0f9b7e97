"""What `tune.json` says of a search: what it is of, and what it has come to."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from convladder.core import defaults, files
from convladder.core.errors import ExperimentError, RunError, SearchError
from convladder.core.experiment import Experiment
from convladder.core.formatting import either
from convladder.experiments import resume
from convladder.experiments.engines import Engine
from convladder.experiments.pretrained.imagenet import Say
from convladder.results import folders, migrations, provenance
from convladder.tuning.candidates import SearchPlan
from convladder.tuning.searching import ABOUT, Budget

_logger = logging.getLogger(__name__)

SAMPLER = "optuna"  # what draws the candidates; the name of its package


class SearchRecord:
    """What `tune.json` says of a search: what it is of, and what it has come to."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path, self._about = path, about

    def write(self, **more: Any) -> None:
        self._about |= more
        files.write_json(self._path, self._about)

    def settle_sampler(self, say: Say) -> None:
        """Keep which Optuna draws the candidates, and say where another has drawn those before."""
        before, now = self._about.get(SAMPLER), metadata.version(SAMPLER)
        if before not in (None, now):
            say(
                f"Optuna was {before} and is now {now}: the next candidates may differ from those "
                "of an uninterrupted search"
            )
        self.write(**{SAMPLER: now})

    def settle_environment(self, engine: Engine, tried: bool, say: Say) -> None:
        """Keep where what comes is trained, and say what differs from what was tried before."""
        before, changed = self._about["environment"], list(self._about.get("changed", []))
        for change in resume.changed_backend(before) if tried else []:
            say(f"{change}: this search compares candidates from before and after")
            changed += [change] if change not in changed else []
        self.write(environment=engine.environment(), changed=changed)

    def fix_seeds(self, seeds: int | None) -> tuple[int, ...]:
        """Settle with how many seeds the winner is tested, and return that for each look.

        seeds : as a person asks; None for what was settled before, or else the usual looks. Raises
            SearchError where another number was settled.
        """
        before = self._about["seeds"]  # a number, or that of each look
        settled = before if isinstance(before, list) else [before]
        if before is None:
            settled = list(defaults.LOOKS) if seeds is None else [seeds]
        elif seeds is not None and settled != [seeds]:
            advice = "leave out --seeds" if len(settled) > 1 else f"give --seeds {before}"
            seeds_then = f"{either(map(str, settled))} seeds"
            raise SearchError(
                f"the winner of {self._path.parent} is tested with {seeds_then}. That was fixed "
                f"before the test images were opened: {advice}"
            )
        self.write(seeds=settled if len(settled) > 1 else settled[0])
        return tuple(settled)


def begin(folder: Path, plan: SearchPlan, budget: Budget, *, fresh: bool) -> SearchRecord:
    """Say in the folder what is searched there. Raises ConvladderError where it is another."""
    path, before = folder / ABOUT, dict[str, Any]()
    if folders.is_search(folder):
        before = migrations.read_about(path)
        if fresh:
            raise SearchError(
                f"{folder} holds a search: to start over, remove it or choose another --out"
            )
        if before["identity"] != plan.identity or not resume.is_split_alike(before["data"]):
            differing = (
                "; ".join(_differences(before, plan))
                or "it was written by another version of convladder"
            )
            raise SearchError(f"{folder} holds another search ({differing}): choose another --out")
    data = plan.default.dataset.provenance()
    begun: dict[str, Any] = {
        "winner": None,
        "changes": {},
        "exhausted": False,
        "seconds": 0.0,
        "seeds": None,
    }
    begun["environment"] = provenance.environment(provenance.command())
    about = SearchRecord(path, begun | before)
    about.write(
        format=folders.FORMAT,
        identity=plan.identity,
        default=plan.default.experiment.model_dump(),
        space=plan.space.to_json(),
        space_from=plan.space.where,
        budget=asdict(budget),
        tested_before=_count_tested(folder, data["fingerprint"]),
        data=data,
    )
    return about


def _differences(before: Mapping[str, Any], plan: SearchPlan) -> list[str]:
    """Say in what a search differs from the one that a folder holds."""
    try:
        changes = resume.changes_of(
            before["data"], Experiment.parse(before["default"]), plan.default
        )
    except ExperimentError as error:  # it has settings that there are no more
        _logger.debug("cannot say in what two searches differ (%s)", error)
        return []
    then, now = before["space"], plan.space.to_json()
    searched = [
        key for key in {**then, **now} if json.dumps(then.get(key)) != json.dumps(now.get(key))
    ]
    others = [f"the space has another line for {key}" for key in searched]
    if not searched and list(then) != list(now):
        others = ["the lines of the space are in another order"]
    return [*changes.values(), *others]


def _count_tested(folder: Path, fingerprint: str) -> int:
    """Return how many other searches beside this one have been tested on the same images."""
    count = 0
    for path in folder.parent.glob("*/tune.json"):
        other = path.parent.resolve() != folder.resolve() and folders.is_climb(
            path.parent / "climb"
        )
        try:
            count += other and migrations.read_about(path)["data"]["fingerprint"] == fingerprint
        except (KeyError, TypeError, RunError) as error:  # damaged, or newer
            _logger.info("%s is not counted (%s)", path.parent, error)
    return count
