"""Which settings mattered in a search, and what chance alone would say of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from convladder.tuning.space import quiet

SHUFFLED = 100  # times that accuracies are shuffled, to see what importances chance gives
LEAST_FINISHED = 10  # candidates from which importances are estimated
CHANCE = 0.95  # share of the shuffles whose largest importance is below the mark


# docs/decisions/046-importances-are-shown-beside-those-of-chance.md
def importances(study: optuna.Study) -> tuple[dict[str, float], float]:
    """Estimate each setting's share in how well candidates did, and the largest by chance.

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
        warnings.simplefilter("ignore")  # few trials say little, as chance is there to tell
        return dict(get_param_importances(study))
