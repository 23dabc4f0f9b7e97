"""`model.*`: the layers of the network, or the backbone that it starts from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from convladder.core.settings.base import Positive, Settings

Blocks = Annotated[int, Field(ge=0, le=1000)]

Units = Annotated[int, Field(gt=0, le=16384)]
Probability = Annotated[float, Field(ge=0, lt=1)]


class Model(Settings):
    """A growing convolutional network, or a known one; the defaults are the notebook's LeNet-5."""

    architecture: str = Field(
        "convnet",
        description=(
            "convnet, built from the settings below; or a network of keras.applications, such as "
            "MobileNetV2 or MobileNet@0.25, for which only head, dense and dropout_dense apply"
        ),
    )
    backbone: str | None = Field(
        None,
        description=(
            "network whose layers below the head are used: a network of keras.applications, with "
            "the image size of its weights if that is not 224 (MobileNetV2@0.35-96), or the folder "
            "of a run; set by --pretrained, together with the run's settings for these layers"
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
