"""The answers, as OpenAPI describes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from convladder.core.errors import UnreadableImage
from convladder.deploy.serve import card_page
from convladder.deploy.serve.naming import name_of
from convladder.deploy.serve.samples import Sample
from convladder.evaluation import sets_in_words, wording
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.predictor import Prediction
from convladder.results.bundle.schema import Figures, Form, PredictionSets, Selection

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body, or the form, cannot be read, or nothing was sent."},
    401: {"description": "The token is missing or wrong."},
    403: {"description": "A foreign host or origin."},
    404: {"description": "Nothing has that name, or corrections are not collected."},
    413: {"description": "More bytes or images than the limit."},
    415: {"description": "A compression other than gzip or deflate."},
    422: {"description": "Nothing sent could be read as an image, or a value is out of range."},
    431: {"description": "The headers are too large."},
    507: {"description": "No room for corrections."},
    503: {"description": "Busy: try again after the seconds in Retry-After."},
}


class Answer(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Share(Answer):
    """A class and its probability, from 0 to 1."""

    class_name: str = Field(alias="class")
    probability: float


class Possible(Answer):
    """The classes that an image may be of, the most probable first.

    `coverage`: the share of images like the test images whose true class is among them.
    """

    classes: tuple[str, ...]
    coverage: float


class OfImage(Answer):
    """The prediction for an image, or why it cannot be read.

    `unsure`: the probability is below the threshold of the bundle, or there is a `warning`.
    `warning`: why the image does not fit the training images. `prediction_set`: the classes that
    it may be of, if the bundle promises any such set.
    """

    name: str = ""
    class_name: str | None = Field(None, alias="class")
    probability: float | None = None
    unsure: bool | None = None
    top: list[Share] = []
    warning: str | None = None
    prediction_set: Possible | None = None
    error: str | None = None


class Predictions(Answer):
    """One prediction per image, in the order of the images."""

    predictions: list[OfImage]


class Heat(Answer):
    """The evidence for the class in each cell, from 0 to 1: row by row, from the top."""

    class_name: str = Field(alias="class")
    cells: list[list[float]]


class Corrected(Answer):
    """Where the image was saved in the folder of corrections, and how many there are."""

    saved: str
    count: int


class SampleInfo(Answer):
    """A picture that the page offers to click, and its label, where that is known."""

    name: str
    label: str | None


class About(Answer):
    """The description of a bundle.

    `name`: what the page calls it. `unsure`: which answers are unsure, and what the threshold is
    worth, in words. `sets`: what its prediction sets are worth, in words; none if the bundle is of
    an earlier format. `card_html`: the model card without the questions that nobody has answered.
    `samples`: the pictures at `/v1/samples/0`, `/v1/samples/1` and so on.
    """

    name: str
    version: str
    trained: str
    rung: str
    class_names: tuple[str, ...]
    form: Form
    selection: Selection
    unsure: str
    prediction_sets: PredictionSets | None
    sets: str | None
    figures: Figures
    temperature: float
    card: str
    card_html: str
    corrections: bool
    samples: list[SampleInfo]


def prediction(name: str, found: Prediction) -> OfImage:
    """Return what is predicted of an image."""
    top = [Share(class_name=each, probability=round(share, 6)) for each, share in found.top]
    return OfImage(
        name=name,
        class_name=found.class_name,
        probability=round(found.confidence, 6),
        unsure=found.unsure,
        top=top,
        warning=found.warning,
        prediction_set=found.prediction_set and Possible(**vars(found.prediction_set)),
    )


def failure(name: str, error: UnreadableImage) -> OfImage:
    """Return why there is no prediction."""
    return OfImage(name=name, error=str(error))


def about(bundle: Bundle, samples: Sequence[Sample], *, corrections: bool) -> About:
    """Return what a bundle is, and what the page offers with it."""
    contents = bundle.contents
    return About(
        name=name_of(bundle),
        version=contents.version,
        trained=contents.trained,
        rung=contents.rung,
        class_names=contents.class_names,
        form=contents.form,
        selection=contents.selection,
        unsure=wording.of_threshold(contents.selection),
        prediction_sets=contents.prediction_sets,
        sets=contents.prediction_sets and sets_in_words.of_bundle(contents.prediction_sets),
        figures=contents.figures,
        temperature=contents.temperature,
        card=bundle.card,
        card_html=card_page.render(bundle.card),
        corrections=corrections,
        samples=[SampleInfo(name=each.name, label=each.label) for each in samples],
    )
