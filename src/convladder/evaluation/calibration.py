"""Does a probability mean what it says, and when should the network say that it is unsure?

The *confidence* of a prediction is the probability of the predicted class. A network is calibrated
if, of the images with a confidence of 0.8, eight in ten are predicted correctly (Guo et al. 2017,
"On calibration of modern neural networks", ICML). What is fitted here is fitted on validation and
judged on test.

None of this detects images of something else: a network can be sure of a picture of no class that
it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax, stdtrit

from convladder.evaluation import predictions, thresholds
from convladder.evaluation.intervals import LEVEL, Proportion, proportion
from convladder.evaluation.thresholds import Basis

BINS = 10
DRAWS = 1000  # of a resampling
TEMPERATURES = (0.05, 20.0)

Floats = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Bin:
    """Test images of like confidence: the mean confidence, and the share predicted correctly."""

    confidence: float
    accuracy: Proportion


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error on test.

    error : mean distance of confidence and accuracy over bins of equally many images (Guo et al.
        2017). It is biased upwards, since chance alone parts the two in every bin.
    if_calibrated : what 95 % of perfectly calibrated networks with these confidences would stay
        below (consistency resampling: Bröcker and Smith 2007, "Increasing the reliability of
        reliability diagrams").
    low, high : an interval over other test images, by the basic bootstrap, which mirrors the bias
        away (Davison and Hinkley 1997, section 5.2); from 0 where the error is not shown. Meant to
        cover 95 %, it covered the error of networks with planted miscalibration in 84 to 99 % of
        150 simulations each, with 300 and 2,000 images; the usual percentile bootstrap in 0 to 96
        %.
    """

    error: float
    low: float
    high: float
    if_calibrated: float

    @property
    def shown(self) -> bool:
        """Whether the error is larger than chance makes that of a calibrated network."""
        return self.error > self.if_calibrated


