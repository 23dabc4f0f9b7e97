"""Looks at results that grow: what each may spend, and what they come to together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from convladder.evaluation import looks, statistics
from convladder.evaluation.differences import Difference, Finding, Verdict, find, judge
from convladder.evaluation.looks import Look, Seen, find_each, further_share, over_looks
from convladder.evaluation.mixture import of_parts
from convladder.evaluation.multiplicity import ALPHA, PLANNED
from simulated_ladders import Population

PATHS = 200_000


def finding(difference: float, error: float = 1.0, seeds: int = 5) -> Finding:
    """Return what a difference with a normal error shows."""
    return replace(find(difference, of_parts(error**2)), seeds=seeds)


def called(counts: list[int], family: int, level: float, images: float = 0.0) -> float:
    """Return the share of paths without an effect that any look calls.

    images : the variance that all looks share, as a multiple of that of one seed.
    """
    draw = np.random.default_rng(3)
    shared = np.sqrt(images) * draw.normal(size=PATHS)
    total, before, any_called = np.zeros(PATHS), 0, np.zeros(PATHS, bool)
    for count, share in zip(counts, looks.planned_shares(counts, family), strict=True):
        total += np.sqrt(count - before) * draw.normal(size=PATHS)
        before = count
        z = (shared + total / count) / np.sqrt(images + 1 / count)
        any_called |= np.abs(z) > stats.norm.isf(share * level / 2)
    return float(any_called.mean())


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ([3, 5, 8, 12], [0.246, 0.215, 0.319, 0.453]),
        ([3, 5, 8, 12, 20], [0.148, 0.125, 0.186, 0.265, 0.493]),
        ([3, 5, 8], [0.369, 0.328, 0.489]),
    ],
)
def test_shares_are_those_of_another_program(counts: list[int], published: list[float]) -> None:
    shares = looks.planned_shares(counts, 8)
    assert shares == pytest.approx([0.85 * share for share in published], abs=0.008)


@pytest.mark.parametrize("family", [1, 15])
@pytest.mark.parametrize("counts", [[3, 5, 8, 12], [3, 5, 8, 12, 20], [2, 30]])
def test_planned_looks_spend_what_is_not_kept_back(counts: list[int], family: int) -> None:
    level = ALPHA / family
    error = np.sqrt(level / PATHS)
    assert called(counts, family, level) == pytest.approx(0.85 * level, abs=3 * error)


def test_the_first_look_spends_what_its_seeds_are_of_all() -> None:
    assert looks.planned_shares([3, 5, 8, 12], 15)[0] == pytest.approx(0.85 * 3 / 12, rel=1e-3)


@pytest.mark.parametrize("images", [0.0, 0.1, 1.0])
def test_they_spend_no_more_where_holm_asks_for_less_or_images_are_shared(images: float) -> None:
    """Of a family of fifteen all but one may be called: then the last is asked at 5 %."""
    assert called([3, 5, 8, 12], 15, ALPHA, images) <= 0.85 * ALPHA


def test_looks_that_nobody_planned_spend_less_than_was_kept_back() -> None:
    shares = [further_share(number) for number in range(1, 40)]
    assert sum(shares) < 1 - PLANNED + 1e-12
    assert shares == sorted(shares, reverse=True)


def test_looks_must_grow() -> None:
    for counts in ([3, 3], [5, 3]):
        with pytest.raises(ValueError, match="more seeds than the last"):
            looks.planned_shares(counts, 8)


def test_one_look_that_spends_all_changes_nothing() -> None:
    once = finding(0.3, 0.1)
    found = over_looks([Seen(once, 1.0)])
    assert (found.difference, found.p_value, found.seeds) == (0.3, once.p_value, 5)
    assert found.interval(0.05) == once.interval(0.05)
    assert found.detectable(0.01) == once.detectable(0.01)
    assert found.p_equal(0.4) == once.p_equal(0.4)


def test_what_a_look_shows_is_divided_by_its_share_and_the_least_counts() -> None:
    first, last = finding(0.3, 0.1, 3), finding(0.1, 0.08, 8)
    found = over_looks([Seen(first, 0.25), Seen(last, 0.5)])
    assert found.p_value == pytest.approx(first.p_value / 0.25)
    assert (found.difference, found.seeds) == (0.1, 8)
    assert found.p_equal(0.25) == pytest.approx(last.p_equal(0.25) / 0.5)
    assert over_looks([Seen(finding(0.01), 0.1)]).p_value == 1


def test_an_interval_is_what_those_of_all_looks_have_in_common() -> None:
    first, last = finding(0.3, 0.1), finding(0.2, 0.08)
    low, high = over_looks([Seen(first, 0.25), Seen(last, 0.5)]).interval(0.05)
    assert low == pytest.approx(first.interval(0.0125)[0])
    assert high == pytest.approx(last.interval(0.025)[1])


def test_an_interval_holds_what_is_shown_and_agrees_with_the_verdict() -> None:
    draw = np.random.default_rng(0)
    verdicts = set()
    for _ in range(300):
        each = [
            over_looks(
                [Seen(finding(draw.normal(0, 0.3), 1 / k), s) for k, s in ((5, 0.3), (9, 0.6))]
            )
            for _ in range(3)
        ]
        for claim in judge(each, 3):
            assert claim.family_low is not None
            assert claim.family_high is not None
            assert claim.family_low <= claim.difference <= claim.family_high
            inside = claim.family_low < 0 < claim.family_high
            assert inside == (claim.verdict == "undecided")
            verdicts.add(claim.verdict)
    assert verdicts == {"better", "worse", "undecided"}


@pytest.mark.parametrize("after", [-0.01, 0.0])
def test_what_was_called_keeps_its_sign(after: float) -> None:
    before = finding(0.5, 0.1, 3)
    found = over_looks([Seen(before, 0.3), Seen(finding(after, 0.1, 5), 0.6)])
    assert (found.difference, found.seeds) == (0.5, 3)
    assert judge([found], 1)[0].verdict == "better"


def test_a_sign_that_nothing_was_made_of_is_that_of_the_last_look() -> None:
    found = over_looks([Seen(finding(0.05, 0.1, 3), 0.3), Seen(finding(-0.01, 0.1, 5), 0.6)])
    assert (found.difference, found.seeds) == (-0.01, 5)


def ladder(seeds: int, accuracies: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Simulate rungs of an accuracy each."""
    draw = np.random.default_rng(5)
    return {
        name: Population(accuracy, 400).draw_ladder(draw, seeds, [0.5])[0]
        for name, accuracy in zip("abc", accuracies, strict=True)
    }


