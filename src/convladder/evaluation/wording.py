"""Figures of one network in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from convladder.core.formatting import percent

if TYPE_CHECKING:
    from convladder.evaluation.calibration import Calibration, Gap, Kept, Selection
    from convladder.evaluation.intervals import Proportion
    from convladder.evaluation.thresholds import Basis

_DEGRADED = {
    "gaussian_noise": "noisy images",
    "gaussian_blur": "blurred images",
    "brightness": "brightened images",
    "contrast": "low-contrast images",
    "jpeg_compression": "images compressed much as JPEG",
    "shift": "shifted images",
    "rotation": "rotated images",
}
FEW_MISTAKES = 5  # on test: fewer say little of whether confidences are right
_NO_DISTANCE = 0.0005  # of confidence and accuracy: less is written as 0.0 points
_ONLY_HARD = (
    "This separates hard images from easy ones. It does not detect images of something else."
)

_HELP = (
    "Make the bundle with more validation images, a lower --accuracy, or --as-seen (the threshold "
    "as seen on validation, without a guarantee)"
)


class Threshold(Protocol):
    """A threshold of a network, or of a bundle, with how it was chosen."""

    @property
    def wanted(self) -> float: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def basis(self) -> Basis: ...
    @property
    def validation(self) -> int | None: ...


def of_calibration(found: Calibration, networks: int = 1) -> str:
    """Say whether the confidences agree with the accuracy on test, and what a temperature brings.

    Several networks, such as those of folds, have a temperature each. Hardly any mistakes say
    nothing of calibration, unless a calibrated network would have made more.
    """
    if too_few := _too_few_mistakes(found):
        return too_few
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


def _too_few_mistakes(found: Calibration) -> str:
    """Say that a network makes too few mistakes to be judged; nothing if it can be."""
    images = sum(each.accuracy.images for each in found.bins)
    right = sum(round((each.accuracy.share or 0) * each.accuracy.images) for each in found.bins)
    mistakes = images - right
    judged = found.error.shown and found.error.error >= _NO_DISTANCE
    if not images or judged or mistakes >= FEW_MISTAKES:
        return ""
    if not mistakes:
        made = f"All {images:,} test images are predicted correctly"
    else:
        made = f"Only {mistakes} of {images:,} test images {_are(mistakes)} predicted wrongly"
    return f"{made}. There are too few mistakes to judge the confidence."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _kind(overconfidence: Gap) -> str:
    if overconfidence.low > 0:
        return "overconfident"
    if overconfidence.high < 0:
        return "underconfident"
    return "overconfident about some images and underconfident about others"


def of_selection(found: Selection) -> str:
    """Say which confidence a wanted accuracy takes, and what it leaves of the test images."""
    wanted, seen = f"{100 * found.wanted:.3g} %", _as_seen(found)
    if found.basis == "as-seen":
        return f"{seen} {_ONLY_HARD}" if found.threshold is not None else seen
    if found.threshold is None:
        return f"{_not_shown(found)} {seen}"
    said = (
        f"For an accuracy of {wanted}, answer only if the confidence is at least "
        f"{found.threshold:.3f}. A threshold that is chosen so gives the accuracy in 95 of 100 "
        "networks."
    )
    return f"{said} {_on_test(found)} {seen} {_ONLY_HARD}"


def of_threshold(found: Threshold) -> str:
    """Say in a line which answers are unsure, and what that is worth."""
    wanted = f"an accuracy of {found.wanted:g}"
    if found.basis == "guaranteed":
        return (
            f"unsure below a probability of {found.threshold:.3f}, for {wanted} (guaranteed in 95 "
            "of 100 networks)"
            if found.threshold is not None
            else f"{wanted} cannot be shown on {found.validation:,} validation images: every "
            f"answer is unsure. {_HELP}"
        )
    if found.threshold is None:
        return f"no threshold reached {wanted} on validation: every answer is unsure"
    older = (
        "" if found.validation is not None else ". Make the bundle again to get a guaranteed one"
    )
    return (
        f"unsure below a probability of {found.threshold:.3f}, for {wanted} as seen on "
        f"validation, without a guarantee{older}"
    )


def of_doubt(found: Threshold) -> str:
    """Say what a user must know of a threshold that is not guaranteed; else nothing."""
    if found.threshold is None:
        return f"warning: {of_threshold(found)}"
    return of_threshold(found) if found.basis == "as-seen" else ""


def _not_shown(found: Selection) -> str:
    """Say that no threshold is guaranteed, and what to do."""
    said = (
        f"An accuracy of {100 * found.wanted:.3g} % could not be shown on "
        f"{found.validation:,} validation images."
    )
    if found.fewest is None:
        return f"{said} No number of images shows it: ask for a lower accuracy."
    need = ""
    if found.validation < found.fewest:
        need = f" It takes at least {found.fewest:,}, all predicted correctly."
    return f"{said}{need} Use more validation images, or ask for a lower accuracy."


def _as_seen(found: Selection) -> str:
    """Say which confidence gave a wanted accuracy on validation, and that nothing guarantees it."""
    kept = found.as_seen or found
    if kept.threshold is None:
        return (
            f"An accuracy of {100 * found.wanted:.3g} % was not reached on validation with any "
            "threshold: ask for less."
        )
    return (
        f"As seen on validation, a confidence of at least {kept.threshold:.3f} gives an accuracy "
        f"of {100 * found.wanted:.3g} %. That is no guarantee: on new images, about every second "
        f"such threshold gives less. {_on_test(kept)}"
    )


def _on_test(found: Kept | Selection) -> str:
    if found.accuracy.share is None:
        return "No test image reaches it."
    return (
        f"On test it covers {_percent(found.coverage)} of the images, with an accuracy of "
        f"{_percent(found.accuracy)}."
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


def where(corruption: str) -> str:
    """Return the images that a corruption makes, as people speak of them.

    >>> where("contrast"), where("rotation")
    ('low-contrast images', 'rotated images')
    """
    return _DEGRADED.get(corruption, f"images with {readable(corruption)}")


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
