"""What a search keeps on disk: Optuna's journal, a line for whatever happened, which its study is
made from.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import FrozenTrial, TrialState

from convladder.core.errors import RunError
from convladder.tuning.space import quiet

STUDY = "search"
REDUCTION = 3  # of a bracket's candidates one in so many goes on, for so many times the epochs
# docs/decisions/045-hyperband-first-looks-after-a-fifth-of-the-epochs.md
FIRST_LOOK = 0.2  # of the epochs: earlier, on few images, all are still at chance
MARKS = (
    "completed_rung_",
    "tpe:",
)  # what Optuna's pruner and sampler keep of a trial that they are at
SHUFFLED = 100  # times that accuracies are shuffled, to see what importances chance gives
FIRST_AT_RANDOM = 10  # candidates
LEAST_FINISHED = 10  # candidates from which importances are estimated
CHANCE = 0.95  # share of the shuffles whose largest importance is below the mark


class _FolderIsLocked(JournalFileOpenLock):
    """No lock: who opens the journal holds that of its folder. Optuna's own would outlive a killed
    process.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def open_study(path: Path, epochs: int) -> optuna.Study:
    """Open the study in a journal, or begin one, whose trials are pruned as by Hyperband (Li et al.
    2018).

    The caller holds the folder's lock. What a kill or a loss of power has left undone at its end is
    cut off. Raises RunError where the journal is damaged elsewhere.
    """
    _cut_what_is_undone(path)
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=max(1, round(FIRST_LOOK * epochs)),
        max_resource=epochs,
        reduction_factor=REDUCTION,
    )
    try:
        storage = JournalStorage(JournalFileBackend(str(path), _FolderIsLocked(str(path))))
        with quiet():
            return optuna.create_study(
                study_name=STUDY,
                storage=storage,
                direction="maximize",
                pruner=pruner,
                load_if_exists=True,
            )
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}): choose another --out, or --fresh") from None


# docs/decisions/044-optunas-study-is-its-journal-without-a-sampler.md
def sampler(seed: int, number: int, *, at_random: bool = False) -> optuna.samplers.BaseSampler:
    """Return what draws the settings of this candidate: a function of the seed, its number and what
    came before.

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


# docs/decisions/046-importances-are-shown-beside-those-of-chance.md
def importances(study: optuna.Study) -> tuple[dict[str, float], float]:
    """Estimate each setting's share in how well finished candidates did, and what the largest is by
    chance.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023). Chance is the 95th percentile of the largest share
    after the accuracies are shuffled among the candidates: where no setting matters, one search in
    twenty has a larger one. Empty where fewer than ten are finished, or all did equally well.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finished = [trial for trial in trials if trial.params]
    values = [float(trial.values[0]) for trial in finished]
    if len(finished) < LEAST_FINISHED or len(set(values)) == 1:
        return {}, 0.0
    draw = np.random.default_rng(len(finished))
    shuffled = [_importances(finished, draw.permutation(values).tolist()) for _ in range(SHUFFLED)]
    largest = [max(each.values(), default=0.0) for each in shuffled]
    return _importances(finished, values), float(np.quantile(largest, CHANCE))


def _importances(trials: Sequence[FrozenTrial], values: Sequence[float]) -> dict[str, float]:
    with quiet():
        study = optuna.create_study(direction="maximize")
    study.add_trials(
        optuna.trial.create_trial(
            params=trial.params, distributions=trial.distributions, value=value
        )
        for trial, value in zip(trials, values, strict=True)
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # that few trials say little is what chance is there to tell
        return dict(get_param_importances(study))


def _cut_what_is_undone(path: Path) -> None:
    """Cut off a torn last line, a candidate whose settings were being drawn, and a look at one
    without a decision.

    Each is done anew then, from the same random numbers.
    """
    if not path.exists():
        return
    with path.open("r+b") as file:
        lines = file.read().splitlines(keepends=True)
        whole = [
            line for line in lines if not _is_remark(line)
        ]  # one may have come after what was not done
        while whole and _is_undone(whole[-1]):
            lines = lines[: lines.index(whole.pop())]
        file.truncate(sum(map(len, lines)))


def _is_remark(line: bytes) -> bool:
    """Whether a line says something of the study as a whole, such as the time that it took."""
    return line.endswith(b"\n") and line.startswith(
        b'{"op_code":%d,' % JournalOperation.SET_STUDY_USER_ATTR
    )


def _is_undone(line: bytes) -> bool:
    """Whether a line of the journal, being its last, is the beginning of something."""
    if not line.endswith(b"\n"):
        return True
    try:
        told = json.loads(line)
    except ValueError:
        return False  # damage, which is told when the journal is read
    begins = told.get("state", TrialState.RUNNING) == TrialState.RUNNING
    looked_at = any(key.startswith(MARKS) for key in told.get("system_attr", {}))
    return (
        told["op_code"] == JournalOperation.SET_TRIAL_PARAM
        or (
            told["op_code"]
            in (JournalOperation.CREATE_TRIAL, JournalOperation.SET_TRIAL_STATE_VALUES)
            and begins
        )
        or (told["op_code"] == JournalOperation.SET_TRIAL_SYSTEM_ATTR and looked_at)
    )
