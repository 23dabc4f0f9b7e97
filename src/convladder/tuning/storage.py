"""What a search keeps on disk: a line of JSON for whatever became of a candidate.

Optuna's study is in memory, and is made anew from the lines when a search resumes. In a candidate's
lines only what has changed is told, and the last one holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from convladder.core import files
from convladder.core.errors import RunError
from convladder.tuning.candidates import SETTINGS
from convladder.tuning.space import quiet

STUDY = "search"
REDUCTION = 3  # of a bracket's candidates one in so many goes on, for so many times the epochs
# docs/decisions/045-hyperband-first-looks-after-a-fifth-of-the-epochs.md
FIRST_LOOK = 0.2  # of the epochs: earlier, on few images, all are still at chance
OLDER = "journal.log"  # Optuna's journal, in which earlier versions kept a search

Fields = dict[str, Any]


# docs/decisions/044-a-search-keeps-lines-of-its-own-and-no-sampler.md
class StoredStudy:
    """Optuna's study of a search, whose trials are pruned as by Hyperband (Li et al. 2018).

    The caller holds the folder's lock. A torn last line is dropped, and what it told of is done
    anew, from the same random numbers.

    study : Optuna's. asked : its trials that were running when the search was stopped.

    Raises
    ------
    RunError
        The file is damaged elsewhere than at its end.
    """

    def __init__(self, path: Path, epochs: int) -> None:
        self._path = path
        older = path.with_name(OLDER)
        try:
            if older.exists() and not path.exists():
                files.write_text(path, _convert(older))
            self._kept, attributes = _read(path)
            self.study = _begin(epochs)
            self.study.add_trials(map(_trial, self._kept.values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"{path} is damaged ({error}): choose another --out, or --fresh"
            raise RunError(said) from None
        for key, value in attributes.items():
            self.study.set_user_attr(key, value)
        self.asked = {trial.number: trial for trial in self._asked_again()}

    def keep(self, number: int) -> None:
        """Write what has become of a candidate since it was last kept, and of those before it."""
        trials = self.study.get_trials(deepcopy=False)
        for trial in [*trials[len(self._kept) : number], trials[number]]:
            self._keep(trial)

    def note(self, **attributes: Any) -> None:
        """Keep what is known of the search as a whole."""
        for key, value in attributes.items():
            self.study.set_user_attr(key, value)
        files.append_line(self._path, json.dumps({"search": attributes}))

    def _keep(self, trial: FrozenTrial) -> None:
        known, now = self._kept.get(trial.number, {}), _fields(trial)
        changed = {key: now[key] for key in now if key not in known or known[key] != now[key]}
        if changed:
            files.append_line(self._path, _line(trial.number, changed))
            self._kept[trial.number] = now

    def _asked_again(self) -> list[optuna.Trial]:
        """Return the trials that were running; their settings are drawn already."""
        self.study.sampler = optuna.samplers.RandomSampler()
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return [self.study.ask() for _ in waiting]


def _begin(epochs: int) -> optuna.Study:
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=max(1, round(FIRST_LOOK * epochs)),
        max_resource=epochs,
        reduction_factor=REDUCTION,
    )
    with quiet():
        return optuna.create_study(study_name=STUDY, direction="maximize", pruner=pruner)


def _read(path: Path) -> tuple[dict[int, Fields], Fields]:
    """Return the fields of each candidate, by its number, and the attributes of the search."""
    candidates: dict[int, Fields] = {}
    attributes: Fields = {}
    for line in _whole_lines(path):
        told = json.loads(line)
        if "search" in told:
            attributes |= told["search"]
            continue
        number = told.pop("candidate")
        if number not in range(len(candidates) + 1):
            raise ValueError(f"candidate {number} comes before {len(candidates)}")
        candidates[number] = candidates.get(number, {}) | told
    return candidates, attributes


def _whole_lines(path: Path) -> Sequence[bytes]:
    """Return the lines of the file, of which a torn last one is cut off."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    return whole.splitlines()


def _line(number: int, fields: Fields) -> str:
    return json.dumps({"candidate": number, **fields})


def _fields(trial: FrozenTrial) -> Fields:
    """Return what is kept of a trial, as JSON gives it back."""
    fields = {
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params,
        "distributions": {
            key: json.loads(distribution_to_json(each)) for key, each in trial.distributions.items()
        },
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "intermediate_values": trial.intermediate_values,
    }
    read: Fields = json.loads(json.dumps(fields))
    return read


def _trial(fields: Fields) -> FrozenTrial:
    """Return the trial of these fields, which waits to be asked for where it was running."""
    state, epochs = TrialState[fields["state"]], fields["intermediate_values"]
    drawn = fields["distributions"].items()
    return optuna.trial.create_trial(
        state=TrialState.WAITING if state is TrialState.RUNNING else state,
        values=fields["values"],
        params=fields["params"],
        distributions={key: json_to_distribution(json.dumps(each)) for key, each in drawn},
        user_attrs=fields["user_attrs"],
        system_attrs=fields["system_attrs"],
        intermediate_values={int(epoch): value for epoch, value in epochs.items()},
    )


def _convert(journal: Path) -> str:
    """Return the lines of a search that earlier versions kept in Optuna's journal."""
    storage = JournalStorage(JournalFileBackend(str(journal)))
    with quiet():
        if STUDY not in optuna.get_all_study_names(storage):
            return ""
        study = optuna.load_study(study_name=STUDY, storage=storage)
    lines = [_line(trial.number, _fields(trial)) for trial in _begun(study.trials)]
    if study.user_attrs:
        lines.append(json.dumps({"search": study.user_attrs}))
    return "".join(f"{line}\n" for line in lines)


def _begun(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials without those at the end whose settings were not drawn yet."""
    begun = list(trials)
    while begun and not begun[-1].state.is_finished() and SETTINGS not in begun[-1].user_attrs:
        begun.pop()
    return begun
