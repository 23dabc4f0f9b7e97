"""Calibration: what is planted is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax

from convladder.evaluation import calibration, predictions, wording
from convladder.evaluation.intervals import proportion
from planted_logits import plant


def table(temperature: float, seed: int = 0) -> pd.DataFrame:
    parts = [plant(temperature, seed=10 * seed + number) for number in (1, 2)]
    splits = ["validation"] * 4000 + ["test"] * 4000
    logits, labels = (np.concatenate(values) for values in zip(*parts, strict=True))
    return predictions.make_table(["x"] * 8000, splits, labels.tolist(), logits, list("abcde"))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_planted_is_found(temperature: float) -> None:
    logits, labels = plant(temperature)
    assert calibration.fit_temperature(softmax(logits, axis=1), labels) == pytest.approx(
        temperature, rel=0.08
    )


def test_heating_divides_the_logits() -> None:
    logits, _ = plant(1.0, images=5)
    assert np.allclose(
        calibration.apply_temperature(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1)
    )


def test_an_overconfident_network_is_shown_and_mended() -> None:
    found = calibration.assess(table(3.0))
    assert found.error.shown
    assert found.error.low > found.error_after.high
    assert not found.error_after.shown
    assert found.log_loss_after < found.log_loss
    last = found.bins[-1]
    assert last.accuracy.share is not None
    assert last.accuracy.share < last.confidence


def test_the_error_of_calibrated_networks_is_seldom_called_shown() -> None:
    shown = []
    for seed in range(40):
        logits, labels = plant(1.0, images=500, seed=seed)
        shown.append(calibration.calibration_error(softmax(logits, axis=1), labels).shown)
    assert sum(shown) <= 6  # 5 % of 40 are 2; more than 6 would be one in a hundred


@pytest.mark.parametrize("temperature", [1.0, 1.5, 3.0])
def test_the_interval_of_the_error_covers_it_in_most_samples(temperature: float) -> None:
    """The truth is the error on very many images, or 0 for a calibrated network."""
    many, labels = plant(temperature, images=100_000, seed=1000)
    truth = (
        calibration.calibration_error(softmax(many, axis=1), labels).error
        if temperature != 1
        else 0.0
    )
    found = []
    for seed in range(30):
        logits, labels = plant(temperature, images=400, seed=seed)
        found.append(calibration.calibration_error(softmax(logits, axis=1), labels))
    # of 30; at 90 %, one in 250 is fewer
    assert sum(each.low <= truth <= each.high for each in found) >= 23


def test_the_error_is_what_one_counts_by_hand() -> None:
    chances = np.array([[0.6, 0.4]] * 10 + [[0.9, 0.1]] * 10)
    labels = np.array([0] * 6 + [1] * 4 + [0] * 7 + [1] * 3)
    two = calibration.reliability(chances, labels, bins=2)
    assert [(each.confidence, each.accuracy.share) for each in two] == [
        (pytest.approx(0.6), 0.6),
        (pytest.approx(0.9), 0.7),
    ]


def test_log_loss_is_that_of_the_softmax() -> None:
    logits, labels = plant(1.0, images=8000)
    splits = ["validation"] * 4000 + ["test"] * 4000
    table = predictions.make_table(["x"] * 8000, splits, labels.tolist(), logits, list("abcde"))
    found = calibration.assess(table)
    expected = -log_softmax(logits, axis=1)[np.arange(4000, 8000), labels[4000:]].mean()
    assert found.log_loss == pytest.approx(expected, rel=1e-6)


def test_a_threshold_gives_the_wanted_accuracy_on_images_that_it_has_not_seen() -> None:
    for seed in range(1, 6):
        guaranteed = calibration.select(table(2.0, seed), 0.8)
        seen = calibration.select(table(2.0, seed), 0.8, as_seen=True)
        assert guaranteed.threshold is not None
        assert seen.threshold is not None
        assert guaranteed.threshold > seen.threshold
        assert guaranteed.accuracy.share is not None
        assert guaranteed.accuracy.share > 0.8
        assert seen.accuracy.share == pytest.approx(0.8, abs=0.025)
        assert 0 < guaranteed.coverage.low < guaranteed.coverage.high < 1
        assert guaranteed.as_seen == calibration.Kept(seen.threshold, seen.coverage, seen.accuracy)
        assert (guaranteed.basis, seen.basis, seen.as_seen) == ("guaranteed", "as-seen", None)
        assert guaranteed.validation == 4000


def test_what_cannot_be_reached_keeps_no_image() -> None:
    draw = np.random.default_rng(0)
    guesses = predictions.make_table(
        ["x"] * 400, ["validation", "test"] * 200, draw.integers(5, size=400).tolist(),
        draw.normal(size=(400, 5)), list("abcde")
    )  # fmt: skip
    selection = calibration.select(guesses, 0.99)
    assert selection.threshold is None
    assert (selection.coverage.share, selection.accuracy.share) == (0.0, None)
    assert selection.as_seen is not None
    assert selection.as_seen.threshold is None


def test_without_a_mistake_on_validation_the_temperature_stays_within_reason() -> None:
    """The least loss would be at temperature 0, where every confidence is 1 and no threshold tells
    anything.
    """
    labels = np.arange(200) % 4
    draw = np.random.default_rng(0)
    logits = 6.0 * np.eye(4)[labels] + draw.normal(size=(200, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert (probabilities.argmax(axis=1) == labels).all()
    assert 0.7 < calibration.fit_temperature(probabilities, labels) < 1.5


@pytest.mark.parametrize(("temperature", "side"), [(2.0, 1), (0.5, -1)])
def test_overconfidence_is_told_from_the_test_images(temperature: float, side: int) -> None:
    logits, labels = plant(temperature, 1000)
    gap = calibration.overconfidence(softmax(logits, axis=1), labels)
    assert gap.low < gap.mean < gap.high
    assert side * gap.low > 0
    assert side * gap.high > 0


def test_the_reading_follows_the_test_images_and_not_the_temperature() -> None:
    """Validation asks for a temperature above 1, but on test the network is not sure enough."""
    unsure, labels = plant(0.6, 4000, seed=1)
    sure, others = plant(2.0, 4000, seed=2)
    splits = ["validation"] * 4000 + ["test"] * 4000
    logits = np.concatenate([sure, unsure])
    made = predictions.make_table(["x"] * 8000, splits, [*others, *labels], logits, list("abcde"))
    found = calibration.assess(made)
    assert found.temperature > 1
    reading = wording.of_calibration(found)
    assert "The network is underconfident." in reading
    assert reading.endswith("On these images it does not help.")


def test_the_interval_stays_within_all_images() -> None:
    sure = np.array([[0.99, 0.01]] * 3)
    found = calibration.calibration_error(sure, np.array([0, 1, 1]))
    assert found.high <= 1


def test_the_bins_of_the_diagram_are_those_of_the_error() -> None:
    logits, labels = plant(2.0, 1234)
    probabilities = softmax(logits, axis=1)
    bins = calibration.reliability(probabilities, labels)
    weighted = sum(
        each.accuracy.images * abs(each.confidence - (each.accuracy.share or 0)) for each in bins
    ) / len(labels)
    assert weighted == pytest.approx(calibration.calibration_error(probabilities, labels).error)


def test_words_do_not_deny_what_the_interval_beside_them_shows() -> None:
    """The error over bins may be chance while the network is too sure on the whole."""
    error = calibration.CalibrationError(0.02, 0.0, 0.05, if_calibrated=0.03)
    unsure = calibration.Gap(0.01, -0.01, 0.03)

    def words(gap: calibration.Gap) -> str:
        return wording.of_calibration(
            calibration.Calibration(1.2, gap, (), (), error, error, 0.5, 0.4)
        )

    assert "The network is overconfident." in words(calibration.Gap(0.02, 0.001, 0.04))
    assert "The network is underconfident." in words(calibration.Gap(-0.02, -0.04, -0.001))
    assert "No miscalibration could be detected." in words(unsure)


def bins_of(right: int, images: int) -> tuple[calibration.Bin, ...]:
    return (calibration.Bin(0.99, proportion(right, images)),)


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (269, "All 269 test images are predicted correctly. There are too few mistakes"),
        (268, "Only 1 of 269 test images is predicted wrongly. There are too few mistakes"),
        (266, "Only 3 of 269 test images are predicted wrongly. There are too few mistakes"),
        (260, "Confidence and accuracy are 0.0 points apart"),
    ],
)
def test_hardly_any_mistakes_say_nothing_of_calibration(right: int, said: str) -> None:
    error = calibration.CalibrationError(0.0, 0.0, 0.0, if_calibrated=0.001)
    gap = calibration.Gap(-0.01, -0.01, -0.005)
    bins = bins_of(right, 269)
    found = calibration.Calibration(1.2, gap, bins, bins, error, error, 0.5, 0.4)
    assert wording.of_calibration(found).startswith(said)


def test_what_is_far_from_calibrated_is_told_without_mistakes() -> None:
    error = calibration.CalibrationError(0.2, 0.1, 0.3, if_calibrated=0.05)
    bins = bins_of(269, 269)
    gap = calibration.Gap(-0.2, -0.3, -0.1)
    found = calibration.Calibration(1.2, gap, bins, bins, error, error, 0.5, 0.4)
    assert "The network is underconfident." in wording.of_calibration(found)
