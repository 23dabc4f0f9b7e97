"""When a climb looks at its results, and what was to be seen then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convladder.results import migrations, planned_looks
from convladder.results.planned_looks import PlannedLook

RUNGS = ("a", "b", "c")
SEEDS = tuple(range(12))


def plan(*counts: int) -> list[PlannedLook]:
    return planned_looks.plan(counts, SEEDS, RUNGS, 5)


def counts_of(looks: list[PlannedLook]) -> list[int]:
    return [len(look.seeds) for look in looks]


def test_a_new_climb_begins_with_all_rungs_and_decides_the_rest_later() -> None:
    looks = plan(3, 5, 8)
    assert counts_of(looks) == [3, 5, 8]
    assert [look.rungs for look in looks] == [RUNGS, None, None]
    assert all(look.planned and 0 < look.share < 1 for look in looks)
    assert planned_looks.undecided(looks) == 1


def test_one_look_keeps_a_part_back_for_others() -> None:
    (look,) = plan(5)
    assert look.share == pytest.approx(0.85)
    assert planned_looks.undecided([look]) is None


def test_more_seeds_for_all_are_a_look_that_was_not_planned() -> None:
    looks = planned_looks.give_all(plan(5), SEEDS[:8], RUNGS)
    again = planned_looks.give_all(looks, SEEDS, RUNGS)
    assert counts_of(again) == [5, 8, 12]
    assert [look.share for look in again] == pytest.approx([0.85, 0.075, 0.0375])
    assert [look.planned for look in again] == [True, False, False]
    assert again[-1].rungs == RUNGS


def test_fewer_or_as_many_seeds_change_nothing() -> None:
    looks = plan(5)
    assert planned_looks.give_all(looks, SEEDS[:3], RUNGS) == looks
    assert planned_looks.give_all(looks, SEEDS[:5], RUNGS) == looks


def test_a_look_that_was_planned_costs_no_more_where_all_rungs_come_to_it() -> None:
    looks = plan(3, 5, 8)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ())
    given = planned_looks.give_all(looks, SEEDS[:8], RUNGS)
    assert counts_of(given) == [3, 5, 8]
    assert [look.rungs for look in given] == [RUNGS, (), RUNGS]
    assert [look.share for look in given] == [look.share for look in looks]


def test_a_look_between_others_stands_where_its_seeds_belong() -> None:
    given = planned_looks.give_all(plan(3, 8), SEEDS[:5], RUNGS)
    assert counts_of(given) == [3, 5, 8]
    assert [look.planned for look in given] == [True, False, True]


def test_other_seeds_are_added_to_those_that_were_there() -> None:
    given = planned_looks.give_all(planned_looks.plan([2], (0, 1), RUNGS, 5), (7, 8, 9), RUNGS)
    assert given[-1].seeds == (0, 1, 7, 8, 9)


def test_seeds_that_only_some_rungs_have_are_none_of_a_look_of_all() -> None:
    looks = plan(2, 3, 8)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    given = planned_looks.give_all(looks, (100, 101), RUNGS)
    assert given[-1].seeds == (0, 1, 100, 101)


def test_rungs_keep_the_seeds_of_the_last_look_that_they_came_to() -> None:
    looks = plan(2, 3, 4)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    assert planned_looks.seeds_by_rung(looks) == {"a": (0, 1, 2), "b": (0, 1), "c": (0, 1, 2)}
    looks[2] = PlannedLook(looks[2].seeds, looks[2].share, ())
    assert planned_looks.undecided(looks) is None


def seen(looks: list[PlannedLook], **seeds: list[int]) -> list[Any]:
    tables = {rung: np.array([[seed % 2 == 0] * 4 for seed in own]) for rung, own in seeds.items()}
    return [
        ({rung: len(table) for rung, table in look.rungs.items()}, set(look.asked))
        for look in planned_looks.as_seen(looks, tables, seeds)
    ]


def test_what_was_seen_at_a_look_are_the_seeds_of_then() -> None:
    looks = plan(2, 3)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    found = seen(looks, a=[0, 1, 2], b=[0, 1], c=[0, 1, 2])
    assert found == [
        ({"a": 2, "b": 2, "c": 2}, {"a", "b", "c"}),
        ({"a": 3, "b": 2, "c": 3}, {"a", "c"}),
    ]


def test_seeds_of_a_later_command_do_not_change_what_an_earlier_look_has_shown() -> None:
    looks = plan(2, 3)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    given = planned_looks.give_all(looks, SEEDS[:5], RUNGS)
    found = seen(given, a=[0, 1, 2, 3, 4], b=[0, 1, 2, 3, 4], c=[0, 1, 2, 3, 4])
    assert found[:2] == seen(looks, a=[0, 1, 2], b=[0, 1], c=[0, 1, 2])
    assert found[2] == ({"a": 5, "b": 5, "c": 5}, {"a", "b", "c"})


def test_a_look_at_which_nothing_is_finished_yet_asks_nothing() -> None:
    looks = plan(2, 3)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    assert len(seen(looks, a=[0, 1], b=[0, 1], c=[0, 1])) == 1
    (_, (_, asked)) = seen(looks, a=[0, 1, 2], b=[0, 1], c=[0, 1])
    assert asked == {"a"}


def test_looks_are_read_as_they_are_written() -> None:
    looks = plan(3, 5)
    assert planned_looks.from_json([look.to_json() for look in looks]) == looks


def test_a_climb_from_before_there_were_looks_has_had_those_that_it_tells_of() -> None:
    trials = [[rung, seed, None] for rung in RUNGS for seed in range(5)]
    about = {"format": 1, "trials": trials, "seen_with": [3]}
    current = migrations.STEPS[1](about)
    looks = planned_looks.from_json(current["looks"])
    assert counts_of(looks) == [3, 5]
    assert [look.share for look in looks] == pytest.approx([0.85, 0.075])
    assert {look.rungs for look in looks} == {RUNGS}
    assert "seen_with" not in current


def test_what_is_no_climb_has_no_looks() -> None:
    assert "looks" not in migrations.STEPS[1]({"format": 1, "trials": 30})


def test_a_look_that_time_cut_short_is_at_what_all_its_rungs_have_finished() -> None:
    looks = plan(2, 5, 8)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    cut = planned_looks.cut_short(looks, lambda rung, seed: seed < (3 if rung == "a" else 4))
    assert [(look.seeds, look.rungs) for look in cut] == [((0, 1), RUNGS), ((0, 1, 2), ("a", "c"))]
    assert cut[1].share == looks[-1].share
    assert planned_looks.cut_short(looks, lambda rung, seed: seed < 2) == looks[:1]


def test_a_first_look_that_time_cut_short_spends_all_that_was_planned() -> None:
    (look,) = planned_looks.cut_short(plan(3, 5), lambda rung, seed: seed < 2)
    assert (look.seeds, look.share) == ((0, 1), pytest.approx(0.85))


def test_looks_are_planned_anew_where_time_is_for_fewer() -> None:
    looks = planned_looks.replan(plan(3, 5, 8, 12), [3, 5], 5)
    assert looks == planned_looks.plan([3, 5], SEEDS, RUNGS, 5)


def test_a_look_that_was_not_planned_keeps_its_share_where_time_cuts_it_short() -> None:
    looks = planned_looks.extend(planned_looks.extend(plan(3), SEEDS[:5]), SEEDS[:8])
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, RUNGS, planned=False)
    cut = planned_looks.cut_short(looks, lambda rung, seed: seed < 4)
    assert [len(look.seeds) for look in cut] == [3, 4]
    assert cut[1].share == looks[1].share


def test_the_last_decision_is_open_again_until_something_has_come_of_it() -> None:
    looks = plan(2, 3, 4)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ("a", "c"))
    assert planned_looks.reopen(looks, lambda rung, seed: False)[1].rungs is None
    assert planned_looks.reopen(looks, lambda rung, seed: (rung, seed) == ("c", 2)) == looks
    ended = [looks[0], PlannedLook(looks[1].seeds, looks[1].share, ()), looks[2]]
    assert planned_looks.reopen(ended, lambda rung, seed: True)[1].rungs is None
    assert planned_looks.reopen(plan(3), lambda rung, seed: False) == plan(3)


def test_time_that_is_up_gives_nothing_to_a_look_that_was_held() -> None:
    looks = plan(3, 5, 8)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ())
    assert planned_looks.cut_short(looks, lambda rung, seed: True) == looks[:1]


def test_a_look_with_the_seeds_of_a_planned_one_is_that_one() -> None:
    looks = plan(3, 5, 8)
    looks[1] = PlannedLook(looks[1].seeds, looks[1].share, ())
    given = planned_looks.give_all(looks, (3, 4), RUNGS)
    assert counts_of(given) == [3, 5, 8]
    assert given[1].rungs == RUNGS
    assert all(look.planned for look in given)
