"""Which questions are worth more seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from convladder.evaluation import statistics
from convladder.evaluation.components import Correct
from convladder.evaluation.differences import Finding, find
from convladder.evaluation.looks import Look, Question, planned_shares
from convladder.evaluation.mixture import of_parts
from convladder.evaluation.prospects import Variance
from convladder.evaluation.stopping import Family, Outlook, going_on, outlooks
from simulated_ladders import simulate

SHARES = planned_shares([3, 5, 8, 12], 3)
ASKED = ("a", "b")


def table(
    accuracy: float, *, points: float = 0.0, images: int = 1000, odd: int = 0, seeds: int = 3
) -> Correct:
    """Make a table whose seeds err on almost the same images.

    points : by which each seed differs from the next. odd : images, of a rung's own, of which each
        rung is right on other ones.
    """
    right = (
        np.arange(images)
        < np.round(images * (accuracy + points / 100 * (np.arange(seeds) - (seeds - 1) / 2)))[
            :, np.newaxis
        ]
    )
    right[:, : 2 * odd] = np.arange(2 * odd) < odd
    return right


def ask(
    left: Correct, right: Correct, margin: float | None = None, asked: Sequence[str] = ASKED
) -> Outlook:
    """Return what is to be expected of two rungs after a first look."""
    family = Family([ASKED], 12, SHARES[-1], margin)
    seen = [Look({"a": left, "b": right}, frozenset(asked), SHARES[0])]
    return outlooks(seen, family, statistics.find_each)[ASKED]


def mirrored(rung: Correct, odd: int) -> Correct:
    """Return the rung with its odd images the other way round."""
    return np.concatenate([~rung[:, : 2 * odd], rung[:, 2 * odd :]], axis=1)


def test_what_was_called_is_decided() -> None:
    assert ask(table(0.9, points=0.5), table(0.6, points=0.5)) == "decided"


def test_what_was_called_equal_is_decided() -> None:
    close = table(0.9, points=0.1), table(0.9, points=0.1)
    assert ask(*close, margin=0.05) == "decided"
    assert ask(*close) != "decided"


def test_what_more_seeds_may_well_decide_is_open() -> None:
    assert ask(table(0.92, points=1.0), table(0.9, points=1.0)) == "open"


def test_what_the_seeds_that_are_planned_leave_undecided_is_too_close() -> None:
    assert ask(table(0.905, points=2.0), table(0.9, points=2.0)) == "too close"


def test_what_is_uncertain_by_its_images_alone_no_seeds_decide() -> None:
    left = table(0.9, points=0.1, odd=100)
    right = mirrored(table(0.895, points=0.1, odd=100), 100)
    assert ask(left, right) == "seeds cannot help"


def test_what_seeds_may_call_equal_is_open() -> None:
    rungs = table(0.9, points=2.0), table(0.9, points=2.0)
    assert ask(*rungs) != "open"
    assert ask(*rungs, margin=0.03) == "open"


@pytest.mark.parametrize("asked", [[], ["a"]])
def test_a_question_that_was_never_asked_has_stopped(asked: list[str]) -> None:
    assert ask(table(0.9), table(0.6), asked=asked) == "stopped"


def test_a_question_whose_rung_got_no_more_seeds_has_stopped_unless_it_was_decided() -> None:
    few = {"a": table(0.9, points=1), "b": table(0.91, points=1), "c": table(0.5, points=1)}
    more = few | {name: table(0.9, points=1, seeds=5) for name in "ab"}
    questions = [("a", "b"), ("b", "c"), ("a", "c")]
    seen = [Look(few, frozenset("abc"), SHARES[0]), Look(more, frozenset("ab"), SHARES[1])]
    found = outlooks(seen, Family(questions, 12, SHARES[-1]), statistics.find_each)
    assert found["b", "c"] == found["a", "c"] == "decided"
    close = {name: table(0.9 + 0.01 * number, points=1) for number, name in enumerate("abc")}
    seen = [Look(close, frozenset("abc"), SHARES[0]), Look(close, frozenset("ab"), SHARES[1])]
    found = outlooks(seen, Family(questions, 12, SHARES[-1]), statistics.find_each)
    assert found["b", "c"] == found["a", "c"] == "stopped"
    assert found["a", "b"] != "stopped"


def test_rungs_go_on_of_which_a_question_is_open() -> None:
    found: Mapping[Question, Outlook] = {
        ("a", "b"): "decided",
        ("b", "c"): "open",
        ("c", "d"): "too close",
        ("d", "e"): "seeds cannot help",
        ("e", "f"): "stopped",
    }
    assert going_on(found) == {"b", "c"}
    assert going_on({("a", "b"): "decided"}) == frozenset()


def test_the_fewer_questions_are_left_the_more_may_be_decided() -> None:
    """What Holm's procedure leaves to the last question is more than it leaves to one of ten."""
    rungs = {"a": table(0.92, points=2.4), "b": table(0.9, points=2.4)}
    others = [(str(number), "b") for number in range(30)]
    seen = [Look(rungs, frozenset("ab"), SHARES[0])]
    alone = outlooks(seen, Family([ASKED], 12, SHARES[-1]), statistics.find_each)
    of_many = outlooks(seen, Family([ASKED, *others], 12, SHARES[-1]), statistics.find_each)
    assert (alone[ASKED], of_many[ASKED]) == ("open", "too close")


def test_equality_is_a_family_of_its_own_which_called_differences_leave_as_it_was() -> None:
    """At the last look nothing is open: what it did not decide, these looks do not."""
    variance = Variance(0.0, 12e-4, 1e-4, 1000, 12)
    shown = {(str(number), "b"): 0.9 for number in range(8)} | {ASKED: 0.0}
    seen = [Look(dict.fromkeys("ab01234567", table(0.9)), frozenset("ab01234567"), 0.85)]
    found = outlooks(
        seen,
        Family(list(shown), 12, 0.85, margin=0.022),
        lambda rungs, questions: [
            replace(find(shown[each], of_parts(1e-4)), variance=variance) for each in questions
        ],
    )
    assert found.pop(ASKED) == "too close"
    assert set(found.values()) == {"decided"}


def test_where_seeds_are_all_that_varies_ever_more_of_them_decide() -> None:
    """Then no variance is left with ever more seeds."""
    draw = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        rungs = [
            simulate(draw, 3, 0.97, spread=0.1, difficulty=draw.normal(0, 1.5, 60), own=0)
            for _ in range(2)
        ]
        (found,) = statistics.find_each(dict(zip(ASKED, rungs, strict=True)), [ASKED])
        assert isinstance(found, Finding)
        assert found.variance is not None
        outcomes.add(found.variance.of_images == 0)
        assert ask(*rungs) in ("open", "too close", "seeds cannot help")
    assert outcomes == {True, False}