@dataclass(frozen=True)
class Gap:
    """Mean confidence less accuracy on test, with its 95 % interval: above 0 is overconfident."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the network is over- or underconfident on the whole."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Calibration:
    """Calibration on test, before and after the temperature that was fitted on validation."""

    temperature: float
    overconfidence: Gap
    bins: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]
    error: CalibrationError
    error_after: CalibrationError
    log_loss: float
    log_loss_after: float


@dataclass(frozen=True)
class Kept:
    """What a threshold keeps: the share of test images, and the accuracy on these."""

    threshold: float | None
    coverage: Proportion
    accuracy: Proportion


@dataclass(frozen=True)
class Selection:
    """Predict only if the confidence, after temperature, reaches a threshold of validation.

    wanted : the accuracy that was asked for. threshold : None where validation shows none.
    coverage : the share of test images that are still predicted. accuracy : on these.
    basis : how the threshold was chosen, "guaranteed" or "as-seen" (`evaluation.thresholds`).
    validation : the number of validation images. as_seen : beside a guaranteed threshold, the one
        as seen on validation, without a guarantee.
    """

    wanted: float
    threshold: float | None
    coverage: Proportion
    accuracy: Proportion
    basis: Basis
    validation: int
    as_seen: Kept | None

    @property
    def fewest(self) -> int | None:
        """How many validation images it takes at least to show the accuracy."""
        return thresholds.fewest_images(self.wanted)


def assess(*tables: pd.DataFrame) -> Calibration:
    """Assess a table of predictions with the splits `validation` and `test`.

    Of several networks, such as those of folds, give a table each: they are judged together on all
    their test images, each after the temperature of its own validation images. `temperature` is the
    geometric mean of these.
    """
    temperatures = [temperature_of(table) for table in tables]
    tested = [_split(table, "test") for table in tables]
    before, labels = (np.concatenate(parts) for parts in zip(*tested, strict=True))
    after = np.concatenate(
        [apply_temperature(part, own) for (part, _), own in zip(tested, temperatures, strict=True)]
    )
    return Calibration(
        float(np.exp(np.log(temperatures).mean())),
        overconfidence(before, labels),
        reliability(before, labels),
        reliability(after, labels),
        calibration_error(before, labels),
        calibration_error(after, labels),
        _log_loss(np.log(_clipped(before)), labels),
        _log_loss(np.log(_clipped(after)), labels),
    )


def select(table: pd.DataFrame, wanted: float, *, as_seen: bool = False) -> Selection:
    """Choose a threshold for this accuracy on validation; judge it on test.

    It is the guaranteed one, or with `as_seen` the one as seen on validation.
    """
    validation, test = (_split(table, name) for name in ("validation", "test"))
    temperature = fit_temperature(*validation)
    seen, tested = (
        _confidence(apply_temperature(probabilities, temperature), labels)
        for probabilities, labels in (validation, test)
    )
    found = _keep(thresholds.threshold_as_seen(*seen, wanted), *tested)
    beside = None if as_seen else found
    if not as_seen:
        found = _keep(thresholds.choose_threshold(*seen, wanted), *tested)
    basis: Basis = "as-seen" if as_seen else "guaranteed"
    return Selection(wanted, **vars(found), basis=basis, validation=len(seen[0]), as_seen=beside)


def temperature_of(table: pd.DataFrame) -> float:
    """Fit the temperature on the split `validation` of a table of predictions."""
    return fit_temperature(*_split(table, "validation"))


# docs/decisions/018-the-temperature-assumes-one-more-mistake.md
def fit_temperature(probabilities: Floats, labels: Labels) -> float:
    """Return the temperature with the least log loss; above 1 the network was overconfident.

    `probabilities` are `(N, classes)`, `labels` `(N,)`. Of the label's weight one part in N + 2 is
    shared out to the other classes, as if one more image might have been wrong: without a single
    mistake the least loss would be at temperature 0 (Platt 1999, "Probabilistic outputs for support
    vector machines", section 2.2).
    """
    from scipy.optimize import minimize_scalar

    logits = np.log(_clipped(probabilities))
    images, classes = logits.shape
    spared = 1 / (images + 2)
    weights = np.full(logits.shape, spared / (classes - 1))
    weights[np.arange(images), labels] = 1 - spared

    def loss(log_temperature: float) -> float:
        return float(
            -(weights * log_softmax(logits / np.exp(log_temperature), axis=1)).sum() / images
        )

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Return the probabilities `(N, classes)` after dividing their logits by a temperature."""
    heated: Floats = softmax(np.log(_clipped(probabilities)) / temperature, axis=1)
    return heated


def reliability(probabilities: Floats, labels: Labels, bins: int = BINS) -> tuple[Bin, ...]:
    """Sort the predictions by confidence into bins of equally many."""
    confidence, correct = _confidence(probabilities, labels)
    order = np.argsort(confidence, kind="stable")
    parts = np.split(order, _bin_starts(len(order), bins)[1:])
    return tuple(
        Bin(float(confidence[part].mean()), proportion(int(correct[part].sum()), len(part)))
        for part in parts
    )


# docs/decisions/013-the-calibration-errors-interval-mirrors-the-bootstrap.md
def calibration_error(probabilities: Floats, labels: Labels, seed: int = 0) -> CalibrationError:
    """Return the expected calibration error with its interval; `seed` draws the resamplings."""
    confidence, correct = _confidence(probabilities, labels)
    order = np.argsort(confidence, kind="stable")
    confidence, gaps = confidence[order], (confidence - correct)[order]
    draw, size, starts = np.random.default_rng(seed), len(gaps), _bin_starts(len(gaps))
    resampled, calibrated = np.empty(DRAWS), np.empty(DRAWS)
    for number in range(DRAWS):
        times_drawn = np.bincount(draw.integers(size, size=size), minlength=size)
        resampled[number] = _error(gaps * times_drawn, starts)
        calibrated[number] = _error(confidence - (draw.random(size) < confidence), starts)
    error, if_calibrated = _error(gaps, starts), float(np.quantile(calibrated, LEVEL))
    low, high = (
        2 * error - float(np.quantile(resampled, tail))
        for tail in ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    )
    low = max(0.0, low) if error > if_calibrated else 0.0
    return CalibrationError(error, low, min(1.0, max(high, error)), if_calibrated)


def overconfidence(probabilities: Floats, labels: Labels) -> Gap:
    """Return the mean confidence less the accuracy, with Student's interval over images."""
    confidence, correct = _confidence(probabilities, labels)
    gaps = confidence - correct
    mean = float(gaps.mean())
    if len(gaps) < 2:
        return Gap(mean, -1.0, 1.0)
    student = float(stdtrit(len(gaps) - 1, (1 + LEVEL) / 2))
    reach = student * float(gaps.std(ddof=1)) / np.sqrt(len(gaps))
    return Gap(mean, mean - reach, mean + reach)


def _split(table: pd.DataFrame, name: str) -> tuple[Floats, Labels]:
    rows = predictions.part(table, name)
    return predictions.probabilities(rows), predictions.positions(rows, "label")


def _confidence(probabilities: Floats, labels: Labels) -> tuple[Floats, NDArray[np.bool_]]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels


def _keep(threshold: float | None, confidence: Floats, correct: NDArray[np.bool_]) -> Kept:
    """Judge a threshold on test; None keeps no image."""
    kept = confidence >= (np.inf if threshold is None else threshold)
    images = int(kept.sum())
    return Kept(
        threshold,
        proportion(images, len(kept)),
        proportion(int(correct[kept].sum()), images),
    )


def _error(gaps: Floats, starts: NDArray[np.int64]) -> float:
    """Average the gaps of confidence and accuracy over bins, in the order of confidence."""
    return float(np.abs(np.add.reduceat(gaps, starts)).sum() / len(gaps))


def _bin_starts(images: int, bins: int = BINS) -> NDArray[np.int64]:
    """Return where bins of equally many images begin."""
    return np.linspace(0, images, min(bins, images), endpoint=False).astype(np.int64)


def _clipped(probabilities: Floats) -> Floats:
    return np.clip(probabilities, np.finfo(np.float64).tiny, 1)


def _log_loss(log_probabilities: Floats, labels: Labels) -> float:
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())
