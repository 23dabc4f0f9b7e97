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
        None, description="of a table, the column of paths; none: the usual names"
    )
    label_column: str | None = Field(
        None, description="of a table, the column of labels; none: the usual names"
    )
    split_column: str | None = Field(
        None, description="of a table, the column of splits; none: the usual names"
    )
    group_column: str | None = Field(
        None, description="of a table, the column of groups; none: the usual names"
    )
    group_pattern: str | None = Field(
        None,
        description=(
            "regular expression; what it finds in a path (its first bracket, if any) is the group"
        ),
    )
    image_root: str | None = Field(
        None, description="where a table's paths start; none: its own folder"
    )
    follow_links: bool = Field(
        False,
        description="read what symbolic links lead to; each file counts once in a class of a split",
    )
    class_level: Literal["top", "leaf"] | None = Field(
        None,
        description=(
            "of folders in class folders: top: the outer ones are classes, leaf: those that hold "
            "the images; none: top, and it is said"
        ),
    )
    label_pattern: str | None = Field(
        None,
        description=(
            "regular expression; what it finds in a path (its first bracket, if any) is the class"
        ),
    )
    classes: tuple[str, ...] | None = Field(
        None, min_length=2, description="use these classes only; none: all"
    )
    min_images: Positive = Field(1, description="leave out classes of fewer images")
    on_leak: Literal["refuse", "drop", "keep"] | None = Field(
        None,
        description=(
            "where copies or groups cross the splits; drop: leave them out of train; none: "
            "refuse, but keep those of built-in sets, whose splits are what others report on"
        ),
    )
    copies: Literal["near", "exact", "off"] = Field(
        "near",
        description=(
            "which images are copies of each other, and so kept in one split; near: the same "
            "picture, also cropped or in other colours; exact: the same pixels; off: none"
        ),
    )
    image_size: tuple[Side, Side] | None = Field(
        None, description="height, width in pixels; none: from the data"
    )
    channels: Literal[1, 3] | None = Field(None, description="1 grey, 3 RGB; none: from the data")
    resize: Literal["pad", "crop", "stretch"] = Field(
        "pad", description="how other shapes are brought to size"
    )
    background: int = Field(
        128, ge=0, le=255, description="grey level behind transparency and padding"
    )
    range: Literal["auto", "full"] | tuple[float, float] = Field(
        "auto",
        description=(
            "values of images of more than 8 bits that become black and white, such as 0,4095; "
            "auto: one range for all, found from them; full: 0,65535"
        ),
    )
    dct_scaling: bool = Field(
        True, description="decode photographs far larger than needed at a fraction"
    )
    max_pixels: Amount = Field(100_000_000, description="larger images are rejected")
    max_bytes: Amount = Field(256 * 2**20, description="larger files are rejected")
    max_frames: Positive = Field(
        10_000, description="images of more frames are rejected; the first is taken"
    )
    validation: float = Field(
        0.15, gt=0, lt=0.5, description="share cut off where the source has none"
    )
    test: float = Field(0.15, gt=0, lt=0.5, description="share cut off where the source has none")
    folds: int | None = Field(
        None, ge=2, le=100, description="cross-validation: test each of so many parts in turn"
    )
    fold: int = Field(0, ge=0, lt=100, description="which part is the test split, from 0")
    split_seed: int = Field(
        0, ge=0, le=LARGEST_AMOUNT, description="draws the split and the subset of a limit"
    )
    limit: Positive | None = Field(None, description="use a stratified subset of so many images")

    @field_validator("group_pattern", "label_pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
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
                f"the first number is that of black and the lesser; got {low:g},{high:g}"
            )
        return low, high

    @model_validator(mode="after")
    def _check_fold(self) -> Self:
        if self.fold and self.fold >= (self.folds or 1):
            raise ValueError(f"fold {self.fold} is not among {self.folds or 1}: they count from 0")
        if self.group_column and self.group_pattern:
            raise ValueError("group_column and group_pattern exclude each other: give one")
        if self.class_level and self.label_pattern:
            raise ValueError("class_level and label_pattern exclude each other: give one")
        return self


