"""What simulates claims runs through, and tells ways to judge apart."""

from __future__ import annotations

import pytest

from claims import curve_claims, false_claims, fold_claims, threshold_claims
from folded_ladders import LEARNERS


def test_every_way_to_judge_a_climb_has_a_row() -> None:
    setting = false_claims.Setting("270 images, accuracy 0.97", seeds=5, points=0.5)
    rows = false_claims.measure([setting], false_claims.WAYS, climbs=4)
    assert [row.way for row in rows] == list(false_claims.WAYS)
    assert all(0 <= share <= 1 for row in rows for share in row.shares)
    finds = {row.way: row.shares[-1] for row in rows}
    assert finds["ours"] > finds["before"] + 0.3


def test_gains_are_at_every_second_step() -> None:
    setting = false_claims.Setting("270 images, accuracy 0.97", seeds=2, points=0.5)
    rungs = setting.draw(false_claims.np.random.default_rng(0))
    gained = false_claims.with_gains(rungs, 0.1)
    steps = [
        gained[left].mean() - gained[right].mean() - rungs[left].mean() + rungs[right].mean()
        for left, right in false_claims.STEPS
    ]
    assert steps == pytest.approx([0.1, 0] * 4)


@pytest.mark.parametrize("kind", false_claims.SETTINGS)
def test_settings_can_be_drawn(kind: str) -> None:
    for setting in false_claims.SETTINGS[kind]():
        if setting.seeds < 4 and "10,000" not in setting.data:
            drawn = setting.draw(false_claims.np.random.default_rng(0))
            assert len(drawn) == false_claims.RUNGS


def test_every_way_to_judge_folds_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    fold_claims.measure(LEARNERS["linear, own features"], 5, climbs=2, images=60)
    told = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[2] for line in told] == 2 * ["plain", "published", "ours", "no"]


@pytest.mark.parametrize("kind", [*threshold_claims.KINDS, threshold_claims.HARDEST])
def test_every_way_to_choose_a_threshold_has_a_row(kind: str) -> None:
    rows = list(threshold_claims.measure(kind, images=200, networks=4))
    named = [(wanted, way) for wanted in threshold_claims.WANTED for way in threshold_claims.WAYS]
    assert [(row.wanted, row.way) for row in rows] == named
    assert all(0 <= row.below <= row.given <= 1 for row in rows)
    assert all(0 <= row.covers <= row.given for row in rows)


@pytest.mark.parametrize("kind", threshold_claims.KINDS)
def test_scores_are_drawn_with_the_accuracy_that_is_taken_as_known(kind: str) -> None:
    scores = threshold_claims.KINDS[kind]
    probabilities, labels = scores.draw(threshold_claims.np.random.default_rng(0), 20_000)
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    assert accuracy == pytest.approx(scores.others[1].mean(), abs=0.015)


@pytest.mark.parametrize("size", curve_claims.SIZES[2:4])
@pytest.mark.parametrize("kind", ["area 0.83", "area 0.97", "some others are hard"])
def test_bands_of_curves_hold_the_truth(kind: str, size: curve_claims.Size) -> None:
    """Fewer than 44 of 50 bands hold in 1 of 200 cases if 95 of 100 do."""
    found = curve_claims.measure(curve_claims.Case(curve_claims.RUNGS[kind], size), rungs=50)
    assert {*found} == {"ROC", "precision-recall", "areas"}
    for shares in found.values():
        assert curve_claims.np.nanmean(shares) >= 0.88


def test_the_bootstrap_is_compared_on_the_same_points() -> None:
    case = curve_claims.Case(curve_claims.RUNGS["area 0.83"], curve_claims.SIZES[2])
    found = curve_claims.measure(case, rungs=3, draws=20)
    assert len(found["images"]) == len(found["both"]) == len(curve_claims.FALSE)


@pytest.mark.parametrize("kind", curve_claims.RUNGS)
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_true_curve_is_that_of_many_images_and_seeds(kind: str, seeds: int) -> None:
    rungs, images, near = (1, 40_000, 0.02) if seeds == 1 else (40, 4000, 0.06)
    size = curve_claims.Size(seeds, images, images)
    case = curve_claims.Case(curve_claims.RUNGS[kind], size)
    draw = curve_claims.np.random.default_rng(0)
    drawn = [case.draw(draw) for _ in range(rungs)]
    false = curve_claims.np.array(curve_claims.FALSE)
    rates = curve_claims.np.mean([each.true_rates(false) for each in drawn], axis=0)
    assert rates == pytest.approx(case.true_rates, abs=near)
    areas = curve_claims.np.mean([each.areas().mean() for each in drawn])
    precisions = curve_claims.np.mean([each.precisions().mean() for each in drawn])
    assert [areas, precisions] == pytest.approx(list(case.areas), abs=near)
