"""Candidates as tasks for workers: drawn by Optuna from a space, or resumed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from convladder.core import files
from convladder.core.errors import ExperimentError, RunError
from convladder.core.tasks import Task
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.models import shapes
from convladder.results import folders, outputs, provenance
from convladder.results.folders import TrialKey
from convladder.tuning.candidates import SETTINGS, SKIPPED, Candidates, SearchPlan
from convladder.tuning.objective import HISTORY, run_candidate
from convladder.tuning.storage import StoredStudy

DEFAULT = 0  # the number of the default among the candidates
FIRST_AT_RANDOM = 10  # candidates


# docs/decisions/044-a-search-keeps-lines-of-its-own-and-no-sampler.md
def sampler(seed: int, number: int, *, at_random: bool = False) -> optuna.samplers.BaseSampler:
    """Return what draws a candidate's settings from the seed, its number and what came before.

    Tree-structured Parzen estimators (Bergstra et al. 2011), or pure chance. A sampler that lived
    on would hold random numbers that nobody saves, and a search that was stopped would go on to
    another end.
    """
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if at_random:
        return optuna.samplers.RandomSampler(seed=own_seed)
    return optuna.samplers.TPESampler(
        seed=own_seed,
        n_startup_trials=FIRST_AT_RANDOM,
        n_ei_candidates=24,
        multivariate=True,
        constant_liar=True,
    )


class Drawing:
    """Draws the candidates of a search.

    asked : the trials of Optuna's that are being trained. numbers : theirs, by the keys of their
        tasks.
    """

    def __init__(
        self,
        plan: SearchPlan,
        folder: Path,
        stored: StoredStudy,
        candidates: Candidates,
        how: ResumePolicy,
    ) -> None:
        self._plan, self._folder, self._how = plan, folder, how
        self._stored, self._study, self._candidates = stored, stored.study, candidates
        self._default = plan.default.experiment
        self.asked = stored.asked
        self.numbers: dict[TrialKey, int] = {}

    def key(self, number: int) -> TrialKey:
        """Return the key under which the events of a candidate come."""
        return TrialKey(f"candidate {number}", self._default.seed)

    def place(self, number: int) -> Path:
        """Return where a candidate's history is."""
        return self._folder / "candidates" / f"{number:04}"

    def draw(self) -> Task | None:
        """Return the task of the next candidate; None where it cannot be, or has been."""
        drawn = self._candidates.drawn
        # else the sampler would say the same once more
        again = bool(drawn) and SKIPPED in drawn[-1].user_attrs
        self._study.sampler = sampler(self._default.seed, len(drawn), at_random=again)
        return self._drawn(self._study.ask())

    def resume(self, trial: FrozenTrial) -> Task | None:
        """Return the task of a candidate that was running when the search was stopped."""
        self._study.sampler = sampler(self._default.seed, trial.number)
        return self._drawn(self.asked[trial.number])

    def put_away(self, number: int) -> None:
        """Keep the history of a candidate that is over, and nothing else."""
        place = self.place(number)
        unfinished = folders.unfinished(place)
        for name in (HISTORY, folders.ABOUT):
            if (unfinished / name).exists() and not (place / name).exists():
                files.write_bytes(place / name, (unfinished / name).read_bytes())
        outputs.remove_unfinished(unfinished)

    @cached_property
    def _command(self) -> str:
        return provenance.command()

    def _drawn(self, asked: optuna.Trial) -> Task | None:
        """Return the task of a candidate, and keep what was drawn for it."""
        task = self._task(asked)
        self._stored.keep(asked.number)
        return task

    def _task(self, asked: optuna.Trial) -> Task | None:
        settings = self._plan.space.draw(asked, self._default)
        if asked.number == DEFAULT:
            settings = {}  # for Optuna it is what is nearest in the space
        try:
            experiment = self._default.replace(settings)
            shapes.check_size(experiment.model, *self._plan.default.dataset.bank.form.shape[:2])
        except ExperimentError as error:
            # from which the sampler learns, unlike from FAIL
            self._skip(asked, str(error), TrialState.PRUNED)
            return None
        if self._candidates.has_been(experiment, before=asked.number):
            self._skip(asked, "it has been tried already", TrialState.FAIL)
            return None
        asked.set_user_attr(SETTINGS, settings)
        key, place = self.key(asked.number), self.place(asked.number)
        self.asked[asked.number], self.numbers[key] = asked, asked.number
        trial = replace(self._plan.default, rung=place.name, experiment=experiment)
        self._clear_if_begun_otherwise(trial, place)
        return Task(key, run_candidate, (trial, place, self._command))

    def _skip(self, asked: optuna.Trial, reason: str, state: TrialState) -> None:
        asked.set_user_attr(SKIPPED, reason)
        self._study.tell(asked, state=state)

    def _clear_if_begun_otherwise(self, trial: Trial, place: Path) -> None:
        """Begin a candidate of other versions anew: it only steers, and no figure rests on it."""
        try:
            self._how.prepare(trial, place)
        except RunError:
            replace(self._how, fresh=True).clear(place)
