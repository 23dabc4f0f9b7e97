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
        f"Confidence and accuracy are {_size(before.error)} points apart on average (about "
        f"{_size(before.low)} to {_size(before.high)}, by bootstrap). Up to "
        f"{_size(before.if_calibrated)} points would be expected by chance even with perfect "
        "calibration."
    )
    verdict = (
        f"The network is {_kind(found.overconfidence)}."
        if before.shown or found.overconfidence.excludes_zero
        else "No miscalibration could be detected."
    )
    own = (
        "A temperature of"
        if networks == 1
        else f"A temperature for each of the {networks} networks, on average"
    )
    mended = (
        f"{own} {found.temperature:.2f}, fitted on validation, brings the gap to "
        f"{_size(after.error)} points ({_size(after.low)} to {_size(after.high)}), and changes "
        f"log loss from {found.log_loss:.4f} to {found.log_loss_after:.4f}."
        f"{'' if found.log_loss_after < found.log_loss else ' On these images it does not help.'}"
    )
    return f"{apart} {verdict} {mended}"


def _kind(overconfidence: Gap) -> str:
    if overconfidence.low > 0:
        return "overconfident"
    if overconfidence.high < 0:
        return "underconfident"
    return "overconfident about some images and underconfident about others"


def of_selection(found: Selection) -> str:
    """Say which confidence a wanted accuracy takes, and what it leaves of the test images."""
    wanted = f"{100 * found.wanted:.3g} %"
    if found.threshold is None:
        return (
            f"An accuracy of {wanted} was not reached on validation with any threshold: ask "
            "for less."
        )
    if found.accuracy.share is None:
        return (
            f"For an accuracy of {wanted} the confidence must be at least {found.threshold:.3f}, "
            "and no test image reaches that."
        )
    coverage, accuracy = found.coverage, found.accuracy
    return (
        f"For an accuracy of {wanted}, answer only if the confidence is at least "
        f"{found.threshold:.3f}. That covers {_percent(coverage)} of the test images, with an "
        f"accuracy of {_percent(accuracy)}. This separates hard images from easy ones. It does "
        "not detect images of something else."
    )


def of_suspects(suspects: int, images: int, accuracy: float) -> str:
    """Say how many labels a network disputes, and what that is worth."""
    if not suspects:
        return f"The network disputes none of the {images:,} validation and test labels."
    return (
        f"The network disputes {suspects:,} of the {images:,} validation and test labels. It is "
        f"right on {100 * accuracy:.1f} % of the test images, so many of these are its own "
        "mistakes. Look at the first ones."
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