class Model(Settings):
    """A growing convolutional network, or a known one; its defaults are LeNet-5 as the notebook
    trains it.
    """

    architecture: str = Field(
        "convnet",
        description=(
            "convnet, which the settings below describe; or a network of keras.applications, such "
            "as MobileNetV2, of which they describe the head alone: head, dense and dropout_dense"
        ),
    )
    backbone: str | None = Field(
        None,
        description=(
            "whose layers up to the head are taken: a network of keras.applications, or the "
            "folder of a run; --pretrained sets it, and with it what the run says of these layers"
        ),
    )
    pretrained: bool = Field(
        False,
        description=(
            "begin with the trained weights of the backbone; its moving statistics stay as they are"
        ),
    )
    weights: str | None = Field(
        None,
        description=(
            "a file of weights (.h5) for a backbone of keras.applications, instead of ImageNet's"
        ),
    )
    backbone_sha256: str | None = Field(
        None, description="of what is taken from the backbone; found when it is read"
    )
    channels: Literal[1, 3] | None = Field(
        None, description="that the layers see; grey images are repeated; none: those of the images"
    )
    preprocessing: Literal["unit", "standardize"] = Field(
        "unit",
        description=(
            "unit: divide by 255; standardize: each channel by mean and deviation over train"
        ),
    )
    whitening: bool = Field(
        False, description="a fixed first layer that whitens patches of 2x2 pixels"
    )
    filters: tuple[Units, ...] = Field(
        (6, 16), min_length=1, description="of each convolution; a pooling follows each"
    )
    kernel_size: int = Field(5, gt=0, le=64)
    padding: Literal["valid", "same"] = "valid"
    pooling: Literal["average", "max"] = "average"
    batch_norm: bool = Field(False, description="between convolution and ReLU")
    # docs/decisions/011-batch-normalisation-has-momentum-09.md
    batch_norm_momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="share of the kept mean and variance that a step leaves; Keras's own is 0.99",
    )
    residual: tuple[Blocks, ...] = Field(
        (), description="residual blocks of two 3x3 convolutions after each pooling"
    )
    squeeze: Positive | None = Field(
        None,
        description=(
            "squeeze and excitation: weigh maps by their means, over so many times fewer units"
        ),
    )
    head: Literal["flatten", "average"] = Field(
        "flatten",
        description=(
            "how maps become a vector: all their values, or the mean of each (global average)"
        ),
    )
    dense: tuple[Units, ...] = Field((120, 84), description="units of the layers before the last")
    dropout_conv: tuple[Probability, ...] = Field((), description="rates after the first poolings")
    dropout_dense: tuple[Probability, ...] = Field((), description="rates after the dense layers")

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

    brightness: float = Field(0, ge=0, lt=1, description="factor between 1 - b and 1 + b")
    rotation: float = Field(0, ge=0, le=180, description="degrees to either side")
    shift: float = Field(0, ge=0, lt=1, description="share of the width and of the height")
    shear: float = Field(0, ge=0, lt=1, description="tangent of the angle of shear, along x")
    zoom: float = Field(0, ge=0, lt=1, description="factor between 1 - z and 1 + z, for each axis")
    flip: bool = Field(
        False, description="mirror left and right half of the time; not where that is another class"
    )
    crop: int = Field(
        0,
        ge=0,
        le=256,
        description="widen by so many mirrored pixels on each side, cut back anywhere",
    )
    erasing: float = Field(
        0, ge=0, lt=1, description="share of the area that a grey rectangle covers"
    )
    randaugment: float = Field(
        0, ge=0, le=1, description="strength of two operations out of fourteen, drawn anew"
    )
    augmix: float = Field(
        0, ge=0, le=1, description="strength of chains of operations that are mixed"
    )
    mixup: float = Field(
        0, ge=0, le=1, description="mix pairs of images and labels; alpha of the Beta distribution"
    )
    cutmix: float = Field(
        0, ge=0, le=1, description="paste a piece of another image and of its label; alpha as well"
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
        description="once: every epoch in the order of the first, as a seeded Keras fit does",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description=(
            "bfloat16: layers compute with 8 bits of fraction; weights and results stay float32"
        ),
    )
    optimizer: OptimizerName = "adam"
    learning_rate: float = Field(
        1e-3, gt=0, description="the largest one, where a schedule changes it"
    )
    momentum: float = Field(0, ge=0, lt=1, description=f"of {optimizers.takers('momentum')}")
    nesterov: bool = Field(
        False,
        description=f"of {optimizers.takers('nesterov')} with momentum: look ahead along it",
    )
    weight_decay: float = Field(
        0,
        ge=0,
        lt=1,
        description=(
            f"of {optimizers.takers('weight_decay')}: times the rate, the share that a step takes "
            "off kernels"
        ),
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine: down to 0 at the last step"
    )
    warmup: float = Field(
        0, ge=0, lt=1, description="share of all steps in which the rate rises, before cosine"
    )
    label_smoothing: float = Field(
        0, ge=0, lt=1, description="share of each label that is spread over all classes"
    )
    average_epochs: float | None = Field(
        None,
        gt=0,
        description=(
            "predict with weights averaged over about so many epochs, the last ones the most"
        ),
    )
    select: Literal["best", "last"] = Field(
        "best", description="the epoch kept: best by validation loss"
    )
    early_stopping: Positive | None = Field(
        None, description="stop after so many epochs without progress"
    )
    plateau: Positive | None = Field(
        None, description="lower the rate after so many epochs without progress"
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="what the rate is multiplied by then"
    )
    frozen_share: float = Field(
        0,
        ge=0,
        le=1,
        description=(
            "share of the epochs, from the first on, in which a trained backbone stays as it is"
        ),
    )
    finetune_factor: float = Field(
        0.1,
        gt=0,
        le=1,
        description="what the rate is multiplied by in the epochs that change a trained backbone",
    )
    class_weight: Literal["balanced"] | None = Field(
        None, description="balanced: rare classes count for more"
    )
    deterministic: bool = Field(
        True, description="the same seed gives the same bits, on the same kind of machine"
    )
    checkpoint_seconds: Positive = Field(60, description="between checkpoints within an epoch")

    @model_validator(mode="after")
    def _check_optimizer(self) -> Self:
        given = [name for name in optimizers.SETTINGS if getattr(self, name)]
        refusal = optimizers.refusal(self.optimizer, given)
        if refusal:
            raise ValueError(refusal)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov looks ahead along the momentum: give one, such as 0.9")
        return self

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if self.warmup and self.schedule == "constant":
            raise ValueError("warmup goes before schedule cosine")
        if self.plateau and self.schedule != "constant":
            raise ValueError(
                f"plateau and schedule {self.schedule} would both lower the rate: give one"
            )
        return self


