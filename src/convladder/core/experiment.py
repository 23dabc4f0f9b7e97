"""The experiment: one frozen value that says everything a trial depends on.

>>> experiment = Experiment().replace({"train.epochs": 5, "model.pooling": "max"})
>>> experiment.train.epochs
5
>>> difference(Experiment(), experiment)
{'model.pooling': ('average', 'max'), 'train.epochs': (20, 5)}
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from convladder.core import optimizers
from convladder.core.errors import ExperimentError
from convladder.core.optimizers import OPTIMIZERS

LARGEST_SEED = 2**32 - 1  # that NumPy and Keras take
LARGEST = 2**31 - 1  # of a count: TensorFlow's and NumPy's counters have 32 bits in places
LARGEST_AMOUNT = 2**63 - 1  # of what is counted in 64 bits

Positive = Annotated[int, Field(gt=0, le=LARGEST)]
Amount = Annotated[int, Field(gt=0, le=LARGEST_AMOUNT)]  # of pixels or bytes
Blocks = Annotated[int, Field(ge=0, le=1000)]
Side = Annotated[int, Field(gt=0, le=4096)]  # pixels
Units = Annotated[int, Field(gt=0, le=16384)]
Probability = Annotated[float, Field(ge=0, lt=1)]


def _known_optimizer(name: str) -> str:
    if name not in OPTIMIZERS:
        raise ValueError(unknown_name(name, OPTIMIZERS, "optimizer"))
    return name


OptimizerName = Annotated[
    str,
    AfterValidator(_known_optimizer),
    WithJsonSchema({"enum": list(OPTIMIZERS), "type": "string"}),
]


class Settings(BaseModel):
    """A frozen group of settings that refuses a key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_name(str(key), cls.model_fields, "setting"))
        return values


