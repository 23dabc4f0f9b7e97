"""`data.*`: which images, in which form, and how they are split."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from convladder.core.settings.base import LARGEST_AMOUNT, Amount, Positive, Settings

Side = Annotated[int, Field(gt=0, le=4096)]  # pixels


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
