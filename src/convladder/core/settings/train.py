"""`train.*`: how long, how fast, and which epoch is kept."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from convladder.core import optimizers
from convladder.core.formatting import unknown_name
from convladder.core.optimizers import OPTIMIZERS
from convladder.core.settings.base import Positive, Settings


def _known_optimizer(name: str) -> str:
    if name not in OPTIMIZERS:
        raise ValueError(unknown_name(name, OPTIMIZERS, "optimizer"))
    return name


OptimizerName = Annotated[
    str,
    AfterValidator(_known_optimizer),
    WithJsonSchema({"enum": list(OPTIMIZERS), "type": "string"}),
]


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
        "best",
        description=(
            "which epoch to keep; best: lowest validation loss, or best metric if that is not "
            "accuracy"
        ),
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
