"""What simulates claims runs through, and tells ways to judge apart."""

from __future__ import annotations

import pytest

from claims import (
    conformal_claims,
    false_claims,
    fold_claims,
    label_errors,
    metric_claims,
    real_claims,
    threshold_claims,
)
from convladder.core.metrics import metric_named
from convladder.evaluation import predictions
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


def test_metrics_are_judged_as_the_truth_is() -> None:
    """Few climbs of small ladders: the whole is too long for a test."""
    metrics = [metric_named(name) for name in metric_claims.NAMES]
    setting = metric_claims.Setting("3 classes", (25, 50, 125), 2.0, seeds=3)
    found = metric_claims.measure(setting, metrics, climbs=12)
    assert list(found) == list(metric_claims.NAMES)
    for name, shares in found.items():
        outcome = metric_claims.Outcome(*shares)
        assert outcome.false_null <= 0.25, name
        assert outcome.covers >= 0.85, name
        assert outcome.covers_difference >= 0.9, name
    finds = {name: metric_claims.Outcome(*shares).finds for name, shares in found.items()}
    assert finds["accuracy"] > finds["recall@c0"], "a rare class says less than all images"


def test_groups_of_one_networks_seeds_are_rungs_of_which_none_is_better() -> None:
    """The answers are simulated: training is what takes long."""
    setting = metric_claims.Setting("3 classes", (60, 60, 60), 2.0, seeds=30)
    draw, labels = metric_claims.np.random.default_rng(3), setting.labels()
    (pool,) = setting.draw(draw, [setting.skill], setting.seeds, labels)
    designs = list(real_claims.designs(seeds=30))
    assert {design.rungs for design in designs} == {3, 5, 9}
    for design in designs:
        for name in ("accuracy", "brier") if design.rungs == 3 else ("accuracy",):
            row = real_claims.measure(pool, metric_named(name), design, climbs=20)
            assert row.false <= 0.2
            assert row.covers_difference > 0.9
            assert design.rungs * design.counts[0] <= row.networks
            assert row.networks <= design.rungs * design.counts[-1]


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


@pytest.mark.parametrize("kind", conformal_claims.KINDS)
def test_prediction_sets_cover_what_they_promise_on_average(kind: str) -> None:
    """But for an epoch that was chosen on the same images, which costs a point or two."""
    rows = list(conformal_claims.measure(kind, images=270, networks=40))
    named = [(wanted, way) for wanted in conformal_claims.WANTED for way in conformal_claims.WAYS]
    assert [(row.wanted, row.way) for row in rows] == named
    for row in rows:
        if row.way == "ours":
            assert row.covers >= row.wanted - (0.03 if "epochs" in kind else 0.01)
            assert row.size >= 1
    empty = [row for row in rows if row.way == "may be empty"]
    assert all(row.covers <= row.wanted + 0.015 for row in empty), "no larger than need be"


def test_chance_alone_leaves_networks_short_as_theory_has_it() -> None:
    rows = conformal_claims.measure("calibrated", images=270, networks=150)
    short = {(row.wanted, row.way): row.short for row in rows}
    for wanted in (0.9, 0.95):
        expected = conformal_claims.in_theory(270, wanted)
        error = (expected * (1 - expected) / 150) ** 0.5
        assert short[wanted, "may be empty"] == pytest.approx(expected, abs=3 * error)


@pytest.mark.parametrize("kind", threshold_claims.KINDS)
def test_scores_are_drawn_with_the_accuracy_that_is_taken_as_known(kind: str) -> None:
    scores = threshold_claims.KINDS[kind]
    probabilities, labels = scores.draw(threshold_claims.np.random.default_rng(0), 20_000)
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    assert accuracy == pytest.approx(scores.others[1].max(axis=1).mean(), abs=0.015)


def test_suspected_labels_are_counted_for_one_seed_and_for_several() -> None:
    draw, images = false_claims.np.random.default_rng(0), 400
    true = draw.integers(3, size=images)
    flips = draw.random(images) < 0.1
    given = false_claims.np.where(flips, (true + 1) % 3, true)
    paths, tables = [f"{number}.png" for number in range(images)], []
    for _ in range(label_errors.SEEDS):
        logits = draw.normal(size=(images, 3))
        logits[false_claims.np.arange(images), true] += 2
        tables.append(
            predictions.make_table(paths, ["test"] * images, given.tolist(), logits, list("abc"))
        )
    planted = {path for path, flipped in zip(paths, flips, strict=True) if flipped}
    found = label_errors.find(tables, planted)
    assert [each for each in found if "seed" in each] == ["1 seed", "3 seeds", "5 seeds"]
    assert found["5 seeds"].precision > found["1 seed"].precision
    assert found["5 seeds"].first > found["1 seed"].first
    assert all(0 < each.recall <= 1 for each in found.values())
