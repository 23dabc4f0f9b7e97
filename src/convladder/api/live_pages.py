"""The live pages of climbs, trainings and searches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.core.formatting import either, plural, short_name
from convladder.core.tasks import OnEvent
from convladder.data.dataset import SplitDataset
from convladder.experiments.climb_plan import Plan
from convladder.experiments.run_options import RunOptions
from convladder.experiments.trial import Trial
from convladder.report.live.course import Ended
from convladder.report.live.page import LivePage
from convladder.report.live.view import CANDIDATE, Watched, read_candidates
from convladder.report.progress import Reporter
from convladder.report.tracking import Tracker, following
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.tuning.results import DEFAULT, TUNED

if TYPE_CHECKING:
    from convladder.tuning.candidates import Candidates

OnWork = Callable[..., None]  # as Display.expect


@contextlib.contextmanager
def showing(
    reporter: Reporter, page: LivePage, trackers: Sequence[Tracker] = ()
) -> Iterator[tuple[OnWork, OnEvent]]:
    """Yield what takes the trials to come, and what happens to them, and shows both to all."""
    with (
        reporter.trials() as display,
        following(display.follow, [*trackers, page], reporter.say) as on_event,
    ):

        def expect(weights: dict[TrialKey, float], seconds: float | None = None) -> None:
            display.expect(weights, seconds)
            page.expect(weights, seconds)

        yield expect, on_event


def earlier_candidates(candidates: Candidates, default: Trial) -> Iterator[tuple[TrialKey, Ended]]:
    """Yield what earlier commands of a search have tried."""
    column = f"validation_{default.experiment.judged_by.column}"
    return read_candidates(candidates.table(), column, default.key.seed)


def of_climb(plan: Plan, folder: Path, how: RunOptions, reporter: Reporter) -> LivePage:
    """Return the page of a climb."""
    looks = f"The climb looks at its results after {either(map(str, plan.counts))} seeds. "
    then = f"{looks}It adds seeds only where they can decide something."
    title = plan.rungs[0] if len(plan.rungs) == 1 else plan.ladder.title
    watched = Watched(
        folder,
        title or plan.ladder.name,
        f"{_data(plan.dataset)} · {plural(len(plan.rungs), 'rung')} · {folder}",
        plan.trials[0].experiment.judged_by,
        plan.rungs,
        folds=plan.trials[0].key.fold is not None,
        then=then if len(plan.counts) > 1 else "",
    )
    place = partial(folders.trial_folder, folder)
    return LivePage(watched, place, climb=folder, say=reporter.say, on_page=how.on_page)


def of_run(trial: Trial, folder: Path, how: RunOptions, reporter: Reporter) -> LivePage:
    """Return the page of one training."""
    about = f"{_data(trial.dataset)} · {trial.key.name} · {folder}"
    watched = Watched(folder, trial.rung, about, trial.experiment.judged_by)
    page = LivePage(watched, lambda key: folder, say=reporter.say, on_page=how.on_page)
    page.plan({trial.key: 1.0})
    return page


def of_search(default: Trial, folder: Path, how: RunOptions, reporter: Reporter) -> LivePage:
    """Return the page of a search, and of the test of its winner."""

    def place(key: TrialKey) -> Path:
        if key.rung.startswith(CANDIDATE):
            return folder / "candidates" / f"{int(key.rung.removeprefix(CANDIDATE)):04}"
        return folders.trial_folder(folder / "climb", key)

    watched = Watched(
        folder,
        "A search for better settings",
        f"{_data(default.dataset)} · {folder}",
        default.experiment.judged_by,
        (DEFAULT, TUNED),
        searches=True,
        then="After the search, the winner and the default are trained again, and tested.",
    )
    return LivePage(watched, place, climb=folder / "climb", say=reporter.say, on_page=how.on_page)


def _data(dataset: SplitDataset) -> str:
    """Say which images are trained on."""
    classes = plural(len(dataset.class_names), "class")
    return f"{short_name(dataset.bank.source)} · {classes}"
