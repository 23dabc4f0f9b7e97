"""What `bundle.json` says: plain values, each of a known kind and within its range."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from convladder.core.experiment import Experiment
from convladder.data.decoding.image_form import ImageForm, Limits
from convladder.data.decoding.intensity import IntensityRange
from convladder.models.catalog import OWN
from convladder.models.variants import NETWORKS

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(gt=0, le=4096)]

_SEPARATORS = ("/", "\\")


class Strict(BaseModel):
    """Values that are taken as they are or not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Intensity(Strict):
    """The values of deep images that become black and white: see `intensity.IntensityRange`."""

    low: float
    high: float
    mixed: bool
    outside: Share
    levels: int = Field(ge=0, le=255)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError("its low end is not below its high end")
        return self


class Form(Strict):
    """The shape that images are brought to, and how: see `data.decoding.images.ImageForm`."""

    height: Side
    width: Side
    channels: Literal[1, 3]
    resize: Literal["pad", "crop", "stretch"]
    background: int = Field(ge=0, le=255)
    dct_scaling: bool
    intensity: Intensity | None = None  # of bundles that say none, and of those of images of 8 bits

    @classmethod
    def of(cls, form: ImageForm) -> Self:
        """Return what a bundle says of a form."""
        found = form.intensity and Intensity(**vars(form.intensity))
        return cls(**vars(form) | {"intensity": found})

    def image_form(self) -> ImageForm:
        """Return the form that it says."""
        found = self.intensity and IntensityRange(**dict(self.intensity))
        return ImageForm(**dict(self) | {"intensity": found})


class Measured(Strict):
    """A share of images with its 95 % interval; without images there is none."""

    share: Share | None
    low: Share
    high: Share
    images: int = Field(ge=0)


class Kept(Strict):
    """A threshold of the largest probability, and what it keeps of the test images."""

    threshold: Share | None
    coverage: Measured
    accuracy: Measured


class Selection(Kept):
    """Predict only from a threshold on: chosen on validation for an accuracy, judged on test.

    threshold : None where validation shows none, and every prediction is unsure.
    basis : how it was chosen: "guaranteed" holds in 95 of 100 networks, "as-seen" has no margin.
        Bundles of format 1 do not say it, and have the latter.
    validation : the number of validation images, from format 2 on.
    as_seen : beside a guaranteed one, the threshold as seen on validation.
    """

    wanted: Share
    basis: Literal["guaranteed", "as-seen"] = "as-seen"
    validation: int | None = Field(None, ge=0)
    as_seen: Kept | None = None


class PredictionSets(Strict):
    """Sets of the classes that an image may be of: chosen on validation, see `conformal`.

    wanted : the coverage promised. least_probability : that from which on a class belongs to the
        set of an image; None where there were too few validation images to promise any. coverage :
        the share of test images whose set holds the true class. single : whose set has one class.
        mean_size : the mean number of classes. validation : the number of validation images.
    """

    wanted: float = Field(gt=0, lt=1)
    least_probability: Share | None
    coverage: Measured
    single: Measured
    mean_size: float | None = Field(ge=1)
    validation: int = Field(ge=0)


class Figures(Strict):
    """What the network came to on the test images, and what it costs: FLOPs for one image."""

    accuracy: Measured
    log_loss: float = Field(ge=0)
    parameters: int = Field(gt=0)
    flops: int = Field(gt=0)


class Tensor(Strict):
    """The shape of an array of weights, and its type as safetensors names it."""

    shape: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(max_length=8)
    dtype: Literal["F32", "F16", "BF16", "I64", "I32", "U32", "U8"]


class Statistics(Strict):
    """Mean and standard deviation of each channel over the training pixels, 0 to 255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Contents(Strict):
    """All of a bundle that is not an array.

    version : of convladder that made it. trained : when, as ISO 8601. images : the fingerprint of
        those it was trained with. prediction_sets : from format 3 on. tensors : the weights by
        their paths in the network, in its order.
    """

    version: str = Field(max_length=100)
    trained: str = Field(max_length=40)
    rung: str = Field(max_length=200)
    images: str = Field(max_length=200)
    class_names: tuple[Annotated[str, Field(max_length=1000)], ...] = Field(
        min_length=2, max_length=100_000
    )
    form: Form
    temperature: float = Field(gt=0, le=1000)
    selection: Selection
    prediction_sets: PredictionSets | None = None
    figures: Figures
    statistics: Statistics | None
    tensors: dict[Annotated[str, Field(max_length=500)], Tensor] = Field(max_length=100_000)
    experiment: Experiment

    @field_validator("experiment", mode="before")
    @classmethod
    def _read_experiment(cls, value: Any) -> Any:
        return Experiment.parse(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_experiment(self) -> Self:
        model, data = self.experiment.model, self.experiment.data
        if model.architecture not in (OWN, *NETWORKS):
            raise ValueError(f"there is no architecture {model.architecture!r}")
        for place in (data.source, data.image_root, model.backbone, model.weights):
            if place and any(separator in place for separator in _SEPARATORS):
                raise ValueError(f"it names a path ({place!r})")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("two classes have one name")
        return self

    @property
    def image_form(self) -> ImageForm:
        return self.form.image_form()

    @property
    def pixel_statistics(self) -> list[list[float]] | None:
        """Mean and deviation of each channel, as a run's `model.json` has them."""
        return (
            [list(self.statistics.mean), list(self.statistics.deviation)]
            if self.statistics
            else None
        )

    @property
    def limits(self) -> Limits:
        """What an image file may be at most."""
        data = self.experiment.data
        return Limits(data.max_pixels, data.max_bytes, data.max_frames)
