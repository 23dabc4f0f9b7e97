"""After a look at a climb: which rungs go on, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import convladder as cl
from convladder.core import files
from convladder.core.ladder import load_ladder
from convladder.evaluation import looks, statistics
from convladder.evaluation.differences import Finding
from convladder.evaluation.multiplicity import ALPHA, PLANNED
from convladder.experiments import looking
from convladder.results import planned_looks
from convladder.results.folders import TrialKey
from convladder.results.planned_looks import PlannedLook
from made_runs import make_climb, share_right

RUNGS = ("lenet5", "max-pooling", "same-padding")
LADDER = load_ladder("classic").part(RUNGS)
IMAGES = 3000


def results(shares: dict[str, float], seeds: int) -> dict[TrialKey, NDArray[np.bool_]]:
    """Return for each trial which images are right: each rung has a draw of its own."""
    return {
        TrialKey(rung, seed): share_right(share, IMAGES, 100 * RUNGS.index(rung) + seed)
        for rung, share in shares.items()
        for seed in range(seeds)
    }


def decide(
    folder: Path, right: dict[TrialKey, NDArray[np.bool_]], missing: tuple[TrialKey, ...] = ()
) -> tuple[list[PlannedLook], str]:
    planned = planned_looks.plan([3, 5, 8, 12], tuple(range(12)), RUNGS, 3)
    climb = make_climb(folder, right, LADDER)
    return looking.decide(LADDER, climb, planned, [*right, *missing], None)


def test_rungs_without_an_open_question_get_no_more_seeds(tmp_path: Path) -> None:
    """The second is far better than the first; the third is a little better than the second."""
    right = results({"lenet5": 0.6, "max-pooling": 0.9, "same-padding": 0.912}, 3)
    decided, said = decide(tmp_path, right)
    assert decided[1].rungs == ("max-pooling", "same-padding")
    assert [look.rungs for look in decided[2:]] == [None, None]
    assert said == (
        "After 3 seeds: 2 of 3 comparisons decided; 1 open. Next: 5 seeds for max-pooling, "
        "same-padding."
    )


def test_a_climb_ends_where_all_is_decided(tmp_path: Path) -> None:
    decided, said = decide(tmp_path, results(dict(zip(RUNGS, (0.6, 0.75, 0.9), strict=True)), 3))
    assert decided[1].rungs == ()
    assert planned_looks.undecided(decided) is None
    assert said == "After 3 seeds: 3 of 3 comparisons decided. Next: nothing, the climb ends."


def test_a_climb_ends_where_more_seeds_would_decide_nothing(tmp_path: Path) -> None:
    same = {seed: share_right(0.8, IMAGES, seed) for seed in range(3)}
    right = {TrialKey(rung, seed): same[seed] for rung in RUNGS for seed in range(3)}
    decided, said = decide(tmp_path, right)
    assert decided[1].rungs == ()
    assert "0 of 3 comparisons decided" in said
    assert said.endswith("Next: nothing, the climb ends.")


def test_a_rung_of_which_a_trial_failed_goes_on_with_the_others(tmp_path: Path) -> None:
    right = results({"lenet5": 0.6, "max-pooling": 0.9, "same-padding": 0.912}, 3)
    failed = TrialKey("same-padding", 2)
    del right[failed]
    decided, _ = decide(tmp_path, right, missing=(failed,))
    assert "same-padding" in (decided[1].rungs or ())


def test_a_rung_with_a_single_seed_gets_no_more(tmp_path: Path) -> None:
    right = results({"lenet5": 0.6, "max-pooling": 0.9, "same-padding": 0.912}, 3)
    failed = tuple(TrialKey("same-padding", seed) for seed in (1, 2))
    for key in failed:
        del right[key]
    decided, said = decide(tmp_path, right, missing=failed)
    assert decided[1].rungs == ()
    assert "2 given up before, or without two seeds" in said


def test_where_nothing_is_finished_nothing_goes_on(tmp_path: Path) -> None:
    planned = planned_looks.plan([3, 5], tuple(range(5)), RUNGS, 3)
    decided, _ = looking.decide(LADDER, tmp_path, planned, [TrialKey("lenet5", 0)], None)
    assert decided[1].rungs == ()


@pytest.fixture
def called_early(tmp_path: Path) -> cl.Climb:
    """A climb whose second rung was called after three seeds; the third got five."""
    right = results({"lenet5": 0.6, "max-pooling": 0.9, "same-padding": 0.9}, 5)
    for seed in (3, 4):
        del right[TrialKey("lenet5", seed)]
    climb = make_climb(tmp_path / "climb", right, LADDER)
    planned = planned_looks.plan([3, 5], tuple(range(5)), RUNGS, 3)
    planned[1] = PlannedLook(planned[1].seeds, planned[1].share, RUNGS[1:])
    about = files.read_json(climb / "climb.json") | {"format": 2}
    about |= {"looks": [look.to_json() for look in planned]}
    about |= {"seconds": 0.0, "time_is_up": False, "fits_time": False}
    about["data"] |= {"bank": "", "bank_version": 0}
    about["environment"] |= {"backend": "tensorflow"}
    files.write_json(climb / "climb.json", about)
    return cl.Climb(climb)


def test_a_comparison_is_of_the_seeds_that_both_rungs_had(called_early: cl.Climb) -> None:
    found = {claim.name: claim.difference for claim in called_early.against_parent}
    assert found["max-pooling"].seeds == 3
    assert found["same-padding"].seeds == 5
    tables = called_early.lineup.correct
    first = tables["max-pooling"][:3].mean() - tables["lenet5"].mean()
    (question,) = looks.find_each(
        called_early.lineup.looks(tables), [("max-pooling", "lenet5")], statistics.find_each
    )
    assert isinstance(question, Finding)
    assert question.difference == pytest.approx(first)


def test_the_difference_that_is_shown_is_of_all_seeds_as_the_accuracies_are(
    called_early: cl.Climb,
) -> None:
    (claim,) = [each for each in called_early.against_parent if each.name == "max-pooling"]
    own, other = called_early.standings["max-pooling"], called_early.standings["lenet5"]
    assert (own.estimate.seeds, other.estimate.seeds) == (5, 3)
    found = claim.difference
    assert found.difference == pytest.approx(own.estimate.mean - other.estimate.mean)
    assert found.family_low is not None
    assert found.family_high is not None
    assert found.family_low <= found.difference <= found.family_high


def test_the_page_tells_of_the_looks(called_early: cl.Climb) -> None:
    page = called_early.report().read_text(encoding="utf-8")
    assert "The climb looked at its results with 3, 5 seeds." in page
    assert called_early.looked == [3, 5]
    assert called_early.missing == 0


def test_an_undecided_difference_says_what_would_decide_it(called_early: cl.Climb) -> None:
    (found,) = [
        claim.difference for claim in called_early.against_parent if claim.name == "same-padding"
    ]
    assert found.verdict == "undecided"
    said = called_early.reading("same-padding")
    for needed, of_what in ((found.seeds_needed, "seeds"), (found.images_needed, "test images")):
        assert (f"{needed:,} {of_what}" in said) == (needed is not None) if needed else True


def test_looks_that_were_not_planned_are_told(called_early: cl.Climb) -> None:
    assert "not planned" not in called_early.headline()
    path = called_early.folder / "climb.json"
    about = files.read_json(path)
    about["looks"][1] |= {"planned": False, "share": 0.075}
    files.write_json(path, about)
    assert "Looks with 5 seeds were not planned" in cl.Climb(called_early.folder).headline()


def test_what_a_difference_needs_is_of_the_difference_that_is_shown(
    called_early: cl.Climb,
) -> None:
    (claim,) = [each for each in called_early.against_parent if each.name == "same-padding"]
    pair = (claim.name, claim.reference)
    tables = called_early.lineup.correct
    (found,) = looks.find_each(called_early.lineup.looks(tables), [pair], statistics.find_each)
    assert isinstance(found, Finding)
    assert found.variance is not None
    level = PLANNED * ALPHA / len(called_early.questions)
    shown = claim.difference.difference
    assert claim.difference.seeds_needed == found.variance.seeds_for(shown, level)
    assert claim.difference.images_needed == found.variance.images_for(shown, level)
