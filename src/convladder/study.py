"""What a search knows: the trials of Optuna's study as candidates, experiments with their validation accuracy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from convladder import climbing
from convladder.config import Experiment, difference
from convladder.models import sizes
from convladder.space import Space
from convladder.trial import Trial

SETTINGS, ERROR, SKIPPED = "settings", "error", "skipped"  # what is kept of a trial beside what Optuna keeps
SECONDS, EXHAUSTED = "seconds", "exhausted"  # and of the study

_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
}


@dataclass(frozen=True)
class SearchPlan:
    """What a search is of: the experiment that it begins with, on its images, and the space around it."""

    default: Trial
    space: Space

    @property
    def identity(self) -> str:
        """A hash of all that the candidates depend on, their number aside."""
        content = json.dumps([climbing.identity_of([self.default]), self.space.to_json()])
        return hashlib.sha256(content.encode()).hexdigest()


class Candidates:
    """The candidates of a study, as the study is whenever it is asked."""

    def __init__(self, plan: SearchPlan, study: optuna.Study) -> None:
        self._plan, self._study, self._default = plan, study, plan.default.experiment

    @property
    def drawn(self) -> list[FrozenTrial]:
        """All trials that were begun, also those that could not be or had been before."""
        every = self._study.get_trials(deepcopy=False)
        return [trial for trial in every if trial.state is not TrialState.WAITING]

    @property
    def tried(self) -> list[FrozenTrial]:
        """All that were trained, or are being trained."""
        return [trial for trial in self.drawn if SETTINGS in trial.user_attrs]

    @property
    def finished(self) -> list[FrozenTrial]:
        """Those that were trained to their end."""
        return [trial for trial in self.tried if trial.state is TrialState.COMPLETE]

    @property
    def open(self) -> list[FrozenTrial]:
        """Those that are being drawn or trained, or were when the search was stopped."""
        return [trial for trial in self.drawn if trial.state is TrialState.RUNNING]

    @property
    def winner(self) -> FrozenTrial | None:
        """The finished one of the best validation accuracy, the first of several; None without any."""
        return max(self.finished, key=lambda trial: (trial.values[0], -trial.number), default=None)

    def state(self, number: int) -> TrialState:
        return self._study.get_trials(deepcopy=False)[number].state

    def experiment(self, trial: FrozenTrial) -> Experiment:
        """Return the experiment of a candidate."""
        return self._default.replace(trial.user_attrs[SETTINGS])

    def changes(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return `{setting: value}` of all in which a candidate is not the default."""
        found = difference(self._default, self.experiment(trial))
        return {key: list(new) if isinstance(new, tuple) else new for key, (_, new) in found.items()}

    def has_been(self, settings: dict[str, Any], before: int) -> bool:
        """Whether a candidate of a lower number has these settings."""
        return any(trial.user_attrs[SETTINGS] == settings for trial in self.tried if trial.number < before)

    def outcome(self) -> dict[str, Any]:
        """Return the winner, how it differs from the default, and which candidate is the default."""
        winner = self.winner
        alike = [trial.number for trial in self.tried if not self.changes(trial)]
        return {
            "winner": winner.number if winner else None,
            "changes": self.changes(winner) if winner else {},
            "default_candidate": alike[0] if alike else None,
        }

    def table(self) -> list[dict[str, Any]]:
        """Return a row a candidate; a setting that its conditions left out is None."""
        return [self._row(trial) for trial in self.tried]

    def _row(self, trial: FrozenTrial) -> dict[str, Any]:
        epochs = max(trial.intermediate_values, default=0)
        dataset, settings = self._plan.default.dataset, trial.user_attrs[SETTINGS]
        model, error = self.experiment(trial).model, trial.user_attrs.get(ERROR, "")
        row: dict[str, Any] = {
            "candidate": trial.number,
            "state": "failed" if error else _STATES[trial.state],
            "validation_accuracy": trial.intermediate_values.get(epochs),
            "epochs": epochs,
            "flops": sizes.count_flops(model, dataset.bank.form.shape, len(dataset.class_names)),
            "error": error,
        }
        searched = self._plan.space.dimensions
        return row | {key: json.dumps(settings[key]) if key in trial.params else None for key in searched}
