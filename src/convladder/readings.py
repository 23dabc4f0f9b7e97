"""Results in sentences: the interval is read, not the wish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convladder.evaluation.calibration import Calibration, Selection
    from convladder.evaluation.proportions import Proportion
    from convladder.results import Claim, Standing


def of_claim(claim: Claim, standings: Mapping[str, Standing]) -> str:
    """Say in Markdown what a claim shows, how sure that is, and what the rung costs more than its reference."""
    own, reference = standings[claim.rung], standings[claim.reference]
    who = f"**{claim.rung}** against {claim.reference}"
    return f"{who}: {_difference(claim, own)} The price: {_price(own, reference)}."


def of_calibration(found: Calibration) -> str:
    """Say whether the confidences agree with the accuracy on test, and what a temperature brings."""
    before, after = found.error, found.error_after
    apart = (
        f"Confidence and accuracy lie {_size(before.error)} points apart on average "
        f"(95 % interval {_size(before.low)} to {_size(before.high)}); "
        f"chance parts those of a calibrated network by up to {_size(before.if_calibrated)}."
    )
    kind = "too sure of itself" if found.temperature > 1 else "not sure enough"
    verdict = f"It is {kind}." if before.shown else "No miscalibration can be shown."
    mended = (
        f"A temperature of {found.temperature:.2f}, fitted on validation, takes the distance to "
        f"{_size(after.error)} points ({_size(after.low)} to {_size(after.high)}), "
        f"and log loss from {found.log_loss:.4f} to {found.log_loss_after:.4f}."
    )
    return f"{apart} {verdict} {mended}"


def of_selection(found: Selection) -> str:
    """Say which confidence a wanted accuracy takes, and what it leaves of the test images."""
    if found.threshold is None or found.accuracy.share is None or found.coverage.share is None:
        return f"An accuracy of {found.wanted:.0%} was not reached on validation by any threshold."
    coverage, accuracy = found.coverage, found.accuracy
    return (
        f"For an accuracy of {found.wanted:.0%}: predict where the confidence is at least {found.threshold:.3f}. "
        f"That leaves {_percent(coverage)} of the test images, with an accuracy of {_percent(accuracy)}. "
        "This tells hard images from easy ones; it does not detect images of something else."
    )


def of_suspects(suspects: int, images: int, accuracy: float) -> str:
    """Say how many labels a network disputes, and what that is worth."""
    return (
        f"Of {images:,} labels in validation and test the network disputes {suspects:,}. It is right on "
        f"{100 * accuracy:.1f} % of the test images, so many of these are its own mistakes: look at the first."
    )


def _percent(found: Proportion) -> str:
    return f"{100 * (found.share or 0):.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _size(share: float) -> str:
    return f"{100 * share:.1f}"


def _difference(claim: Claim, own: Standing) -> str:
    found = claim.difference
    points = f"{_points(found.difference)} points"
    seeds, images = own.accuracy.seeds, own.accuracy.images
    if found.low is None or found.high is None or found.detectable is None:
        return f"{points}, but **no comparison** can be claimed with {seeds} seed{'' if seeds == 1 else 's'}."
    interval = f"{points} (95 % interval {_points(found.low)} to {_points(found.high)})"
    if found.verdict == "no detectable difference":
        return (
            f"{interval}, so **no detectable difference**: with {seeds} seeds and {images:,} test images, "
            f"a true difference of less than {100 * found.detectable:.1f} points is likely to be missed."
        )
    return f"{interval}, so **{found.verdict}** on these images."


def _price(own: Standing, reference: Standing) -> str:
    parameters = _times(own.price.parameters, reference.price.parameters) or "as many"
    flops = _times(own.price.flops, reference.price.flops) or "the same"
    return f"{parameters} parameters, {flops} FLOPs"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")


def _times(own: int, reference: int) -> str:
    """Return the ratio as words, such as `2.21 times the`; nothing where both are equal."""
    return "" if own == reference else f"{own / reference:.3g} times the"