def test_a_question_is_asked_only_at_looks_that_have_both_of_its_rungs() -> None:
    rungs = ladder(8, (0.9, 0.6, 0.6))
    first = {name: table[:3] for name, table in rungs.items()}
    later = first | {name: rungs[name] for name in "bc"}
    seen = [Look(first, frozenset("abc"), 0.4), Look(later, frozenset("bc"), 0.5)]
    questions = [("a", "b"), ("b", "c")]
    stopped, went_on = find_each(seen, questions, statistics.find_each)
    (alone,) = statistics.find_each(first, questions[:1])
    assert isinstance(stopped, Finding)
    assert isinstance(went_on, Finding)
    assert isinstance(alone, Finding)
    assert (stopped.seeds, went_on.seeds) == (3, 8)
    assert stopped.p_value == pytest.approx(min(1, alone.p_value / 0.4))
    last = statistics.find_each(later, questions[1:])
    assert went_on.difference == last[0].difference


def test_what_nothing_can_be_said_of_is_as_it_is_at_the_last_look() -> None:
    seen = [Look(ladder(1, (0.9, 0.6, 0.6)), frozenset("abc"), 0.4)]
    (found,) = find_each(seen, [("a", "b")], statistics.find_each)
    assert not isinstance(found, Finding)
    assert (found.verdict, found.seeds) == ("no comparison", 1)


@pytest.mark.parametrize(
    ("verdict", "difference", "fits"),
    [
        ("better", 0.02, True),
        ("better", -0.001, False),
        ("worse", -0.02, True),
        ("worse", 0.001, False),
        ("equal", 0.004, True),
        ("equal", 0.02, False),
        ("undecided", 0.2, True),
    ],
)
def test_more_seeds_move_a_difference_but_never_against_its_verdict(
    verdict: Verdict, difference: float, fits: bool
) -> None:
    found = Difference(
        0.003, -0.009, 0.01, family_low=-0.01, family_high=0.02, margin=0.01, verdict=verdict
    )
    moved = looks.with_all_seeds(found, difference)
    if not fits:
        assert moved == found
        return
    assert moved.difference == difference
    assert (moved.low, moved.high) == (min(-0.009, difference), max(0.01, difference))
    assert (moved.family_low, moved.family_high) == (min(-0.01, difference), max(0.02, difference))
