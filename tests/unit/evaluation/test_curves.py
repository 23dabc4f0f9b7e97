"""ROC and precision-recall curves: those of scikit-learn, with bands that hold the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from convladder.core.errors import ExperimentError
from convladder.core.metrics import metric_named
from convladder.evaluation import curve_bands, predictions, scores
from convladder.evaluation.cross_validation import Folds
from convladder.evaluation.curves import Curves, interval_of_area
from convladder.evaluation.ranking import Ranking

NAMES = ("ant", "bee", "cat", "dog", "elk")


def draw_tables(
    classes: int = 5, seeds: int = 3, images: int = 400, distances: Sequence[float] = (2.0,)
) -> list[pd.DataFrame]:
    """Draw a table per seed, whose logits are apart by its distance; later classes are clearer."""
    draw = np.random.default_rng(3)
    labels = np.arange(images) % classes
    shared = draw.normal(size=(images, classes))
    clear = np.linspace(0.5, 1.5, classes)[labels, np.newaxis] * np.eye(classes)[labels]
    return [
        predictions.make_table(
            [f"{number}.png" for number in range(images)],
            ["test"] * images,
            labels.tolist(),
            (distances[seed % len(distances)] * clear + shared
             + 0.3 * draw.normal(size=shared.shape)).astype(np.float32),
            NAMES[:classes],
        )
        for seed in range(seeds)
    ]  # fmt: skip


def test_the_curves_of_a_network_are_those_of_scikit_learn() -> None:
    (table,) = draw_tables(seeds=1)
    (found,) = Curves([table]).of_classes(["cat"])
    members, scores = table["label"] == "cat", table["p:cat"]
    false, true, _ = roc_curve(members, scores, drop_intermediate=False)
    assert found.roc.y == pytest.approx(np.interp(found.roc.x, false, true))
    assert found.roc_area.mean == pytest.approx(roc_auc_score(members, scores))
    curve, images = found.precision_recall, members.sum()
    precisions, recalls, _ = precision_recall_curve(members, scores)
    true = np.maximum(curve.x * images, 1)
    for place, needed in enumerate(np.ceil(true - 1e-9)):
        best = precisions[np.isclose(recalls, needed / images)].max()
        alarms = needed / best - needed  # at the threshold that finds so many
        assert curve.y[place] == pytest.approx(true[place] / (true[place] + alarms))


def test_the_point_at_full_recall_is_the_last_of_scikit_learn() -> None:
    (table,) = draw_tables(seeds=1)
    (found,) = Curves([table]).of_classes(["ant"])
    members, scores = table["label"] == "ant", table["p:ant"]
    last = members.sum() / (scores >= scores[members].min()).sum()
    assert found.precision_recall.y[-1] == pytest.approx(last)


def test_a_curve_of_seeds_is_their_average() -> None:
    tables = draw_tables(seeds=3)
    together = Curves(tables).of_classes(["bee"])[0]
    apart = [Curves([table]).of_classes(["bee"])[0] for table in tables]
    assert together.roc.y == pytest.approx(np.mean([each.roc.y for each in apart], axis=0))
    assert together.average_precision.mean == pytest.approx(
        np.mean([each.average_precision.mean for each in apart])
    )


def test_of_many_classes_the_three_worst_are_shown_and_the_average_of_all() -> None:
    found = Curves(draw_tables(classes=5))
    worst = sorted(found.areas, key=lambda name: found.areas[name][0].mean)[:3]
    assert found.shown == sorted(worst)
    average = found.macro_average
    assert average is not None
    means = [area.mean for area, _ in found.areas.values()]
    assert average.roc_area.mean == pytest.approx(np.mean(means))
    every = [each.roc.y for each in found.of_classes(NAMES)]
    assert average.roc.y == pytest.approx(np.mean(every, axis=0))
    assert average.roc_area.low is not None
    assert average.roc_area.low < average.roc_area.mean < (average.roc_area.high or 0)


def test_of_two_classes_the_second_is_shown() -> None:
    found = Curves(draw_tables(classes=2))
    assert found.shown == ["bee"]
    assert found.macro_average is None
    first, second = (area.mean for area, _ in found.areas.values())
    assert first == pytest.approx(second, abs=1e-6)


def test_seeds_that_differ_make_bands_and_intervals_wider() -> None:
    alike, unlike = (
        Curves(draw_tables(distances=distances)).of_classes(["cat"])[0]
        for distances in ([2.0], [1.0, 2.0, 3.0])
    )
    for curve in ("roc", "precision_recall"):
        first, second = (getattr(each, curve) for each in (alike, unlike))
        assert np.nanmean(second.high - second.low) > 1.5 * np.nanmean(first.high - first.low)
    for area in ("roc_area", "average_precision"):
        first, second = (getattr(each, area) for each in (alike, unlike))
        assert second.high - second.low > 2 * (first.high - first.low)


def test_a_band_holds_its_curve_and_ends_where_few_images_decide() -> None:
    for each in Curves(draw_tables(images=200)).of_classes(NAMES):
        for curve, images in ((each.roc, 160), (each.precision_recall, 40)):
            let_in = curve.x * images if curve is each.roc else (1 - curve.x) * images
            decided = (let_in >= 3 - 1e-9) & (let_in <= images - 3 + 1e-9)
            assert (np.isfinite(curve.low) == decided).mean() > 0.95
            there = np.isfinite(curve.low)
            assert (curve.low[there] <= curve.y[there] + 1e-9).all()
            assert (curve.high[there] >= curve.y[there] - 1e-9).all()
            assert curve.low[there].min() >= 0
            assert curve.high[there].max() <= 1


def test_a_perfect_ranking_is_not_known_to_be_perfect() -> None:
    scores = np.arange(60.0)[np.newaxis]
    found = interval_of_area(Ranking(scores, scores[0] >= 40).areas(), 20)
    assert (found.mean, found.high) == pytest.approx((1, 1))
    assert 0.9 < found.low < 0.97  # type: ignore[operator]


def test_folds_have_their_average_curve_without_bands() -> None:
    tables, folds = draw_tables(images=300), np.repeat([0, 1], [100, 200])
    together = Curves(tables, folds)
    (found,) = together.of_classes(["cat"])
    apart = [
        Curves([each[folds == fold].reset_index() for each in tables]).of_classes(["cat"])[0]
        for fold in (0, 1)
    ]
    assert found.roc.y == pytest.approx(np.mean([each.roc.y for each in apart], axis=0))
    areas = [each.average_precision.mean for each in apart]
    assert found.average_precision.mean == pytest.approx((areas[0] + 2 * areas[1]) / 3)
    assert np.isnan(found.roc.low).all()
    assert np.isnan(found.precision_recall.high).all()
    assert (found.roc_area.low, found.average_precision.high) == (None, None)


@pytest.mark.parametrize("folds", [None, np.repeat([0, 1, 2], [100, 150, 150])])
def test_the_average_of_the_areas_is_the_metric_auroc(folds: Folds | None) -> None:
    tables = draw_tables()
    told = [
        scores.value(metric_named("auroc"), predictions.answers(each), folds) for each in tables
    ]
    average = Curves(tables, folds).macro_average
    assert average is not None
    assert average.roc_area.mean == pytest.approx(np.mean(told))


def test_the_same_tables_give_the_same_bands() -> None:
    first, second = (Curves(draw_tables()).of_classes()[0] for _ in range(2))
    assert np.array_equal(first.roc.low, second.roc.low, equal_nan=True)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("cat", r"classes must be a list of names, such as \['cat'\]; got the string 'cat'"),
        (["horse"], "unknown class 'horse': choose from ant, bee, cat"),
        (["cat"], "the class 'cat' has no curve: that takes at least 2 test images of it"),
    ],
)
def test_a_class_without_a_curve_is_refused(names: list[str] | str, message: str) -> None:
    tables = [table[table["label"] != "cat"].reset_index() for table in draw_tables(classes=3)]
    found = Curves(tables)
    assert list(found.areas) == found.shown == ["ant", "bee"]
    with pytest.raises(ExperimentError, match=message):
        found.of_classes(names)


def test_one_class_alone_has_no_curve() -> None:
    tables = [table[table["label"] == "bee"].reset_index() for table in draw_tables(classes=2)]
    found = Curves(tables)
    assert found.areas == {}
    with pytest.raises(ExperimentError, match="the class 'bee' has no curve"):
        found.of_classes()


def test_tables_of_other_images_are_refused() -> None:
    first, second = draw_tables(seeds=2)
    with pytest.raises(ValueError, match="not about the same images"):
        Curves([first, second[::-1].reset_index(drop=True)])


@pytest.mark.parametrize("seeds", [1, 3])
def test_bands_hold_the_truth(seeds: int) -> None:
    """Of 120 bands 105 or fewer have a chance of one in a thousand if they hold in 95 %."""
    draw, own, false = np.random.default_rng(2), np.arange(300) < 60, 0.1
    held = 0
    for _ in range(120):
        luck = 0.2 * draw.normal(size=(seeds, 1)) * (seeds > 1)
        shared, apart = draw.normal(size=300), draw.normal(size=(seeds, 300))
        scores = own * (1.5 + luck) + 0.8 * shared + 0.6 * apart
        low, high = curve_bands.limits(Ranking(scores, own), false)
        spread = np.sqrt(1 + 0.04 * (seeds > 1))  # of a member's score over seeds and images
        held += low <= ndtr((1.5 + ndtri(false)) / spread) <= high
    assert held > 105
