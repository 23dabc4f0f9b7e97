"""The looks of a climb: after each, which rungs get more seeds, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from convladder.core.formatting import plural
from convladder.core.ladder import Ladder
from convladder.evaluation import stopping
from convladder.evaluation.looks import Question
from convladder.evaluation.stopping import Family, Outlook
from convladder.results import folders, planned_looks, questions
from convladder.results.folders import TrialKey
from convladder.results.groups import GroupComparison
from convladder.results.planned_looks import PlannedLook
from convladder.results.saved_run import SavedRun


def decide(
    ladder: Ladder,
    folder: Path,
    settled: Sequence[PlannedLook],
    trials: Sequence[TrialKey],
    margin: float | None,
) -> tuple[list[PlannedLook], str]:
    """Decide the next look: return the looks, and what the last one has shown in a sentence.

    A rung with a trial that failed goes on with those that it has, if they are two or more.
    """
    place = planned_looks.undecided(settled)
    assert place is not None
    finished = [key for key in trials if folders.is_finished(folders.trial_folder(folder, key))]
    found = _outlooks(ladder, folder, settled, finished, margin)
    worth = stopping.going_on(found)
    rungs = tuple(rung.name for rung in ladder.rungs if rung.name in worth)
    decided = [*settled[:place], replace(settled[place], rungs=rungs), *settled[place + 1 :]]
    counts = [len(settled[each].seeds) for each in (place - 1, place, -1)]
    return decided, in_words(found, counts, rungs)


def in_words(
    found: Mapping[Question, Outlook], counts_of_seeds: Sequence[int], rungs: Sequence[str]
) -> str:
    """Say what a look has shown, and which rungs go on.

    counts_of_seeds : at this look, at the next, and at the last.
    """
    seeds, further, most = counts_of_seeds
    counts = Counter(found.values())
    said = [f"{counts['decided']} of {plural(len(found), 'comparison')} decided"]
    told: tuple[tuple[Outlook, str], ...] = (
        ("open", "open"),
        ("too close", f"too close for {most} seeds"),
        ("seeds cannot help", "in need of more test images, not seeds"),
        ("stopped", "given up before, or without two seeds"),
    )
    for outlook, words in told:
        if counts[outlook]:
            said.append(f"{counts[outlook]} {words}")
    following = f"{further} seeds for {', '.join(rungs)}" if rungs else "nothing, the climb ends"
    return f"After {seeds} seeds: {'; '.join(said)}. Next: {following}."


def _outlooks(
    ladder: Ladder,
    folder: Path,
    settled: Sequence[PlannedLook],
    finished: Sequence[TrialKey],
    margin: float | None,
) -> dict[Question, Outlook]:
    groups: dict[str, list[SavedRun]] = {}
    for key in finished:
        run = SavedRun(folders.trial_folder(folder, key))
        groups.setdefault(key.rung, []).append(run)
    if not groups:
        return {}
    lineup = GroupComparison(groups, margin, settled)
    last = settled[-1]
    family = Family(questions.family(ladder), len(last.seeds), last.share, lineup.margin)
    return stopping.outlooks(lineup.looks(lineup.scores), family, lineup.find_each)