class Data(Settings):
    """Which images, in which form, and how they are split."""

    source: str = Field(
        "digits",
        description="where the images are, as a command takes DATA (docs/data.md)",
    )
    path_column: str | None = Field(
        None, description="column that holds the image paths (tables); none: the usual names"
    )
    label_column: str | None = Field(
        None, description="column that holds the classes (tables); none: the usual names"
    )
    split_column: str | None = Field(
        None, description="column that holds the splits (tables); none: the usual names"
    )
    group_column: str | None = Field(
        None, description="column that holds the groups (tables); none: the usual names"
    )
    group_pattern: str | None = Field(
        None,
        description=(
            "regular expression; its match in a path (the first bracket, if any) is the group"
        ),
    )
    image_root: str | None = Field(
        None, description="folder where the paths of a table start; none: the table's own folder"
    )
    follow_links: bool = Field(
        False,
        description="follow symbolic links; each file counts once in a class of a split",
    )
    class_level: Literal["top", "leaf"] | None = Field(
        None,
        description=(
            "which of nested folders are the classes; top: the outer ones; leaf: those that hold "
            "the images; none: top, with a note"
        ),
    )
    label_pattern: str | None = Field(
        None,
        description=(
            "regular expression; its match in a path (the first bracket, if any) is the class"
        ),
    )
    classes: tuple[str, ...] | None = Field(
        None, min_length=2, description="use only these classes; none: all"
    )
    min_images: Positive = Field(1, description="leave out classes with fewer images")
    on_leak: Literal["refuse", "drop", "keep"] | None = Field(
        None,
        description=(
            "what to do if copies or groups cross the splits; drop: leave them out of the split "
            "of lower priority; none: refuse, but keep them in built-in data sets, so that "
            "results compare with published ones"
        ),
    )
    copies: Literal["near", "exact", "off"] = Field(
        "near",
        description=(
            "which images count as copies and stay in one split; near: the same picture, also "
            "cropped or in other colours; exact: the same pixels; off: none"
        ),
    )
    image_size: tuple[Side, Side] | None = Field(
        None, description="height and width in pixels; none: from the data"
    )
    channels: Literal[1, 3] | None = Field(None, description="1: grey, 3: RGB; none: from the data")
    resize: Literal["pad", "crop", "stretch"] = Field(
        "pad", description="how images of another shape are fitted to the size"
    )
    background: int = Field(
        128, ge=0, le=255, description="grey level for padding and transparent pixels"
    )
    range: Literal["auto", "full"] | tuple[float, float] = Field(
        "auto",
        description=(
            "values mapped to black and white in images of more than 8 bits, such as 0,4095; "
            "auto: one range for all images, found from them; full: 0,65535"
        ),
    )
    dct_scaling: bool = Field(
        True, description="decode photographs far larger than needed at reduced size (faster)"
    )
    max_pixels: Amount = Field(100_000_000, description="larger images are rejected")
    max_bytes: Amount = Field(256 * 2**20, description="larger files are rejected")
    max_frames: Positive = Field(
        10_000,
        description="images with more frames are rejected; of others, the first frame is used",
    )
    validation: float = Field(
        0.15, gt=0, lt=0.5, description="share of the images, if the source has no such split"
    )
    test: float = Field(
        0.15, gt=0, lt=0.5, description="share of the images, if the source has no such split"
    )
    folds: int | None = Field(
        None,
        ge=2,
        le=100,
        description="cross-validation: number of folds; each fold is tested once",
    )
    fold: int = Field(0, ge=0, lt=100, description="which fold is the test split, from 0")
    split_seed: int = Field(
        0, ge=0, le=LARGEST_AMOUNT, description="seed for the splits and for the subset of a limit"
    )
    limit: Positive | None = Field(None, description="use a stratified subset of this many images")

    @field_validator("group_pattern", "label_pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return pattern

    @field_validator("range", mode="before")
    @classmethod
    def _read_range(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in ("auto", "full"):
            value = value.split(",")
        if isinstance(value, str):
            return value
        try:
            low, high = (float(end) for end in value)
        except (TypeError, ValueError):
            raise ValueError("expected auto, full, or two numbers, such as 0,4095") from None
        if not low < high or not math.isfinite(high - low):
            raise ValueError(
                f"the first number (black) must be below the second (white); got {low:g},{high:g}"
            )
        return low, high

    @model_validator(mode="after")
    def _check_fold(self) -> Self:
        if self.fold and self.fold >= (self.folds or 1):
            raise ValueError(
                f"fold {self.fold} is not one of {self.folds or 1}: folds count from 0"
            )
        if self.group_column and self.group_pattern:
            raise ValueError("group_column and group_pattern exclude each other: give one")
        if self.class_level and self.label_pattern:
            raise ValueError("class_level and label_pattern exclude each other: give one")
        return self


class Model(Settings):
    """A growing convolutional network, or a known one; the defaults are the notebook's LeNet-5."""

    architecture: str = Field(
        "convnet",
        description=(
            "convnet, built from the settings below; or a network of keras.applications, such as "
            "MobileNetV2, for which only head, dense and dropout_dense apply"
        ),
    )
    backbone: str | None = Field(
        None,
        description=(
            "network whose layers below the head are used: a network of keras.applications, or "
            "the folder of a run; set by --pretrained, together with the run's settings for "
            "these layers"
        ),
    )
    pretrained: bool = Field(
        False,
        description=(
            "start from the trained weights of the backbone; its moving statistics stay fixed"
        ),
    )
    weights: str | None = Field(
        None,
        description=(
            "file of weights (.h5) for a backbone of keras.applications, instead of the "
            "ImageNet weights"
        ),
    )
    backbone_sha256: str | None = Field(
        None,
        description="checksum of the layers used from the backbone; set when convladder reads it",
    )
    channels: Literal[1, 3] | None = Field(
        None,
        description="channels of the input; grey images are repeated; none: as in the images",
    )
    preprocessing: Literal["unit", "standardize"] = Field(
        "unit",
        description=(
            "unit: divide by 255; standardize: scale each channel by its mean and standard "
            "deviation in train"
        ),
    )
    whitening: bool = Field(
        False, description="fixed first layer that whitens patches of 2x2 pixels"
    )
    filters: tuple[Units, ...] = Field(
        (6, 16),
        min_length=1,
        description="filters of each convolution; each is followed by pooling",
    )
    kernel_size: int = Field(5, gt=0, le=64)
    padding: Literal["valid", "same"] = "valid"
    pooling: Literal["average", "max"] = "average"
    batch_norm: bool = Field(False, description="batch normalisation between convolution and ReLU")
    # docs/decisions/011-batch-normalisation-has-momentum-09.md
    batch_norm_momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="momentum of the moving mean and variance; the default of Keras is 0.99",
    )
    residual: tuple[Blocks, ...] = Field(
        (), description="number of residual blocks (two 3x3 convolutions) after each pooling"
    )
    squeeze: Positive | None = Field(
        None,
        description=("squeeze and excitation: reduction factor of its inner layer"),
    )
    head: Literal["flatten", "average"] = Field(
        "flatten",
        description=(
            "how feature maps become a vector: all their values, or the mean of each (global "
            "average)"
        ),
    )
    dense: tuple[Units, ...] = Field(
        (120, 84), description="units of the dense layers before the last"
    )
    dropout_conv: tuple[Probability, ...] = Field(
        (), description="dropout rates after the first poolings"
    )
    dropout_dense: tuple[Probability, ...] = Field(
        (), description="dropout rates after the dense layers"
    )

    @model_validator(mode="after")
    def _check_dropout(self) -> Self:
        for rates, layers, name in (
            (self.dropout_conv, self.filters, "filters"),
            (self.dropout_dense, self.dense, "dense"),
        ):
            if len(rates) > len(layers):
                raise ValueError(f"{len(rates)} dropout rates for {len(layers)} layers in {name}")
        if len(self.residual) > len(self.filters):
            raise ValueError(
                f"residual blocks after {len(self.residual)} of {len(self.filters)} convolutions"
            )
        return self


class Augmentation(Settings):
    """Random changes of the training images; all off by default. Borders repeat the edge pixels."""

    brightness: float = Field(0, ge=0, lt=1, description="random factor between 1 - b and 1 + b")
    rotation: float = Field(0, ge=0, le=180, description="largest angle in degrees, to either side")
    shift: float = Field(0, ge=0, lt=1, description="largest shift, as a share of width and height")
    shear: float = Field(0, ge=0, lt=1, description="largest tangent of the shear angle, along x")
    zoom: float = Field(
        0, ge=0, lt=1, description="random factor between 1 - z and 1 + z, for each axis"
    )
    flip: bool = Field(
        False,
        description="mirror half of the images left to right; not if that changes the class",
    )
    crop: int = Field(
        0,
        ge=0,
        le=256,
        description="pad by this many mirrored pixels on each side, then crop at random",
    )
    erasing: float = Field(
        0, ge=0, lt=1, description="share of the area covered by a grey rectangle"
    )
    randaugment: float = Field(
        0,
        ge=0,
        le=1,
        description="strength of two random operations out of fourteen, drawn for each image",
    )
    augmix: float = Field(0, ge=0, le=1, description="strength of the mixed chains of operations")
    mixup: float = Field(
        0,
        ge=0,
        le=1,
        description="alpha of the Beta distribution for mixing pairs of images and labels",
    )
    cutmix: float = Field(
        0,
        ge=0,
        le=1,
        description="alpha of the Beta distribution for pasting a piece of another image",
    )

    @model_validator(mode="after")
    def _check_mixing(self) -> Self:
        if self.mixup and self.cutmix:
            raise ValueError("mixup and cutmix exclude each other: give one")
        return self


class Train(Settings):
    """How long, how fast, and which epoch is kept."""

    epochs: Positive = 20
    batch_size: Positive = 32
    shuffle: Literal["each-epoch", "once"] = Field(
        "each-epoch",
        description="once: every epoch uses the order of the first, as a seeded Keras fit does",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description=(
            "bfloat16: layers compute with 8 bits of fraction; weights and results stay float32"
        ),
    )
    optimizer: OptimizerName = "adam"
    learning_rate: float = Field(
        1e-3, gt=0, description="learning rate; with a schedule, its maximum"
    )
    momentum: float = Field(
        0, ge=0, lt=1, description=f"momentum of {optimizers.takers('momentum')}"
    )
    nesterov: bool = Field(
        False, description=f"Nesterov momentum, for {optimizers.takers('nesterov')} with momentum"
    )
    weight_decay: float = Field(
        0,
        ge=0,
        lt=1,
        description=(
            f"for {optimizers.takers('weight_decay')}: each step shrinks kernels by this share "
            "times the rate"
        ),
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine: falls to 0 at the last step"
    )
    warmup: float = Field(
        0,
        ge=0,
        lt=1,
        description="share of all steps in which the learning rate rises, before cosine",
    )
    label_smoothing: float = Field(
        0, ge=0, lt=1, description="share of each label spread over all classes"
    )
    average_epochs: float | None = Field(
        None,
        gt=0,
        description=("predict with a moving average of the weights over about this many epochs"),
    )
    select: Literal["best", "last"] = Field(
        "best", description="which epoch to keep; best: lowest validation loss"
    )
    early_stopping: Positive | None = Field(
        None, description="stop after this many epochs without progress"
    )
    plateau: Positive | None = Field(
        None, description="lower the learning rate after this many epochs without progress"
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="factor on the learning rate at a plateau"
    )
    frozen_share: float = Field(
        0,
        ge=0,
        le=1,
        description=(
            "share of the epochs, from the first on, in which a trained backbone stays frozen"
        ),
    )
    finetune_factor: float = Field(
        0.1,
        gt=0,
        le=1,
        description="factor on the learning rate in the epochs that train the backbone",
    )
    class_weight: Literal["balanced"] | None = Field(
        None, description="balanced: rare classes count more"
    )
    deterministic: bool = Field(
        True,
        description="the same seed gives bit-for-bit identical results on the same kind of machine",
    )
    checkpoint_seconds: Positive = Field(
        60, description="seconds between checkpoints within an epoch"
    )

    @model_validator(mode="after")
    def _check_optimizer(self) -> Self:
        given = [name for name in optimizers.SETTINGS if getattr(self, name)]
        refusal = optimizers.refusal(self.optimizer, given)
        if refusal:
            raise ValueError(refusal)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum: set it, such as 0.9")
        return self

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if self.warmup and self.schedule == "constant":
            raise ValueError("warmup needs schedule cosine")
        if self.plateau and self.schedule != "constant":
            raise ValueError(
                f"plateau and schedule {self.schedule} would both lower the learning rate: give one"
            )
        return self


class Experiment(Settings):
    """Everything that a trial depends on: data, model, augmentation, training and seed.

    docs/settings.md describes every setting.

    Attributes
    ----------
    data, model, augmentation, train
        The groups of settings.
    seed
        Seed for initial weights, order, augmentation and dropout.
    """

    data: Data = Data()
    model: Model = Model()
    augmentation: Augmentation = Augmentation()
    train: Train = Train()
    seed: int = Field(
        0,
        ge=0,
        le=LARGEST_SEED,
        description="seed for initial weights, order, augmentation and dropout",
    )

    @model_validator(mode="after")
    def _check_backbone(self) -> Self:
        if self.train.frozen_share and not self.model.pretrained:
            raise ValueError(
                "train.frozen_share freezes trained weights: it needs model.pretrained = true"
            )
        if self.model.weights and not self.model.backbone:
            raise ValueError("model.weights is for a backbone: name its network too (--pretrained)")
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any] | str) -> Self:
        """Make an experiment of nested values or of JSON text.

        Parameters
        ----------
        values
            Groups of settings by name, or JSON text of these; what is missing has its default.

        Returns
        -------
        Experiment
            The experiment, checked.

        Raises
        ------
        ExperimentError
            A key is unknown or a value is out of its range.
        """
        try:
            return cls.model_validate(
                json.loads(values) if isinstance(values, str) else dict(values)
            )
        except json.JSONDecodeError as error:
            raise ExperimentError(f"not valid JSON: {error}") from None
        except ValidationError as error:
            raise ExperimentError("; ".join(map(_explain, error.errors()))) from None

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Return the experiment with some settings changed.

        Parameters
        ----------
        changes
            New values under their dotted keys; the text `none` clears a setting that may be empty.

        Returns
        -------
        Experiment
            The experiment, checked.

        Raises
        ------
        ExperimentError
            A key is unknown or a value is out of its range.
        """
        values = self.model_dump()
        for key, value in changes.items():
            _set(values, key, None if value == "none" else value)
        return self.parse(values)

    def to_json(self) -> str:
        # unlike pydantic's, this bears names that are not UTF-8
        """Return the experiment as JSON text.

        Returns
        -------
        str
            All settings, which `parse` reads.
        """
        return json.dumps(self.model_dump(), indent=2)


def flatten(experiment: Experiment) -> dict[str, Any]:
    """Return the settings under their dotted keys, in the order of their definition."""
    flat: dict[str, Any] = {}
    for name, value in experiment:
        if isinstance(value, Settings):
            flat |= {f"{name}.{key}": item for key, item in value}
        else:
            flat[name] = value
    return flat


def difference(left: Experiment, right: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return `{dotted key: (left value, right value)}` for the settings that differ."""
    others = flatten(right)
    return {
        key: (value, others[key]) for key, value in flatten(left).items() if value != others[key]
    }


