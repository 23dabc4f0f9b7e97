"""Prediction sets in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from convladder.core.formatting import either, percent
from convladder.evaluation import conformal

if TYPE_CHECKING:
    from convladder.evaluation.prediction_sets import PredictionSets

NAMED = 4  # classes of a set that are named in a line


class Share(Protocol):
    """A measured share of images with its interval."""

    @property
    def share(self) -> float | None: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class Sets(Protocol):
    """The prediction sets of a network, or of a bundle, and what they do on test."""

    @property
    def wanted(self) -> float: ...
    @property
    def least_probability(self) -> float | None: ...
    @property
    def coverage(self) -> Share: ...
    @property
    def mean_size(self) -> float | None: ...
    @property
    def validation(self) -> int: ...


def of_set(class_names: Sequence[str]) -> str:
    """Name the classes of a set, the first of them if there are many.

    >>> of_set(["cat", "dog"]), of_set("abcdefg")
    ('cat or dog', 'a, b, c, d or 3 others')
    """
    others = len(class_names) - NAMED
    if others <= 1:
        return either(class_names)
    return either([*class_names[:NAMED], f"{others:,} others"])


def of_promise(coverage: float) -> str:
    """Say what a prediction set of this coverage promises.

    >>> of_promise(0.95)
    'the true class is among these in 95 of 100 images like the test images'
    """
    return f"the true class is among these in {_of_hundred(coverage)} images like the test images"


def of_brackets(coverage: float) -> str:
    """Explain the classes in brackets behind a prediction."""
    return (
        "in brackets: the classes that an image may be of, if it is more than one. Over all images "
        f"like the test images, with brackets or without, the true class is named in "
        f"{_of_hundred(coverage)}. Hard classes can be named less often"
    )


def of_sets(found: PredictionSets) -> str:
    """Say what the prediction sets of a network promise, and what they do on test."""
    if found.least_probability is None:
        return f"{_too_few(found)} Use more validation images, or ask for a lower coverage."
    promise = (
        "A prediction set lists the classes that an image may be of. It is made so that "
        f"{of_promise(found.wanted)}."
    )
    if found.mean_size is None:
        return f"{promise} There are no test images to measure that on."
    return (
        f"{promise} {_measured(found)} The share of images with a single class is "
        f"{percent(found.single.share or 0)}. A network that knows less has larger sets."
    )


def of_bundle(found: Sets) -> str:
    """Say in a line what the prediction sets of a bundle are worth."""
    if found.least_probability is None:
        return f"{_too_few(found)} Make the bundle with more validation images, or less --coverage"
    said = f"prediction sets: {of_promise(found.wanted)}"
    if found.mean_size is None:
        return said
    return (
        f"{said} (measured on test: {percent(found.coverage.share or 0)}, "
        f"{found.mean_size:.2f} classes on average)"
    )


def _measured(found: Sets) -> str:
    return (
        f"On test it was among them in {percent(found.coverage.share or 0)} "
        f"({100 * found.coverage.low:.1f} to {100 * found.coverage.high:.1f}) of the images, and a "
        f"set had {found.mean_size:.2f} classes on average."
    )


def _too_few(found: Sets) -> str:
    return (
        f"Prediction sets for {_of_hundred(found.wanted)} images take at least "
        f"{conformal.fewest_images(found.wanted):,} validation images, and there are "
        f"{found.validation:,}."
    )


def _of_hundred(coverage: float) -> str:
    return f"{100 * coverage:g} of 100"
