"""What a live page knows: curves, ends, failures, and how long the rest takes."""

from __future__ import annotations

from typing import Any

import pytest

from convladder.core.tasks import (
    Failed,
    Finished,
    Halted,
    Message,
    Notice,
    Overdue,
    Started,
    Stopping,
    Validated,
    WarningText,
)
from convladder.report.live.course import MOST_LINES, Course, Ended
from convladder.report.live.running import MOST_POINTS, Curve
from convladder.results.folders import TrialKey

A, B, C = (TrialKey("lenet5", seed) for seed in range(3))


class Clock:
    """A clock that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def row(epoch: int, epochs: int = 10, seconds: float = 1.0) -> dict[str, Any]:
    figures = {"epoch": epoch, "epochs": epochs, "train_seconds": seconds}
    return {**figures, "val_accuracy": 0.5, "kept": 0.6}


def followed(course: Course, *events: Any) -> Course:
    for event in events:
        course.follow(event)
    return course


def test_a_curve_keeps_its_ends_and_a_bounded_number_of_points() -> None:
    curve = Curve()
    for epoch in range(1, 5001):
        curve.add(row(epoch))
        assert len(curve.rows) <= MOST_POINTS + 1
    epochs = [each["epoch"] for each in curve.rows]
    assert (epochs[0], epochs[-1]) == (1, 5000)
    assert epochs == sorted(set(epochs))
    assert len(epochs) > MOST_POINTS / 3


def test_a_trial_that_resumes_has_the_epochs_before() -> None:
    course = Course(lambda key: [row(epoch) for epoch in range(1, 6)])
    followed(course, Started(A), Message(A, row(4)))
    assert [each["epoch"] for each in course.running[A].curve.rows] == [1, 2, 3, 4]


def test_what_ends_is_told_with_what_it_came_to() -> None:
    course = followed(
        Course(),
        Started(A), Message(A, row(3)), Halted(A),
        Started(B), Finished(B, Validated(0.9, "accuracy")),
        Started(C), Finished(C, "the loss was not a number"),
    )  # fmt: skip
    assert course.ended == {A: Ended(0.6, False), B: Ended(0.9, True), C: Ended(None, True)}
    assert course.running == {}
    assert [line.text for line in course.lines] == [
        "lenet5, seed 0: ended after epoch 3, at 0.600 on validation, 0 s",
        "lenet5, seed 1: validation accuracy 0.900, 0 s",
        "lenet5, seed 2: cannot be trained: the loss was not a number, 0 s",
    ]


def test_a_failure_stays_until_the_trial_ends_well() -> None:
    course = followed(Course(), Started(A), Failed(A, "no memory", "details"))
    assert course.failed == {A: "no memory"}
    followed(course, Started(A), Finished(A, Validated(0.9, "accuracy")))
    assert course.failed == {}


def test_warnings_are_marked_and_the_last_lines_kept() -> None:
    course = followed(
        Course(),
        Message(A, "resumes after 2 epochs"),
        Message(A, WarningText("damaged checkpoints")),
        Notice("After 3 seeds: nothing", warns=False),
        Stopping(),
        Overdue(A),
    )
    assert [line.warns for line in course.lines] == [False, True, False, False, True]
    for number in range(20):
        course.follow(Notice(str(number)))
    assert len(course.lines) == MOST_LINES


def test_time_left_is_that_of_trials_like_those_so_far() -> None:
    clock = Clock()
    course = Course(clock=clock)
    course.expect({A: 1.0, B: 1.0, C: 2.0})
    followed(course, Started(A))
    assert course.seconds_left is None
    for epoch in range(1, 11):
        clock.now = 2.0 * epoch
        course.follow(Message(A, row(epoch, seconds=2.0)))
    clock.now = 25.0  # 5 seconds beside its epochs
    course.follow(Finished(A, Validated(0.9, "accuracy")))
    assert course.seconds_left == pytest.approx((20 + 5) + (2 * 20 + 5))


def test_time_left_allows_for_what_is_trained_at_once_and_for_what_ends_early() -> None:
    clock = Clock()
    course = Course(clock=clock)
    course.expect({A: 1.0, B: 1.0, C: 1.0})
    followed(course, Started(A), Started(B))
    for epoch in range(1, 6):
        clock.now += 2.0
        followed(course, Message(A, row(epoch, seconds=2.0)), Message(B, row(epoch, seconds=2.0)))
    assert course.seconds_left == pytest.approx((20 + 2 * 10) / 2)
    followed(course, Halted(A), Halted(B))  # after half of their epochs
    assert course.seconds_left == pytest.approx(10 / 2)


def test_the_test_after_a_search_is_timed_by_itself() -> None:
    clock = Clock()
    course = Course(clock=clock)
    course.expect({A: 1.0})
    followed(course, Started(A), Message(A, row(10, seconds=60.0)))
    clock.now = 60.0
    course.follow(Finished(A, Validated(0.9, "accuracy")))
    first, second = TrialKey("tuned", 0), TrialKey("tuned", 1)
    course.expect({first: 5e6, second: 5e6})
    course.follow(Started(first))
    assert course.seconds_left is None, "candidates say nothing of it: their work has no FLOPs"
    clock.now = 70.0
    course.follow(Message(first, row(5, seconds=10.0)))
    assert course.seconds_left == pytest.approx((5 + 10) * 10.0)
    course.expect({TrialKey("tuned", 2): 5e6})
    clock.now = 80.0
    assert course.seconds_left is not None, "more seeds of a rung take as long as the first"


def test_a_limit_of_time_is_the_most_that_is_left() -> None:
    clock = Clock()
    course = Course(clock=clock)
    course.expect({}, seconds=60.0)
    clock.now = 20.0
    assert course.seconds_left == pytest.approx(40.0)
    course.expect({A: 1.0, B: 1.0}, seconds=12.0)
    followed(course, Started(A))
    clock.now = 30.0
    course.follow(Message(A, row(1, seconds=10.0)))
    assert course.seconds_left == pytest.approx(2.0)
