"""Metrics as means over images, so that all of them are compared as accuracy is.

Accuracy is a mean of zeros and ones over the test images, and so its variance is that of a mean.
Recall, macro F1 or the area under a curve are no means. But near the truth each changes with every
image as a mean does: image i counts with its influence value (Hampel 1974, "The influence curve and
its role in robust estimation", JASA 69; van der Vaart 1998, "Asymptotic Statistics", chapter 20).
Here an image's *score* is the metric plus its influence value. Scores average to the metric
exactly, and spread as the metric does when other images are drawn. For the area under a curve they
are DeLong's (DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more
correlated receiver operating characteristic curves: a nonparametric approach", Biometrics 44).

Scores are better the higher they are: where less of a metric is better, they are its negative.
`benchmarks/claims/metric_claims.py` counts what claims from scores come to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from convladder.core.formatting import unknown_name
from convladder.core.metrics import Metric
from convladder.evaluation.components import SHARE, Scale
from convladder.evaluation.predictions import Answers, Places

Floats = NDArray[np.float64]
Members = NDArray[np.bool_]  # which images are of a class, or are taken to be

SURELY_WRONG = float(np.finfo(np.float64).eps)  # probabilities are no less in the log loss


# docs/decisions/097-any-metric-is-a-mean-of-scores.md
def score(metric: Metric, answers: Answers, folds: NDArray[np.int64] | None = None) -> Floats:
    """Return the score of each image, `(images,)`; their mean is the metric, higher is better.

    folds : in which fold each image was tested, `(images,)`. Probabilities of several networks are
        not ranked among each other: the area under a curve is that of each fold.
    """
    if metric.of_class is not None:
        place = answers.class_names.index(metric.of_class)
        return _OF_CLASS[metric.kind](*_members(answers, place))
    if metric.name == "auroc" and folds is not None:
        return _by_fold(answers, folds)
    of_all: Floats = _OVERALL[metric.name](answers)
    return of_all


def value(metric: Metric, answers: Answers, folds: NDArray[np.int64] | None = None) -> float:
    """Return the metric itself."""
    return metric.as_score(float(score(metric, answers, folds).mean()))


def scale(metric: Metric, answers: Answers) -> Scale:
    """Return how far one image moves the metric; it depends on the true classes alone.

    Accuracy moves by one of all images. The recall of a class with ten of 270 images moves by a
    tenth: the weight is 27. For a mean over classes it is that of an image of an average class: one
    of the rarest moves it by more.
    """
    if metric.name == "accuracy":
        return SHARE
    if metric.lower_is_better:
        return Scale(bounded=False, stepped=False)
    counts = np.bincount(answers.labels, minlength=len(answers.class_names))
    images = int(counts.sum())
    if metric.of_class is not None:
        return Scale(images / int(counts[answers.class_names.index(metric.of_class)]))
    counts = counts[counts > 0]
    ranks = metric.name == "auroc"
    inverse = 1 / counts + (1 / (images - counts) if ranks else 0.0)
    return Scale(float(images * inverse.sum() / len(counts) ** 2), stepped=not ranks)


def if_wrong(metric: Metric, answers: Answers) -> float | None:
    """Return the score of an image like these whose class is the runner-up; None for no loss.

    Where few answers are wrong, a loss hangs on those that might be: none is seen of them.
    """
    if not metric.lower_is_better:
        return None
    runners_up = np.argsort(answers.probabilities, axis=1)[:, -2]
    wrong = Answers(answers.class_names, runners_up, answers.predicted, answers.probabilities)
    return float(score(metric, wrong).mean())


def why_not(metric: Metric, counts: Mapping[str, int], where: str) -> str:
    """Say why a metric cannot be measured on images, so many of each class; empty where it can."""
    if metric.of_class is not None:
        if metric.of_class not in counts:
            return f"metric {metric.name}: {unknown_name(metric.of_class, counts, 'class')}"
        if not counts[metric.of_class]:
            return f"metric {metric.name} needs {where} images of {metric.of_class}: there are none"
    elif metric.name == "auroc" and sum(count > 0 for count in counts.values()) < 2:
        return f"metric auroc needs {where} images of two classes or more"
    return ""


def _accuracy(answers: Answers) -> Floats:
    return np.asarray(answers.labels == answers.predicted, dtype=np.float64)


def _balanced_accuracy(answers: Answers) -> Floats:
    return _mean_over_classes(answers, _recall, np.unique(answers.labels))


def _macro_f1(answers: Answers) -> Floats:
    """Also over classes that are predicted alone, as scikit-learn does."""
    return _mean_over_classes(answers, _f1, np.union1d(answers.labels, answers.predicted))


def _auroc(answers: Answers) -> Floats:
    """One class against the others, in the mean over the classes of the images."""
    places = np.unique(answers.labels)
    areas = [
        area(answers.probabilities[:, place], answers.labels == place)
        for place in places
        if (answers.labels != place).any()
    ]
    return np.mean(areas, axis=0) if areas else np.full(len(answers.labels), np.nan)


def _log_loss(answers: Answers) -> Floats:
    own = answers.probabilities[np.arange(len(answers.labels)), answers.labels]
    scores: Floats = np.log(np.maximum(own, SURELY_WRONG))
    return scores


def _brier(answers: Answers) -> Floats:
    """Brier 1950, "Verification of forecasts expressed in terms of probability": from 0 to 2."""
    wanted = np.zeros_like(answers.probabilities)
    wanted[np.arange(len(wanted)), answers.labels] = 1.0
    scores: Floats = -np.square(answers.probabilities - wanted).sum(axis=1)
    return scores


def _recall(labelled: Members, predicted: Members) -> Floats:
    return _ratio(labelled & predicted, labelled)


def _precision(labelled: Members, predicted: Members) -> Floats:
    return _ratio(labelled & predicted, predicted)


def _f1(labelled: Members, predicted: Members) -> Floats:
    return _ratio(2.0 * (labelled & predicted), 1.0 * labelled + predicted)


def _ratio(numerator: NDArray[np.generic], denominator: NDArray[np.generic]) -> Floats:
    """Return the scores of a ratio of two means; it is 0 where the denominator is."""
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    if not below.any():
        return np.zeros(len(below))
    ratio = above.mean() / below.mean()
    scores: Floats = ratio + (above - ratio * below) / below.mean()
    return scores


def area(certainty: Floats, labelled: Members) -> Floats:
    """Return the scores of the area under a ROC curve.

    An image of the class counts with the share of the others that are ranked below it, and one of
    the others with the share of the class that is ranked above it.
    """
    ranks = rankdata(certainty)
    placed = np.empty(len(certainty))
    for members in (labelled, ~labelled):
        above = ranks[members] - rankdata(certainty[members])
        placed[members] = above / (~members).sum()
    placed[~labelled] = 1 - placed[~labelled]
    mean = placed[labelled].mean()
    weights = np.where(labelled, 1 / labelled.mean(), 1 / (~labelled).mean())
    scores: Floats = mean + weights * (placed - mean)
    return scores


def _mean_over_classes(
    answers: Answers, of_class: Callable[[Members, Members], Floats], places: Places
) -> Floats:
    found = [of_class(*_members(answers, place)) for place in places]
    scores: Floats = np.mean(found, axis=0)
    return scores


def _members(answers: Answers, place: int) -> tuple[Members, Members]:
    """Return which images are of a class, and which are predicted to be."""
    return answers.labels == place, answers.predicted == place


def _by_fold(answers: Answers, folds: NDArray[np.int64]) -> Floats:
    scores = np.empty(len(folds))
    for fold in np.unique(folds):
        tested = folds == fold
        scores[tested] = _auroc(answers.of(tested))
    return scores


_OVERALL: Mapping[str, Callable[[Answers], Floats]] = {
    "accuracy": _accuracy,
    "balanced-accuracy": _balanced_accuracy,
    "macro-f1": _macro_f1,
    "auroc": _auroc,
    "log-loss": _log_loss,
    "brier": _brier,
}
_OF_CLASS = {"recall": _recall, "precision": _precision, "f1": _f1}
