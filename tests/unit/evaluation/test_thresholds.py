"""A threshold gives the accuracy that it promises, or is named as one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from convladder.evaluation import calibration, wording
from convladder.evaluation.calibration import Kept, Selection
from convladder.evaluation.intervals import proportion
from convladder.evaluation.thresholds import (
    choose_threshold,
    fewest_images,
    threshold_as_seen,
)
from convladder.results.bundle import schema
from planted_logits import plant

NETWORKS = 400


def shares_below(images: int, wanted: float) -> tuple[float, float]:
    """Return how often the accuracy above a threshold is below the wanted one, in both ways."""
    chances = softmax(plant(1.0, images=100_000)[0], axis=1).max(axis=1)
    draw, below = np.random.default_rng(1), np.zeros(2)
    for _ in range(NETWORKS):
        confidence = draw.choice(chances, images)
        correct = draw.random(images) < confidence
        for place, way in enumerate((choose_threshold, threshold_as_seen)):
            threshold = way(confidence, correct, wanted)
            below[place] += threshold is not None and (
                chances[chances >= threshold].mean() < wanted
            )
    guaranteed, as_seen = below / NETWORKS
    return float(guaranteed), float(as_seen)


@pytest.mark.parametrize(("images", "wanted"), [(300, 0.8), (1200, 0.9)])
def test_the_guarantee_holds_where_a_threshold_as_seen_breaks_it(
    images: int, wanted: float
) -> None:
    guaranteed, as_seen = shares_below(images, wanted)
    assert guaranteed <= 0.05
    assert as_seen > 0.4


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_the_guarantee_holds_where_every_threshold_is_a_false_one(wanted: float) -> None:
    """The accuracy is just below what is wanted, whatever the confidence."""
    draw, given = np.random.default_rng(2), 0
    for _ in range(NETWORKS):
        correct = draw.random(500) < wanted - 1e-6
        given += choose_threshold(draw.random(500), correct, wanted) is not None
    assert given / NETWORKS <= 0.085  # at 5 %, more is one in a thousand


def test_a_better_network_and_more_images_keep_more() -> None:
    def coverage(images: int, accuracy: float) -> float:
        confidence = np.linspace(1, 0, images)
        wrong = np.zeros(images, bool)
        step = round(1 / (1 - accuracy))
        wrong[step - 1 :: step] = True
        threshold = choose_threshold(confidence, ~wrong, 0.9)
        return 0.0 if threshold is None else float((confidence >= threshold).mean())

    assert coverage(400, 0.92) == coverage(28, 0.99) == 0
    assert coverage(40_000, 0.92) == coverage(400, 0.96) == 1


def test_a_failed_test_ends_the_search() -> None:
    """Images below a bad stretch are not kept, however good they are."""
    correct = np.ones(1000, bool)
    correct[300:400] = False
    found = choose_threshold(np.linspace(1, 0, 1000), correct, 0.9)
    assert found is not None
    assert found >= 0.6


def test_a_threshold_as_seen_is_the_least_that_reaches_what_is_wanted() -> None:
    confidence = np.linspace(0.5, 1, 20)
    correct = np.array([False] * 8 + [True] * 12)
    assert threshold_as_seen(confidence, correct, 1.0) == confidence[8]
    assert threshold_as_seen(confidence, correct, 12 / 14) == confidence[6]
    assert threshold_as_seen(confidence, ~correct, 0.99) is None


@pytest.mark.parametrize("way", [choose_threshold, threshold_as_seen])
def test_equal_confidences_stay_together(way: object) -> None:
    """Those that are wrong come last, so that a cut between equals would leave them out."""
    confidence = np.full(400, 0.9)
    correct = np.arange(400) < 200
    assert callable(way)
    assert way(confidence, correct, 0.9) is None
    assert way(confidence, np.ones(400, bool), 0.9) == 0.9
    sure: NDArray[np.float64] = np.concatenate([np.full(100, 0.99), confidence])
    assert way(sure, np.append(np.ones(100, bool), correct), 0.9) == 0.99


@pytest.mark.parametrize(
    ("images", "wanted"), [(58, 0.95), (298, 0.99), (10_000, 1.0), (9, 0.5), (1, 0.5)]
)
def test_too_few_images_show_nothing_even_without_a_mistake(images: int, wanted: float) -> None:
    confidence, correct = np.linspace(0.5, 1, images), np.ones(images, bool)
    assert choose_threshold(confidence, correct, wanted) is None


def test_just_enough_images_without_a_mistake_show_it() -> None:
    for wanted in (0.9, 0.95, 0.99):
        fewest = fewest_images(wanted)
        assert fewest is not None
        assert wanted**fewest <= 0.05 < wanted ** (fewest - 1)
        confidence = np.linspace(0.5, 1, fewest)
        assert choose_threshold(confidence, np.ones(fewest, bool), wanted) == 0.5


def test_a_guessing_network_gets_no_threshold() -> None:
    draw = np.random.default_rng(0)
    assert choose_threshold(draw.random(2000), draw.random(2000) < 0.5, 0.9) is None


NONE = proportion(0, 0)
SEEN = Kept(0.7, proportion(6, 8), proportion(5, 6))
FOUND = Selection(0.95, 0.93, proportion(4, 8), proportion(4, 4), "guaranteed", 500, SEEN)


def test_words_name_both_thresholds_and_only_one_is_guaranteed() -> None:
    said = wording.of_selection(FOUND)
    assert said.startswith("For an accuracy of 95 %, answer only if the confidence is at least")
    assert "at least 0.930. A threshold that is chosen so gives the accuracy in 95 of 100" in said
    assert "As seen on validation, a confidence of at least 0.700" in said
    assert "That is no guarantee" in said


def test_a_threshold_that_no_test_image_reaches_is_said() -> None:
    empty = replace(FOUND, coverage=proportion(0, 8), accuracy=NONE)
    assert "No test image reaches it." in wording.of_selection(empty)


def test_what_cannot_be_shown_is_said_with_what_to_do() -> None:
    few = replace(FOUND, threshold=None, coverage=proportion(0, 8), accuracy=NONE, validation=50)
    said = wording.of_selection(few)
    assert said.startswith("An accuracy of 95 % could not be shown on 50 validation images.")
    assert "It takes at least 59, all predicted correctly. Use more validation images" in said
    assert "As seen on validation, a confidence of at least 0.700" in said
    enough = wording.of_selection(replace(few, validation=1500))
    assert "1,500 validation images. Use more validation images, or ask for a lower" in enough
    perfect = wording.of_selection(replace(few, wanted=1.0))
    assert "No number of images shows it: ask for a lower accuracy." in perfect


def test_a_threshold_as_seen_is_never_called_guaranteed() -> None:
    said = wording.of_selection(replace(FOUND, basis="as-seen", as_seen=None))
    assert said.startswith("As seen on validation, a confidence of at least 0.930 gives")
    assert "no guarantee" in said
    unreached = replace(FOUND, basis="as-seen", as_seen=None, threshold=None)
    assert "not reached on validation with any threshold" in wording.of_selection(unreached)


MEASURED = schema.Measured(share=0.9, low=0.8, high=0.95, images=100)
OLD = schema.Selection(wanted=0.95, threshold=0.5, coverage=MEASURED, accuracy=MEASURED)


def test_a_bundle_says_what_its_threshold_is_worth() -> None:
    new = OLD.model_copy(update={"basis": "guaranteed", "validation": 50})
    none = {"threshold": None}
    assert wording.of_threshold(new).endswith("accuracy of 0.95 (guaranteed in 95 of 100 networks)")
    assert not wording.of_doubt(new)
    unshown = wording.of_doubt(new.model_copy(update=none))
    assert unshown.startswith("warning: an accuracy of 0.95 cannot be shown on 50 validation")
    assert "more validation images, a lower --accuracy, or --as-seen" in unshown
    chosen = wording.of_doubt(OLD.model_copy(update={"validation": 50}))
    assert chosen.endswith("as seen on validation, without a guarantee")
    unreached = wording.of_doubt(OLD.model_copy(update=none))
    assert unreached.startswith("warning: no threshold reached an accuracy of 0.95 on validation")


def test_a_bundle_of_the_first_format_has_a_threshold_as_seen() -> None:
    assert OLD.basis == "as-seen"
    said = wording.of_doubt(OLD)
    assert "as seen on validation, without a guarantee" in said
    assert said.endswith("Make the bundle again to get a guaranteed one")


def test_select_takes_the_temperature_before_it_chooses() -> None:
    """Confidences of an overconfident network are lower after it, and so is the threshold."""
    hot, labels = plant(3.0, images=2000)
    from convladder.evaluation import predictions

    splits = ["validation", "test"] * 1000
    table = predictions.make_table(["x"] * 2000, splits, labels.tolist(), hot, list("abcde"))
    found = calibration.select(table, 0.8)
    assert found.threshold is not None
    raw = softmax(hot[::2], axis=1)
    plain = choose_threshold(raw.max(axis=1), raw.argmax(axis=1) == labels[::2], 0.8)
    assert plain is not None
    assert found.threshold < plain
