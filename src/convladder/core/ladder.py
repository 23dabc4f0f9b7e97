"""Rungs and ladders: named changes, each against its parent.

A ladder is written in TOML, the built-in ones too (`convladder ladder classic --toml` prints one to
start from):

    name = "mine"
    title = "What I want to know"

    [base]                          # changes to the default experiment, for every rung
    "train.epochs" = 30

    [[rung]]
    name = "start"

    [[rung]]
    name = "wider"                  # its parent is the rung above it
    why = "more filters see more"
    change = { "model.filters" = [32, 64] }

    [[rung]]
    name = "slower"
    parent = "start"
    change = { "train.learning_rate" = 3e-4 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from convladder.core.errors import ExperimentError, LadderError
from convladder.core.experiment import Experiment, difference
from convladder.core.formatting import unknown_name

BUILT_IN = ("classic", "modern", "notebook", "transfer")


class Rung(BaseModel):
    """A named change against a parent, and its card.

    Attributes
    ----------
    name
        Letters, digits, `.`, `_` and `-`.
    parent
        The rung that it changes; None at the start of a ladder.
    change
        The settings that it changes, under their dotted keys.
    what, why, cost, hurts, source
        Its card: what it is, why it should help, its cost, when it hurts, and where it is from.
    takes_in
        Rungs that were left out between the two, whose changes are this one's too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)
    parent: str | None = None
    change: dict[str, Any] = {}
    what: str = ""
    why: str = ""
    cost: str = ""
    hurts: str = ""
    source: str = ""
    takes_in: tuple[str, ...] = ()

    @field_validator("change", mode="before")
    @classmethod
    def _flatten(cls, change: Any) -> Any:
        """Take `model.pooling = "max"` without quotes, which TOML reads as a table in a table."""
        if not isinstance(change, Mapping):
            return change
        flat: dict[str, Any] = {}
        for key, value in change.items():
            inner = cls._flatten(value) if isinstance(value, Mapping) else None
            flat |= (
                {key: value}
                if inner is None
                else {f"{key}.{name}": part for name, part in inner.items()}
            )
        return flat


class _Text(BaseModel):
    """A ladder file, before its rungs are tied together."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    about: str = ""
    base: dict[str, Any] = {}
    rung: list[Rung] = Field(min_length=1)


@dataclass(frozen=True)
class Ladder:
    """A tree of rungs over a base.

    Attributes
    ----------
    name, title, about
        What it is called, and what it is about.
    base
        Changes to the default experiment, for every rung, under their dotted keys.
    rungs
        The first is the start; parents come before children.
    """

    name: str
    title: str
    about: str
    base: Mapping[str, Any]
    rungs: tuple[Rung, ...]

    def rung(self, name: str) -> Rung:
        """Return the rung of that name.

        Parameters
        ----------
        name
            Its name.

        Returns
        -------
        Rung
            The rung.

        Raises
        ------
        LadderError
            The ladder has no such rung.
        """
        for rung in self.rungs:
            if rung.name == name:
                return rung
        names = [rung.name for rung in self.rungs]
        raise LadderError(
            unknown_name(name, names, "rung") + f" (convladder ladder {self.name} lists them)"
        )

    def experiment(self, name: str, changes: Mapping[str, Any] | None = None) -> Experiment:
        """Return a rung's experiment: the base, `changes`, then those of the rungs up to it.

        Parameters
        ----------
        name
            The rung's name.
        changes
            Settings under their dotted keys, for the start of the ladder.

        Returns
        -------
        Experiment
            All settings.

        Raises
        ------
        LadderError
            The ladder has no such rung.
        ExperimentError
            A setting does not exist, or cannot have that value.
        """
        rung = self.rung(name)
        if rung.parent is None:
            return Experiment().replace(self.base).replace(changes or {}).replace(rung.change)
        return self.experiment(rung.parent, changes).replace(rung.change)

    def part(self, names: Iterable[str]) -> Ladder:
        """Return the ladder with these rungs alone.

        Each one's parent is its nearest ancestor among them.

        Parameters
        ----------
        names
            Names of rungs.

        Returns
        -------
        Ladder
            The rungs, in the order of this ladder.

        Raises
        ------
        LadderError
            The ladder has no such rung, or no names are given.
        """
        wanted = {self.rung(name).name for name in names}
        if not wanted:
            raise LadderError(
                f"--rungs names no rung: choose from {', '.join(rung.name for rung in self.rungs)}"
            )
        rungs = []
        for rung in self.rungs:
            if rung.name in wanted:
                parent, change, left_out = rung.parent, dict(rung.change), list(rung.takes_in)
                while parent is not None and parent not in wanted:
                    change = dict(self.rung(parent).change) | change
                    left_out = [*self.rung(parent).takes_in, parent, *left_out]
                    parent = self.rung(parent).parent
                stands = {"parent": parent, "change": change, "takes_in": tuple(left_out)}
                rungs.append(rung.model_copy(update=stands))
        return Ladder(self.name, self.title, self.about, self.base, tuple(rungs))

    def check(self, changes: Mapping[str, Any] | None = None) -> None:
        """Check that every rung changes something, and makes an experiment that can be.

        Parameters
        ----------
        changes
            Settings under their dotted keys, for the start of the ladder.

        Raises
        ------
        LadderError
            A rung does not; the message names it.
        """
        for rung in self.rungs:
            if "seed" in rung.change:
                raise LadderError(
                    f"ladder {self.name!r}, rung {rung.name!r}: a rung cannot change the seed; "
                    "use --seeds"
                )
            try:
                experiment = self.experiment(rung.name, changes)
            except ExperimentError as error:
                raise LadderError(f"ladder {self.name!r}, rung {rung.name!r}: {error}") from None
            if rung.parent and not difference(self.experiment(rung.parent, changes), experiment):
                keys = ", ".join(rung.change)
                problem = (
                    f"changes {keys}, but {rung.parent!r} has the same values"
                    if keys
                    else "has no change"
                )
                raise LadderError(
                    f"ladder {self.name!r}, rung {rung.name!r} {problem}: there would be nothing "
                    "to compare"
                )

    def to_json(self) -> dict[str, Any]:
        """Return the ladder in plain values, as a TOML file has them.

        Returns
        -------
        dict
            `name`, `title`, `about`, `base` and the list `rung`.
        """
        return {
            "name": self.name,
            "title": self.title,
            "about": self.about,
            "base": dict(self.base),
            "rung": [rung.model_dump() for rung in self.rungs],
        }


def load_ladder(name: str) -> Ladder:
    """Load a ladder.

    Parameters
    ----------
    name
        A built-in ladder's name, or the path of a TOML file.

    Returns
    -------
    Ladder
        The ladder, checked.

    Raises
    ------
    LadderError
        There is no such ladder, or its file is wrong.
    """
    if name in BUILT_IN:
        return parse_ladder(built_in_text(name), name)
    path = Path(name)
    if path.suffix.lower() != ".toml" and not path.exists():
        raise LadderError(
            unknown_name(name, BUILT_IN, "ladder") + ", or give the path of a .toml file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LadderError(f"cannot read the ladder {path}: {error}") from None
    return parse_ladder(text, str(path))


def built_in_text(name: str) -> str:
    """Return the TOML of a built-in ladder."""
    return (resources.files("convladder.core") / "ladders" / f"{name}.toml").read_text(
        encoding="utf-8"
    )


def parse_ladder(text: str, where: str) -> Ladder:
    """Make a ladder of TOML text; `where` names it in errors. Raises LadderError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LadderError(f"{where} is not valid TOML: {error}") from None
    return ladder_of(values, where)


