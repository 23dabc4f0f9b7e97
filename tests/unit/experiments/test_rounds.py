"""Tasks that come in rounds."""

from __future__ import annotations

from convladder.core.lanes import Pending
from convladder.core.tasks import Failed, Finished, Message, Stopping, Task
from convladder.experiments.rounds import Rounds


def task(key: str | None) -> Task:
    return Task(key, print)


def test_a_round_ends_with_the_last_of_its_tasks() -> None:
    rounds = Rounds(most=3)
    rounds.begin([task(None), task("a"), task("b")])
    assert not rounds.has_ended(Finished(None, None))
    assert not rounds.has_ended(Message("a", "said"))
    assert not rounds.has_ended(Failed("a", "no memory", ""))
    assert not rounds.has_ended(Finished("a", None))  # told of twice
    assert rounds.has_ended(Finished("b", None))


def test_between_rounds_there_is_nothing_yet() -> None:
    rounds = Rounds(most=3)
    tasks = iter(rounds)
    rounds.begin([task("a")])
    assert next(tasks) == task("a")
    assert next(tasks) is None
    rounds.begin([task("b")])
    assert next(tasks) == task("b")
    rounds.begin([])
    assert list(tasks) == []


def test_after_a_signal_no_round_follows() -> None:
    rounds = Rounds(most=3)
    rounds.begin([task("a")])
    assert not rounds.has_ended(Stopping())
    assert not rounds.has_ended(Finished("a", None))
    assert [each and each.key for each in rounds] == ["a"]


def test_who_waits_for_a_task_takes_one_that_was_given_back() -> None:
    rounds = Rounds(most=3)
    rounds.begin([task("a")])
    pending = Pending(rounds)
    taken = pending.take()
    assert taken is not None
    pending.give_back(taken)
    assert pending.take() == taken
    assert not pending.is_over


def test_who_waits_is_let_go_where_no_task_will_come() -> None:
    pending = Pending(Rounds(most=3))
    pending.close()
    assert pending.take() is None
