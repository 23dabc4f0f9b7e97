"""Metrics as means over images: their values, and how far other images would move them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from convladder.core.metrics import KNOWN, metric_named
from convladder.evaluation import scores
from convladder.evaluation.components import SHARE
from convladder.evaluation.predictions import Answers

CLASSES = ("cat", "dog", "eel")
NAMES = [name.replace("CLASS", "eel") for name in KNOWN]


def answers(images: int, seed: int = 0, shares: tuple[float, ...] = (0.6, 0.3, 0.1)) -> Answers:
    """A network that is right about two thirds of the time; eels are rare."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(len(shares), images, p=shares)
    logits = draw.normal(0, 1, (images, len(shares))) + 1.2 * np.eye(len(shares))[labels]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Answers(CLASSES[: len(shares)], labels, logits.argmax(axis=1), chances)


def of_eels(measure: Callable[..., Any], found: Answers) -> float:
    return measure(found.labels, found.predicted, labels=[2], average=None, zero_division=0)[0]


BY_SCIKIT_LEARN: dict[str, Callable[[Answers], float]] = {
    "accuracy": lambda found: metrics.accuracy_score(found.labels, found.predicted),
    "balanced-accuracy": lambda found: metrics.balanced_accuracy_score(
        found.labels, found.predicted
    ),
    "macro-f1": lambda found: metrics.f1_score(found.labels, found.predicted, average="macro"),
    "auroc": lambda found: metrics.roc_auc_score(
        found.labels, found.probabilities, multi_class="ovr"
    ),
    "log-loss": lambda found: metrics.log_loss(found.labels, found.probabilities),
    "brier": lambda found: float(
        np.square(found.probabilities - np.eye(3)[found.labels]).sum(axis=1).mean()
    ),
    "recall@eel": partial(of_eels, metrics.recall_score),
    "precision@eel": partial(of_eels, metrics.precision_score),
    "f1@eel": partial(of_eels, metrics.f1_score),
}


@pytest.mark.parametrize("name", NAMES)
def test_scores_average_to_the_metric(name: str) -> None:
    metric, found = metric_named(name), answers(300)
    own = scores.score(metric, found)
    assert own.shape == (300,)
    assert metric.as_score(own.mean()) == pytest.approx(BY_SCIKIT_LEARN[name](found))
    assert scores.value(metric, found) == pytest.approx(BY_SCIKIT_LEARN[name](found))


@pytest.mark.parametrize("name", NAMES)
def test_scores_spread_as_the_metric_does_when_other_images_are_drawn(name: str) -> None:
    metric = metric_named(name)
    drawn = [scores.value(metric, answers(400, seed)) for seed in range(400)]
    expected = [scores.score(metric, answers(400, seed)).std() / 20 for seed in range(40)]
    assert np.mean(expected) == pytest.approx(np.std(drawn), rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_a_better_network_has_higher_scores(name: str) -> None:
    metric, found = metric_named(name), answers(300)
    sure = np.where(np.eye(3)[found.labels] == 1, 0.9, 0.05)
    perfect = Answers(CLASSES, found.labels, found.labels, sure)
    assert scores.score(metric, perfect).mean() > scores.score(metric, found).mean()


def test_ties_count_half_in_the_area_under_the_curve() -> None:
    found = answers(200)
    blind = Answers(CLASSES, found.labels, found.predicted, np.full((200, 3), 1 / 3))
    assert scores.value(metric_named("auroc"), blind) == pytest.approx(0.5)


def test_the_area_is_that_of_each_fold() -> None:
    """The second fold's network is as good, but less sure: ranked together, both would lose."""
    first, second = answers(200, 1), answers(200, 2)
    weaker = Answers(CLASSES, second.labels, second.predicted, 0.5 * second.probabilities + 1 / 6)
    both = Answers(
        CLASSES,
        np.concatenate([first.labels, weaker.labels]),
        np.concatenate([first.predicted, weaker.predicted]),
        np.concatenate([first.probabilities, weaker.probabilities]),
    )
    metric, folds = metric_named("auroc"), np.repeat([0, 1], 200)
    apart = [scores.value(metric, each) for each in (first, weaker)]
    assert scores.value(metric, both, folds) == pytest.approx(np.mean(apart))
    assert scores.value(metric, both) != pytest.approx(np.mean(apart))


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    found = answers(100)
    never = Answers(CLASSES, found.labels, np.zeros(100, int), found.probabilities)
    assert scores.value(metric_named("precision@eel"), never) == 0
    assert not scores.score(metric_named("precision@eel"), never).any()


def test_a_class_without_images_is_left_out_of_a_mean() -> None:
    found = answers(100, shares=(0.7, 0.3, 0.0))
    two = scores.value(metric_named("balanced-accuracy"), found)
    recalls = [scores.value(metric_named(f"recall@{name}"), found) for name in ("cat", "dog")]
    assert two == pytest.approx(np.mean(recalls))
    assert 0 < scores.value(metric_named("auroc"), found) < 1


def test_one_image_moves_a_rare_class_most() -> None:
    found = Answers(CLASSES, np.repeat([0, 1, 2], [240, 20, 10]), np.zeros(270, int), np.eye(3))
    assert scores.scale(metric_named("accuracy"), found) == SHARE
    assert scores.scale(metric_named("recall@eel"), found).weight == pytest.approx(27)
    mean = scores.scale(metric_named("balanced-accuracy"), found).weight
    assert mean == pytest.approx(270 * (1 / 240 + 1 / 20 + 1 / 10) / 9)
    assert not scores.scale(metric_named("log-loss"), found).bounded
    assert scores.scale(metric_named("log-loss"), found).most == np.inf


@pytest.mark.parametrize(
    ("name", "counts", "said"),
    [
        (
            "recall@fox",
            {"cat": 5, "dog": 5},
            "metric recall@fox: unknown class 'fox': choose from cat, dog",
        ),
        ("f1@dog", {"cat": 5, "dog": 0}, "needs test images of dog: there are none"),
        ("auroc", {"cat": 5, "dog": 0}, "needs test images of two classes or more"),
        ("auroc", {"cat": 5, "dog": 1}, ""),
        ("recall@dog", {"cat": 5, "dog": 1}, ""),
        ("accuracy", {"cat": 5, "dog": 0}, ""),
    ],
)
def test_what_images_cannot_show_is_said(name: str, counts: dict[str, int], said: str) -> None:
    found = scores.why_not(metric_named(name), counts, "test")
    assert said in found
    assert bool(found) == bool(said)
