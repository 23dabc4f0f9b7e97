"""Figures of one network in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convladder.core.formatting import percent

if TYPE_CHECKING:
    from convladder.evaluation.calibration import Calibration, Gap, Selection
    from convladder.evaluation.intervals import Proportion


def of_calibration(found: Calibration, networks: int = 1) -> str:
    """Say whether the confidences agree with the accuracy on test, and what a temperature brings.

    Several networks, such as those of folds, have a temperature each.
    """
    before, after = found.error, found.error_after
    apart = (
        f"Confidence and accuracy lie {_size(before.error)} points apart on average "
        f"(95 % interval {_size(before.low)} to {_size(before.high)}); "
        f"chance parts those of a calibrated network by up to {_size(before.if_calibrated)}."
    )
    verdict = (
        f"It is {_kind(found.overconfidence)}."
        if before.shown
        else "No miscalibration can be shown."
    )
    own = (
        "A temperature of"
        if networks == 1
        else f"A temperature for each of the {networks} networks, on average"
    )
    mended = (
        f"{own} {found.temperature:.2f}, fitted on validation, takes the distance to "
        f"{_size(after.error)} points ({_size(after.low)} to {_size(after.high)}), "
        f"and log loss from {found.log_loss:.4f} to {found.log_loss_after:.4f}"
        f"{'.' if found.log_loss_after < found.log_loss else ': on these images it does not help.'}"
    )
    return f"{apart} {verdict} {mended}"


def _kind(overconfidence: Gap) -> str:
    if overconfidence.low > 0:
        return "too sure of itself"
    if overconfidence.high < 0:
        return "not sure enough"
    return "too sure of some images and not sure enough of others"


def of_selection(found: Selection) -> str:
    """Say which confidence a wanted accuracy takes, and what it leaves of the test images."""
    wanted = f"{100 * found.wanted:.3g} %"
    if found.threshold is None:
        return (
            f"An accuracy of {wanted} was not reached on validation by any threshold: ask for less."
        )
    if found.accuracy.share is None:
        return (
            f"For an accuracy of {wanted} the confidence must be at least {found.threshold:.3f}, "
            "which that of no test image is."
        )
    coverage, accuracy = found.coverage, found.accuracy
    return (
        f"For an accuracy of {wanted}, predict where the confidence is at least "
        f"{found.threshold:.3f}. That leaves {_percent(coverage)} of the test images, with an "
        f"accuracy of {_percent(accuracy)}. This tells hard images from easy ones; it does not "
        "detect images of something else."
    )


def of_suspects(suspects: int, images: int, accuracy: float) -> str:
    """Say how many labels a network disputes, and what that is worth."""
    if not suspects:
        return f"Of {images:,} labels in validation and test the network disputes none."
    return (
        f"Of {images:,} labels in validation and test the network disputes {suspects:,}. It is "
        f"right on {100 * accuracy:.1f} % of the test images, so many of these are its own "
        "mistakes: look at the first."
    )


def readable(name: str) -> str:
    """Return a corruption's name as people write it.

    >>> readable("jpeg_compression")
    'JPEG compression'
    """
    return name.replace("_", " ").replace("jpeg", "JPEG").replace("gaussian", "Gaussian")


def _percent(found: Proportion) -> str:
    return f"{percent(found.share or 0)} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _size(share: float) -> str:
    return f"{100 * share:.1f}"