class Experiment(Settings):
    """Everything that a trial depends on: data, model, augmentation, training and seed."""

    data: Data = Data()
    model: Model = Model()
    augmentation: Augmentation = Augmentation()
    train: Train = Train()
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="of initial weights, order, augmentation and dropout"
    )

    @model_validator(mode="after")
    def _check_backbone(self) -> Self:
        if self.train.frozen_share and not self.model.pretrained:
            raise ValueError(
                "train.frozen_share freezes trained weights: it takes model.pretrained = true"
            )
        if self.model.weights and not self.model.backbone:
            raise ValueError("model.weights are of a backbone: name its network too (--pretrained)")
        return self

    @classmethod
    def parse(cls, values: Mapping[str, Any] | str) -> Self:
        """Make an experiment of nested values or of JSON text.

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
        """Return the experiment with the dotted keys of `changes` set to their values.

        The text `none` clears a setting that may be empty. Raises ExperimentError.
        """
        values = self.model_dump()
        for key, value in changes.items():
            _set(values, key, None if value == "none" else value)
        return self.parse(values)

    def to_json(self) -> str:
        return json.dumps(
            self.model_dump(), indent=2
        )  # unlike pydantic's, this bears names that are not UTF-8


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
    """Read `key=value` texts; a value is TOML where it can be (`3e-4`, `true`, `[32, 64]`), else
    text.

    >>> parse_assignments(["train.learning_rate=3e-4", "model.padding=same"])
    {'train.learning_rate': 0.0003, 'model.padding': 'same'}
    """
    changes = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ExperimentError(
                f"--set takes KEY=VALUE, such as train.learning_rate=3e-4; got {assignment!r}"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        changes[key.strip()] = value
    return changes


def unknown_name(name: str, valid: Iterable[str], what: str) -> str:
    """Say that `name` is unknown, with the nearest valid name where one is near, else with all of
    them.
    """
    names = list(valid)
    folded = {each.casefold(): each for each in names}
    near = [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
    return f"unknown {what} {name!r}: {hint}"


def check_setting(key: str) -> None:
    """Raise ExperimentError where a dotted key is no setting, and name the one that may be meant."""
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