def ladder_of(values: Mapping[str, Any], where: str) -> Ladder:
    """Make a ladder of its file's values; a rung without a parent stands on the one before."""
    try:
        text = _Text.model_validate(values)
    except ValidationError as error:
        raise LadderError(
            f"{where}: " + "; ".join(_explain(part, values) for part in error.errors())
        ) from None
    rungs: list[Rung] = []
    for rung in text.rung:
        rungs.append(_placed(rung, [earlier.name for earlier in rungs], where))
    ladder = Ladder(text.name, text.title or text.name, text.about, text.base, tuple(rungs))
    ladder.check()
    return ladder


def _placed(rung: Rung, above: list[str], where: str) -> Rung:
    """Return the rung with its parent, which must stand above it."""
    # two folders, or one on some systems
    if rung.name.casefold() in (name.casefold() for name in above):
        raise LadderError(
            f"{where}: two rungs are named {rung.name!r} (upper and lower case count as the same)"
        )
    if rung.parent is not None and rung.parent not in above:
        problem = (
            unknown_name(rung.parent, above, "parent") if above else "there is no rung above it"
        )
        raise LadderError(
            f"{where}: rung {rung.name!r}: {problem} (a parent comes before its children)"
        )
    if "parent" in rung.model_fields_set or not above:
        return rung
    return rung.model_copy(update={"parent": above[-1]})


def _explain(error: Any, values: Mapping[str, Any]) -> str:
    location = list(error["loc"])
    where = ".".join(str(part) for part in location)
    if location[:1] == ["rung"] and len(location) > 1:
        given = values["rung"][location[1]]
        name = given.get("name") if isinstance(given, Mapping) else None
        name = name or f"number {location[1] + 1}"
        where = ".".join([f"rung {name!r}", *map(str, location[2:])])
    if error["type"] == "extra_forbidden":
        fields = Rung.model_fields if location[0] == "rung" else _Text.model_fields
        return f"{where}: {unknown_name(str(location[-1]), fields, 'key')}"
    if error["type"] == "string_pattern_mismatch":
        return (
            f"{where}: {error['input']!r} is not a valid name: use letters, digits, '.', '_' and "
            "'-', without spaces"
        )
    return f"{where}: {error['msg']}"
