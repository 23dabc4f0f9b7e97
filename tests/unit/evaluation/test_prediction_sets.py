"""Prediction sets hold the true class as often as they promise, and say where they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from convladder.core.errors import ExperimentError
from convladder.evaluation import (
    calibration,
    conformal,
    prediction_sets,
    predictions,
    sets_in_words,
)
from planted_logits import plant

NETWORKS = 400


def table(temperature: float = 1.0, images: int = 2000, validation: int = 1000) -> pd.DataFrame:
    """Return predictions of a network whose probabilities are right but for a temperature."""
    logits, labels = plant(temperature, images=images)
    splits = ["validation"] * validation + ["test"] * (images - validation)
    return predictions.make_table(["x"] * images, splits, labels.tolist(), logits, list("abcde"))


@pytest.mark.parametrize(("images", "coverage"), [(30, 0.9), (100, 0.95), (300, 0.95)])
def test_the_coverage_is_as_promised_on_average_over_networks(images: int, coverage: float) -> None:
    """It lies between the wanted one and 1 / (n + 1) more, whatever the probabilities say."""
    draw, covered = np.random.default_rng(0), []
    for _ in range(NETWORKS):
        seen = draw.random(images) ** 3
        least = conformal.least_probability(seen, coverage)
        assert least is not None
        covered.append(1 - least ** (1 / 3))  # of new images of the same distribution
    error = float(np.std(covered)) / NETWORKS**0.5
    assert coverage - 3 * error <= np.mean(covered) <= coverage + 1 / (images + 1) + 3 * error


def test_the_least_probability_leaves_out_as_many_as_it_may() -> None:
    seen = np.linspace(0.01, 1, 100)
    least = conformal.least_probability(seen, 0.95)
    assert least is not None
    assert (seen >= least).sum() == 96  # ceil(101 * 0.95)
    assert conformal.least_probability(seen[::-1], 0.95) == least


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999])
def test_with_too_few_images_nothing_is_promised(coverage: float) -> None:
    fewest = conformal.fewest_images(coverage)
    assert conformal.least_probability(np.full(fewest, 0.5), coverage) == 0.5
    assert conformal.least_probability(np.full(fewest - 1, 0.5), coverage) is None


def test_no_set_is_empty_and_equal_probabilities_stay_together() -> None:
    chances = np.array([[0.4, 0.3, 0.3], [0.2, 0.2, 0.6], [1 / 3, 1 / 3, 1 / 3]])
    assert conformal.members(chances, 0.9).tolist() == [
        [True, False, False],
        [False, False, True],
        [True, False, False],
    ]
    assert conformal.members(chances, 0.3).sum(axis=1).tolist() == [3, 1, 3]
    assert conformal.possible_classes(chances, "abc", 0.3)[0] == ("a", "b", "c")
    assert conformal.possible_classes(chances, "abc", 0.2)[1] == ("c", "a", "b")


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_what_they_do_on_test_is_counted(temperature: float) -> None:
    predicted = table(temperature)
    found = prediction_sets.measure(predicted, 0.9)
    test = predictions.part(predicted, "test")
    heated = calibration.apply_temperature(
        predictions.probabilities(test), calibration.temperature_of(predicted)
    )
    assert found.least_probability is not None
    sets = [
        {name for name, share in zip("abcde", row, strict=True) if share >= found.least_probability}
        | {"abcde"[row.argmax()]}
        for row in heated
    ]
    held = [label in held for label, held in zip(test["label"], sets, strict=True)]
    assert found.coverage.share == np.mean(held)
    assert found.coverage.images == found.single.images == 1000
    assert found.mean_size == np.mean([len(each) for each in sets])
    assert found.single.share == np.mean([len(each) == 1 for each in sets])
    assert found.coverage.low < 0.9 < found.coverage.high


def test_a_temperature_that_is_undone_changes_no_set() -> None:
    hot, plain = (prediction_sets.measure(table(each)) for each in (3.0, 1.0))
    assert hot.mean_size == pytest.approx(plain.mean_size, abs=0.01)
    assert hot.least_probability == pytest.approx(plain.least_probability, abs=1e-3)


def test_a_worse_network_and_a_larger_coverage_make_larger_sets() -> None:
    predicted = table()
    sizes = [prediction_sets.measure(predicted, wanted).mean_size for wanted in (0.8, 0.9, 0.99)]
    blurred = predicted.copy()
    columns = [name for name in blurred if name.startswith(predictions.PREFIX)]
    noise = np.random.default_rng(7).normal(size=(len(blurred), 5))
    blurred[columns] = softmax(np.log(blurred[columns].to_numpy()) + 2 * noise, axis=1)
    sizes.append(prediction_sets.measure(blurred, 0.99).mean_size)
    assert None not in sizes
    assert sizes == sorted(sizes, key=float)
    assert len(set(sizes)) == 4


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_what_is_no_coverage_is_said(coverage: float) -> None:
    with pytest.raises(ExperimentError, match=r"above 0 and below 1, such as 0\.95; got"):
        prediction_sets.measure(table(), coverage)


def test_words_say_what_is_promised_and_what_was_measured() -> None:
    found = prediction_sets.measure(table(), 0.9)
    said = sets_in_words.of_sets(found)
    assert "the true class is among these in 90 of 100 images like the test images" in said
    assert f"{100 * (found.coverage.share or 0):.1f} % ({100 * found.coverage.low:.1f} to" in said
    assert f"{found.mean_size:.2f} classes on average" in said
    unmeasured = replace(found, mean_size=None)
    assert "no test images" in sets_in_words.of_sets(unmeasured)
    assert "measured on test" not in sets_in_words.of_bundle(unmeasured)


def test_words_say_how_many_images_it_takes() -> None:
    found = prediction_sets.measure(table(images=60, validation=18))
    assert found.least_probability is None
    assert found.mean_size is None
    assert found.coverage.share is None
    for say in (sets_in_words.of_sets, sets_in_words.of_bundle):
        assert say(found).startswith(
            "Prediction sets for 95 of 100 images take at least 19 validation images, and there "
            "are 18."
        )


def test_of_a_large_set_the_first_classes_are_named() -> None:
    assert sets_in_words.of_set(["cat"]) == "cat"
    assert sets_in_words.of_set("abcde") == "a, b, c, d or e"
    assert sets_in_words.of_set("abcdefgh") == "a, b, c, d or 4 others"
