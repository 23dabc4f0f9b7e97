"""The folder of a climb: what is finished or missing in it, what it is of, and its errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.tasks import Died, Event, Failed, Finished
from convladder.experiments import resume
from convladder.experiments.climb_plan import Plan
from convladder.experiments.engines import Engine
from convladder.experiments.pretrained.imagenet import Say, silent
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.results import (
    folders,
    migrations,
    outputs,
    planned_looks,
    questions,
    saved_run,
)
from convladder.results.folders import TrialKey
from convladder.results.planned_looks import PlannedLook


def find_climb(parent: Path, plan: Plan, say: Say = silent) -> Path | None:
    """Return the newest climb under `parent` of the same trials, finished or not."""
    return resume.find_alike(parent, "climb.json", plan.identity, plan.dataset, say)


def missing_trials(trials: Iterable[Trial], folder: Path, how: ResumePolicy) -> list[Trial]:
    """Return those of the trials that are not finished yet.

    Raises RunError where one is of another experiment or other data, or something else is in its
    place.
    """
    missing = []
    for trial in trials:
        place = folders.trial_folder(folder, trial.key)
        outputs.check_run(place)
        if folders.is_finished(place):
            resume.take_finished(saved_run.SavedRun(place), trial)
        else:
            missing.append(trial)
    return [how.prepare(trial, folders.trial_folder(folder, trial.key)) for trial in missing]


def count_finished(plan: Plan, folder: Path) -> int:
    """Return how many of the trials are finished."""
    return sum(
        folders.is_finished(folders.trial_folder(folder, trial.key)) for trial in plan.trials
    )


def earlier_trials(plan: Plan, folder: Path) -> list[TrialKey]:
    """Return the finished trials of an earlier climb in the folder that this plan does not have.

    They stay in the results: with fewer seeds than before, none is dropped from sight. Raises
    RunError where they are of rungs that the plan leaves out.
    """
    if not folders.is_climb(folder):
        return []
    listed = [TrialKey(*key) for key in migrations.read_about(folder / "climb.json")["trials"]]
    finished = [key for key in listed if folders.is_finished(folders.trial_folder(folder, key))]
    alike = {(trial.rung, trial.key.fold): trial for trial in plan.trials}
    left_out = sorted({key.rung for key in finished} - {trial.rung for trial in plan.trials})
    if left_out:
        raise RunError(
            f"{folder} holds rungs that this command leaves out ({', '.join(left_out)}): "
            "name them too, or choose another --out"
        )
    planned = {trial.key for trial in plan.trials}
    earlier = [key for key in finished if key not in planned]
    for key in earlier:
        if (key.rung, key.fold) not in alike:
            raise RunError(
                f"{folder} was made with other --folds than this command: choose another --out"
            )
        own = alike[key.rung, key.fold]
        same = replace(own, experiment=own.experiment.replace({"seed": key.seed}))
        resume.check_finished(saved_run.SavedRun(folders.trial_folder(folder, key)), same)
    return earlier


def settle_margin(plan: Plan, folder: Path) -> float | None:
    """Return the margin of the climb: the one that it began with, if any trial is finished.

    Raises RunError where another is given then: one that is chosen by the results shows nothing.
    """
    if not _has_begun(folder):
        return plan.margin
    about = migrations.read_about(folder / "climb.json")
    settled: float | None = about.get("margin")
    if plan.margin not in (None, settled):
        unit = plan.trials[0].experiment.judged_by.unit
        began = "without a margin" if settled is None else f"with a margin of {settled:g}{unit}"
        raise RunError(
            f"the climb in {folder} was begun {began}, and trials are finished: a margin that is "
            "chosen after that shows nothing. Leave out --margin, or choose another --out"
        )
    return settled


# docs/decisions/094-seeds-are-spent-where-they-decide.md
def settle_looks(plan: Plan, folder: Path, *, has_time: bool = True) -> list[PlannedLook]:
    """Return when the climb looks at its results: as it began with, if any trial is finished.

    has_time : whether anything more can be trained; else all decisions stay as they are.

    Seeds that the plan has beyond those are for looks that were not planned; a limit of time adds
    none. Raises RunError where the plan's rungs or seeds do not go with what there is.
    """
    if not _has_begun(folder):
        family = len(questions.family(plan.ladder))
        return planned_looks.plan(plan.counts, plan.seeds, plan.rungs, family)
    settled = planned_looks.from_json(migrations.read_about(folder / "climb.json")["looks"])
    added = [rung for rung in plan.rungs if rung not in (settled[0].rungs or ())]
    if added and any(look.rungs is not None for look in settled[1:]):
        raise RunError(
            f"the climb in {folder} has compared its rungs already, so {added[0]} cannot be added: "
            "choose another --out"
        )
    settled = planned_looks.with_rungs(settled, plan.rungs)
    if has_time:
        settled = planned_looks.reopen(settled, partial(_is_begun, folder))
    if len(plan.counts) == 1:
        return planned_looks.give_all(settled, plan.seeds, plan.rungs)
    first, own = {*settled[0].seeds}, {*plan.seeds}
    if not (first <= own or own <= first):
        raise RunError(
            f"the climb in {folder} was begun with seed {settled[0].seeds[0]}: give --seed "
            f"{settled[0].seeds[0]}, --seeds with the number of seeds to add, or another --out"
        )
    for count in () if plan.seconds else plan.counts:
        if {*plan.seeds[:count]} > {*settled[-1].seeds}:
            settled = planned_looks.extend(settled, plan.seeds[:count])
    return settled


def _has_begun(folder: Path) -> bool:
    """Whether a trial of a climb in the folder is finished."""
    return folders.is_climb(folder) and bool(folders.finished_runs(folder))


def _is_begun(folder: Path, rung: str, seed: int) -> bool:
    """Whether a trial of a rung with this seed is finished, or was being trained."""
    return any(folders.rung_folder(folder, rung).glob(f"*seed-{seed}*"))


@dataclass(frozen=True)
class Spent:
    """What a climb has taken so far. fits_time : its looks may still be fitted to a time."""

    seconds: float
    time_is_up: bool
    fits_time: bool


def spent(plan: Plan, folder: Path) -> Spent:
    """Return what the climb has taken so far, as it was written down."""
    about = migrations.read_about(folder / "climb.json") if folders.is_climb(folder) else None
    if about is None or not _has_begun(folder):
        seconds = about["seconds"] if about else 0.0
        return Spent(seconds, time_is_up=False, fits_time=plan.seconds is not None)
    return Spent(about["seconds"], about["time_is_up"], about["fits_time"])


def seconds_left(plan: Plan, folder: Path) -> float | None:
    """Return how much time a climb has left, as it was written down; None: as much as it takes."""
    return None if plan.seconds is None else plan.seconds - spent(plan, folder).seconds


def describe(
    plan: Plan,
    folder: Path,
    trials: Sequence[TrialKey],
    looks: Sequence[PlannedLook],
    engine: Engine,
    *,
    trains: bool,
    taken: Spent,
) -> None:
    """Say what the climb is of; a command that trains nothing leaves the environment as it is."""
    place = {rung: number for number, rung in enumerate(plan.rungs)}
    trials = sorted({*trials}, key=lambda key: (place[key.rung], key[1:]))
    files.write_json(folder / "ladder.json", plan.ladder.to_json())
    kept = not trains and folders.is_climb(folder)
    environment = (
        migrations.read_about(folder / "climb.json")["environment"]
        if kept
        else engine.environment()
    )
    description = {
        "format": folders.FORMAT,
        "identity": plan.identity,
        "trials": [list(key) for key in trials],
        "margin": plan.margin,
        "looks": [look.to_json() for look in looks],
        **asdict(taken),
        "data": plan.dataset.provenance(),
        "environment": environment,
    }
    files.write_json(folder / "climb.json", description)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed climb left half-written where climbs write, and no other folders."""
    trials = folder / "trials"
    files.remove_leftovers(
        folder, folder / "plots", *trials.glob("*"), *trials.glob(f"*/*{folders.UNFINISHED}")
    )


def note_failure(event: Event, folder: Path) -> list[Failed]:
    """Keep the error of a trial beside its place, until it has ended well; return it.

    So what was compared without it stays compared if it is begun again and interrupted.
    """
    if not isinstance(event, Finished | Failed):
        return []
    place = folders.trial_folder(folder, event.key)
    error = folders.error_file(place)
    if isinstance(event, Failed):
        resume.forget_if_empty(folders.unfinished(place))
        _keep_error(error, event)
        return [event]
    error.unlink(missing_ok=True)
    return []


def _keep_error(path: Path, failed: Failed) -> None:
    """Write the error of a trial: in the last line what it comes to.

    Before that comes where it was, or what its process wrote last.

    Raises RunError where the disk is full, as the next trials would find too.
    """
    plain = failed.expected and not isinstance(failed, Died)
    try:
        files.write_text(path, failed.error + "\n" if plain else failed.details)
    except OSError as error:
        raise RunError(
            f"cannot write {path} ({error.strerror}): free some space and run the same "
            "command to resume"
        ) from None
