"""`augmentation.*`: random changes of the training images."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from convladder.core.settings.base import Settings


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
