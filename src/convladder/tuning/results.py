"""What a search came to: read from its folder, without Optuna or any deep-learning framework."""

from __future__ import annotations

import json
import shlex
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.experiment import Experiment, difference, flatten
from convladder.core.formatting import plural, written
from convladder.core.metrics import ACCURACY, Metric
from convladder.evaluation.intervals import Proportion, proportion
from convladder.results import folders, migrations
from convladder.results.saved_climb import SavedClimb
from convladder.tuning import answer

DEFAULT, TUNED = "default", "tuned"  # the rungs of the climb that a search ends with


class SearchResults:
    """The results of a search's folder. Raises RunError if it is none, or nothing was tried yet."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder = Path(folder)
        if not folders.is_search(folder):
            raise RunError(f"{folder} is not a search: it has no tune.json")
        self.about: dict[str, Any] = migrations.read_about(folder / "tune.json")
        if not (folder / "candidates.csv").exists():
            raise RunError(
                f"no candidate in {folder} is finished yet (run the same tune command to resume)"
            )

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """One row per candidate, one column per setting and figure.

        The figures are its number, state, accuracy (or other metric) on validation, epochs, FLOPs
        and error.

        The state is finished, pruned (ended early, since others did better), failed or unfinished;
        a setting that was not searched for this candidate is None.
        """
        texts = dict.fromkeys([*self.settings, "error"], object)
        table = pd.read_csv(
            self.folder / "candidates.csv",
            dtype=texts,
            keep_default_na=False,
            na_values={self.column: [""]},
        )
        for key in self.settings:
            values = [json.loads(text) if text else None for text in table[key]]
            table[key] = pd.Series(values, index=table.index, dtype=object)
        return table

    @property
    def metric(self) -> Metric:
        """What candidates are judged by."""
        return self.default.judged_by

    @property
    def column(self) -> str:
        """The column of `candidates` with the metric on validation."""
        return f"validation_{self.metric.column}"

    @property
    def settings(self) -> list[str]:
        """The settings that were searched."""
        return list(self.about["space"])

    @cached_property
    def default(self) -> Experiment:
        """The experiment that the search began with."""
        return Experiment.parse(self.about["default"])

    def default_of(self, setting: str) -> Any:
        """Return what the default has for a setting.

        Parameters
        ----------
        setting
            Its dotted key, such as `train.learning_rate`.

        Returns
        -------
        object
            The value.

        Raises
        ------
        KeyError
            There is no such setting.
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        return flatten(self.default)[setting]

    @cached_property
    def importances(self) -> dict[str, float]:
        """Each setting's share in how well candidates did, the largest first; empty for too few."""
        return dict(self._importances["shares"])

    @property
    def chance(self) -> float:
        """The largest share by chance, but for one search in twenty; less than it says nothing."""
        return float(self._importances["chance"])

    @cached_property
    def _importances(self) -> dict[str, Any]:
        path = self.folder / "importances.json"  # written when a search ends
        found: dict[str, Any] = (
            files.read_json(path) if path.exists() else {"shares": {}, "chance": 0.0}
        )
        return found

    @property
    def winner(self) -> int | None:
        """The number of the finished candidate that is best on validation, if any."""
        number: int | None = self.about["winner"]
        return number

    @property
    def found(self) -> int | None:
        """The winner's number, if it is not the default; None where that was not beaten."""
        return self.winner if self.about["changes"] else None

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

    @property
    def assignments(self) -> str:
        """The winner's settings as other commands take them: `--set model.padding=same ...`."""
        return " ".join(
            f"--set {shlex.quote(f'{key}={written(new)}')}"
            for key, (_, new) in self.changes.items()
        )

    @property
    def tuned_run(self) -> Path | None:
        """A run of the winner; None where it has none yet."""
        found = folders.finished_inside(self.folder / "climb" / "trials" / TUNED)
        return found[0] if found else None

    @property
    def best_share(self) -> Proportion | None:
        """The best accuracy on validation with its interval; None where none is finished.

        None also where candidates are judged by another metric.
        """
        if self.winner is None or self.metric != ACCURACY:
            return None
        images = sum(self.about["data"]["counts"]["validation"].values())
        return proportion(round((self.on_validation(self.winner) or 0.0) * images), images)

    @cached_property
    def climb(self) -> SavedClimb | None:
        """The winner against the default, with several seeds on test; None before the test."""
        place = self.folder / "climb"
        if not folders.is_climb(place) or not folders.finished_runs(place):
            return None
        return SavedClimb(place)

    def history(self, candidate: int) -> pd.DataFrame | None:
        """Return the history of a candidate.

        Parameters
        ----------
        candidate
            Its number, from 0.

        Returns
        -------
        DataFrame or None
            One row per epoch; None if it has none.
        """
        place = self.folder / "candidates" / f"{candidate:04}"
        for folder in (place, folders.unfinished(place)):
            if (folder / "history.csv").exists():
                return pd.read_csv(folder / "history.csv")
        return None

    def count(self, state: str) -> int:
        """Return how many candidates are in a state.

        Parameters
        ----------
        state
            `finished`, `pruned`, `failed` or `unfinished`.

        Returns
        -------
        int
            Their number.

        Raises
        ------
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        return int((self.candidates["state"] == state).sum())

    @property
    def default_on_validation(self) -> float | None:
        """The metric on validation of the default, the first candidate, once it is finished."""
        return self.on_validation(0)

    def on_validation(self, candidate: int) -> float | None:
        """Return the accuracy of a candidate on validation, or what else it is judged by.

        Parameters
        ----------
        candidate
            Its number, from 0.

        Returns
        -------
        float or None
            Its value; None unless it is finished.

        Raises
        ------
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        for row in self.candidates.to_dict("records"):
            if row["candidate"] == candidate and row["state"] == "finished":
                return float(row[self.column])
        return None

    @property
    def test_failure(self) -> str | None:
        """Why the winner and the default could not be tested; None unless a trial failed."""
        for path in sorted((self.folder / "climb" / "trials").glob("*/*.error.txt")):
            return (path.read_text(encoding="utf-8").strip().splitlines() or ["unknown"])[-1]
        return None

    def headline(self) -> str:
        """Say in a few sentences what the search has shown.

        Returns
        -------
        str
            The sentences.

        Raises
        ------
        ConvladderError
            A file of the search or of its climb is missing or damaged.
        """
        return f"{answer.in_short(self).said()} {self.count_states()}"

    def count_states(self) -> str:
        """Say how many candidates came to which end.

        Returns
        -------
        str
            A sentence.

        Raises
        ------
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        tried = len(self.candidates)
        parts = {
            "fully trained": self.count("finished"),
            "stopped early because others were ahead": self.count("pruned"),
            "failed": self.count("failed"),
            "not finished": self.count("unfinished"),
        }
        listed = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        all_there_are = ", all there are in the space" if self.about["exhausted"] else ""
        return f"{plural(tried, 'candidate')}{all_there_are}: {listed or 'none'}."
