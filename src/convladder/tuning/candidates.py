"""What a search knows: the trials of Optuna's study as candidates with their accuracy.

The first candidate is the default, whatever the space.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from convladder.core.experiment import Experiment, difference, flatten
from convladder.core.ladder import Ladder, Rung
from convladder.core.metrics import Metric
from convladder.experiments import climb_plan
from convladder.experiments.trial import Trial
from convladder.models import shapes
from convladder.tuning.results import DEFAULT, TUNED
from convladder.tuning.space import Space

# what is kept of a trial beside what Optuna keeps
SETTINGS, ERROR, SKIPPED = ("settings", "error", "skipped")
SECONDS, EXHAUSTED = "seconds", "exhausted"  # and of the study

_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
}


@dataclass(frozen=True)
class SearchPlan:
    """What a search is of: the experiment that it begins with, its images, and the space."""

    default: Trial
    space: Space

    @property
    def identity(self) -> str:
        """A hash of all that the candidates depend on, their number aside."""
        content = json.dumps([climb_plan.identity_of([self.default]), self.space.to_json()])
        return hashlib.sha256(content.encode()).hexdigest()


# docs/decisions/047-the-default-is-the-first-candidate.md
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
        """The finished one that is best on validation, the first of several, if any."""
        return max(self.finished, key=lambda trial: (trial.values[0], -trial.number), default=None)

    def state(self, number: int) -> TrialState:
        return self._study.get_trials(deepcopy=False)[number].state

    def experiment(self, trial: FrozenTrial) -> Experiment:
        """Return the experiment of a candidate."""
        return self._default.replace(trial.user_attrs[SETTINGS])

    def changes(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return `{setting: value}` of all in which a candidate is not the default."""
        found = difference(self._default, self.experiment(trial))
        return {
            key: list(new) if isinstance(new, tuple) else new for key, (_, new) in found.items()
        }

    def has_been(self, experiment: Experiment, before: int) -> bool:
        """Whether a candidate of a lower number is this experiment."""
        return any(
            self.experiment(trial) == experiment for trial in self.tried if trial.number < before
        )

    @property
    def last_refusal(self) -> str:
        """Why the last one that was drawn could not be tried; empty where it was."""
        drawn = self.drawn
        return str(drawn[-1].user_attrs.get(SKIPPED, "")) if drawn else ""

    @property
    def are_exhausted(self) -> bool:
        """Whether the space has none that was not tried."""
        return bool(self._study.user_attrs.get(EXHAUSTED))

    def outcome(self) -> dict[str, Any]:
        """Return the winner, its changes of the default, and whether the space is exhausted."""
        winner = self.winner
        return {
            "winner": winner.number if winner else None,
            "changes": self.changes(winner) if winner else {},
            "exhausted": self.are_exhausted,
        }

    def table(self) -> pd.DataFrame:
        """Return one row per candidate; a setting that its conditions left out is empty."""
        columns = [*self._columns, *self._plan.space.dimensions]
        return pd.DataFrame([self._row(trial) for trial in self.tried], columns=columns)

    @property
    def _metric(self) -> Metric:
        return self._default.judged_by

    @property
    def _columns(self) -> tuple[str, ...]:
        """The columns before those of the settings."""
        value = f"validation_{self._metric.column}"
        return ("candidate", "state", value, "epochs", "flops", "error")

    def _row(self, trial: FrozenTrial) -> dict[str, Any]:
        epochs = max(trial.intermediate_values, default=0)
        finished = trial.state is TrialState.COMPLETE
        score = trial.values[0] if finished else trial.intermediate_values.get(epochs)
        value = None if score is None else self._metric.as_score(score)
        dataset, experiment = self._plan.default.dataset, self.experiment(trial)
        flops = shapes.count_flops(
            experiment.model, dataset.bank.form.shape, len(dataset.class_names)
        )
        error = trial.user_attrs.get(ERROR, "")
        state = "failed" if error else _STATES[trial.state]
        figures = (trial.number, state, value, epochs, flops, error)
        settings = flatten(experiment)
        searched = [key for key in self._plan.space.dimensions if key in trial.params]
        return dict(zip(self._columns, figures, strict=True)) | {
            key: json.dumps(settings[key]) for key in searched
        }


def final_ladder(start: Experiment, candidates: Candidates) -> Ladder:
    """Return the ladder of two rungs that a search ends with."""
    base = {key: new for key, (_, new) in difference(Experiment(), start).items() if key != "seed"}
    winner = candidates.winner
    assert winner is not None
    tuned = Rung(
        name=TUNED,
        parent=DEFAULT,
        what=f"Candidate {winner.number} of the search: the best on validation.",
        why="It was the best of all candidates on the validation images.",
        hurts=(
            "The best of many candidates may just have been lucky. That is why it is trained "
            "again here, with new seeds."
        ),
        change=candidates.changes(winner),
    )
    default = Rung(name=DEFAULT, what="The settings that the search started from.")
    about = "Settings found by the search, compared with the default"
    return Ladder("tune", about, "", base, (default, tuned))