def takes_fractions(key: str) -> bool:
    """Whether the setting under a dotted key may be a number that is not whole."""
    group, _, name = key.rpartition(".")
    settings = Experiment.model_fields[group].annotation if group else Experiment
    annotation = settings.model_fields[name].annotation  # type: ignore[union-attr]
    return float in (annotation, *get_args(annotation))


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read `key=value` texts; a value is TOML if it can be (`3e-4`, `true`, `[32, 64]`), else text.

    >>> parse_assignments(["train.learning_rate=3e-4", "model.padding=same"])
    {'train.learning_rate': 0.0003, 'model.padding': 'same'}
    """
    changes = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ExperimentError(
                f"--set needs KEY=VALUE, such as train.learning_rate=3e-4; got {assignment!r}"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        changes[key.strip()] = value
    return changes


def unknown_name(name: str, valid: Iterable[str], what: str) -> str:
    """Say that `name` is unknown, with the nearest valid name, or with all where none is near."""
    names = list(valid)
    folded = {each.casefold(): each for each in names}
    near = [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
    return f"unknown {what} {name!r}: {hint}"


def check_setting(key: str) -> None:
    """Raise ExperimentError where a dotted key is no setting, with the one that may be meant."""
    every = list(flatten(Experiment()))
    if key not in every:
        matching = [name for name in every if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
        if len(matching) == 1:
            raise ExperimentError(f"unknown setting {key!r}: did you mean {matching[0]!r}?")
        short = [name for name in every if _initials(name) == key.rsplit(".", 1)[-1]]
        if len(short) == 1:  # lr for learning_rate
            raise ExperimentError(f"unknown setting {key!r}: did you mean {short[0]!r}?")
        raise ExperimentError(unknown_name(key, every, "setting"))


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    check_setting(key)
    *groups, last = key.split(".")
    for group in groups:
        values = values[group]
    values[last] = value


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.rsplit(".", 1)[-1].split("_"))


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        message = "expected a list, such as [32, 64]"
    if error["type"] == "too_short":
        message = f"expected {error['ctx']['min_length']} or more"
    got = "" if error["type"] in ("value_error", "json_invalid") else f" (got {error['input']!r})"
    return f"{where}: {message}{got}" if where else f"{message}{got}"
