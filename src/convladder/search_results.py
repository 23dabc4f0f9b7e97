"""What a search came to: read from its folder, without Optuna or any deep-learning framework."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from convladder import files, folders
from convladder.config import Experiment, difference, flatten
from convladder.errors import RunError
from convladder.results import Results
from convladder.wording import percent, plural, points

DEFAULT, TUNED = "default", "tuned"  # the rungs of the climb that a search ends with
FIXED_COLUMNS = ("candidate", "state", "validation_accuracy", "epochs", "flops", "error")


@dataclass(frozen=True)
class Importance:
    """A setting's share in how well candidates did, and the share that chance reaches one time in twenty."""

    share: float
    chance: float


class SearchResults:
    """The results of a search's folder. Raises RunError where it is none, or nothing was tried yet."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder = Path(folder)
        if not folders.is_search(folder):
            raise RunError(f"{folder} is not a search: it has no tune.json")
        self.about: dict[str, Any] = files.read_json(folder / "tune.json")
        if not (folder / "candidates.csv").exists():
            raise RunError(f"no candidate in {folder} was tried yet (the same tune command goes on with it)")

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row a candidate: number, state, validation accuracy, epochs, FLOPs, error, and a column a setting.

        The state is finished, pruned (ended early, since others did better), failed or unfinished; a setting that
        was not searched for this candidate is None.
        """
        texts = dict.fromkeys([*self.settings, "error"], object)
        table = pd.read_csv(
            self.folder / "candidates.csv",
            dtype=texts,
            keep_default_na=False,
            na_values={"validation_accuracy": [""]},
        )
        for key in self.settings:
            values = [json.loads(text) if text else None for text in table[key]]
            table[key] = pd.Series(values, index=table.index, dtype=object)
        return table

    @property
    def settings(self) -> list[str]:
        """The settings that were searched."""
        return list(self.about["space"])

    @cached_property
    def default(self) -> Experiment:
        """The experiment that the search began with."""
        return Experiment.parse(self.about["default"])

    def default_of(self, setting: str) -> Any:
        """Return what the default has for a setting, under its dotted key."""
        return flatten(self.default)[setting]

    @cached_property
    def importances(self) -> dict[str, Importance]:
        """How much each setting mattered, the most first; empty where fewer than ten candidates are finished."""
        found = files.read_json(self.folder / "importances.json")
        return {key: Importance(**each) for key, each in found.items()}

    @property
    def winner(self) -> int | None:
        """The number of the finished candidate of the best validation accuracy; None without any."""
        number: int | None = self.about["winner"]
        return number

    @cached_property
    def tuned(self) -> Experiment | None:
        """The winner's experiment; None where the default was not beaten."""
        if self.winner is None or not self.about["changes"]:
            return None
        return self.default.replace(self.about["changes"])

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """In which settings the winner differs from the default: `{setting: (default, winner)}`."""
        return difference(self.default, self.tuned) if self.tuned else {}

    @cached_property
    def climb(self) -> Results | None:
        """The winner against the default, with several seeds on test; None where neither has been tested yet."""
        place = self.folder / "climb"
        if not folders.is_climb(place) or not folders.finished_runs(place):
            return None
        return Results(place)

    def history(self, candidate: int) -> pd.DataFrame | None:
        """Return the history of a candidate, a row an epoch; None where it has none."""
        place = self.folder / "candidates" / f"{candidate:04}"
        for folder in (place, folders.unfinished(place)):
            if (folder / "history.csv").exists():
                return pd.read_csv(folder / "history.csv")
        return None

    def count(self, state: str) -> int:
        """Return how many candidates are in this state."""
        return int((self.candidates["state"] == state).sum())

    @property
    def default_accuracy(self) -> float | None:
        """The validation accuracy of the default in the search; None where it was not among those finished."""
        number = self.about["default_candidate"]
        return None if number is None else self.accuracy(number)

    def accuracy(self, candidate: int) -> float | None:
        """Return the validation accuracy of a candidate; None unless it is finished."""
        rows = self.candidates[self.candidates["candidate"] == candidate]
        row: dict[str, Any] = rows.to_dict("records")[0]  # type: ignore[assignment]
        return float(row["validation_accuracy"]) if row["state"] == "finished" else None

    def headline(self) -> str:
        """Say in a few sentences what the search has shown."""
        return " ".join([self._of_candidates(), self._of_the_winner()])

    def _of_candidates(self) -> str:
        tried = len(self.candidates)
        parts = {
            "trained to the end": self.count("finished"),
            "ended early, others being ahead": self.count("pruned"),
            "failed": self.count("failed"),
            "not ended yet": self.count("unfinished"),
        }
        listed = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        return f"{plural(tried, 'candidate')}: {listed}."

    def _of_the_winner(self) -> str:
        if self.winner is None:
            return "None is finished, so there is no winner yet."
        best = percent(self.accuracy(self.winner) or 0.0)
        if self.tuned is None:
            return (
                f"None was better on validation than the default ({best}): there is nothing to claim, "
                "and the test images were not opened."
            )
        default = self.default_accuracy
        beside = "" if default is None else f", the default {percent(default)}"
        chosen = f"Best on validation: candidate {self.winner}, {best}{beside}."
        if self.climb is None:
            return f"{chosen} It is still to be tested."
        return f"{chosen} Trained afresh with {self.climb.seeds} other seeds, {self._claim()}"

    def _claim(self) -> str:
        assert self.climb is not None
        claims = self.climb.against_parent
        found = claims[0].difference if claims else None
        if found is None or found.low is None or found.high is None:
            return "nothing can be claimed: too few of its trials are finished."
        by = f"{points(found.difference)} points (95 % interval {points(found.low)} to {points(found.high)})"
        if found.verdict in ("better", "worse"):
            return f"it is {found.verdict} on test than the default: {by}."
        return f"no difference from the default on test can be detected: {by}."
