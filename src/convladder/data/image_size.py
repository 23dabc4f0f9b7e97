"""The form that images are brought to: by the settings, or else by the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.decoding import deep_images
from convladder.data.decoding.image_form import ImageForm, Limits
from convladder.data.decoding.images import read_header
from convladder.data.decoding.intensity import FULL, IntensityRange
from convladder.data.decoding.picture import Header
from convladder.data.source import Content, Fetch, Record, Source
from convladder.data.sources.registry import limits_of

HEADERS_READ = 200
# the settings of how an image is read, whatever source it is from
FORM = (
    *("image_size", "channels", "resize", "background", "range", "dct_scaling"),
    *("max_pixels", "max_bytes", "max_frames"),
)
# docs/decisions/008-image-size-is-inferred-and-said.md
LARGEST_INFERRED = 96  # pixels: larger images are reduced unless a size is asked for
SMALLEST_INFERRED = 16  # pixels: the least that LeNet-5, where the ladders start, can take


def infer_form(source: Source, settings: Data, *, lenient: bool) -> tuple[ImageForm, list[str]]:
    """Take the form that the settings ask for, and the rest from a sample of the images.

    If `lenient`, no image need be readable. Raises DataError.
    """
    notes = []
    size, channels = settings.image_size, settings.channels
    if size is None or channels is None:
        headers, why = _sample_headers(source, limits_of(settings))
        if not headers and not lenient:
            raise DataError(f"{source.name}: none of the files tried is a readable image ({why})")
        headers = headers or [Header(LARGEST_INFERRED, LARGEST_INFERRED, "RGB")]
        if size is None:
            size, note = _infer_size(headers)
            notes.append(note)
        if channels is None:
            channels = 1 if all(header.grey for header in headers) else 3
    return form_of(settings, *size, channels), notes


def form_of(settings: Data, height: int, width: int, channels: Literal[1, 3]) -> ImageForm:
    """Return the form of these sides and channels, brought about as the settings say."""
    how = settings.resize, settings.background, settings.dct_scaling, range_of(settings)
    return ImageForm(height, width, channels, *how)


def range_of(settings: Data) -> IntensityRange | None:
    """Return the range of deep images that the settings give; None where it is to be found."""
    if settings.range == "auto":
        return None
    return FULL if settings.range == "full" else IntensityRange(*settings.range)


def form_of_network(settings: Data, network: Mapping[str, Any]) -> ImageForm:
    """Return the form that a run's network takes, by its settings and its `model.json`."""
    found = network.get("intensity")  # those of earlier versions do not say
    chosen = IntensityRange(**found) if found else None
    return replace(form_of(settings, *network["shape"]), intensity=chosen)


def range_setting(form: ImageForm) -> str | tuple[float, float]:
    """Return the setting `data.range` by which other images are read as a network's own were.

    No setting says of a network without a range that it reads no floats: see `as_of_network`.
    """
    return (form.intensity.low, form.intensity.high) if form.intensity else "full"


def as_of_network(source: Source, form: ImageForm, limits: Limits) -> Source:
    """Return a source whose images are read or rejected as by a network of this form.

    Without a range, whole numbers are read as 16 bits, and floats are rejected.
    """
    if form.intensity is not None:
        return source
    fetch = partial(_fetch_whole, source.fetch, limits)
    return replace(source, fetch=fetch, fingerprint=f"{source.fingerprint} without a range")


def _fetch_whole(fetch: Fetch, limits: Limits, record: Record) -> Content:
    content = fetch(record)
    if deep_images.is_float(read_header(content, limits).mode):
        raise deep_images.without_range()
    return content


def _sample_headers(source: Source, limits: Limits) -> tuple[list[Header], str]:
    """Return the source's headers, or those of some records, and why one has none."""
    if source.headers:
        return source.headers(), ""
    records = source.listing().records
    sample = records[:: max(1, len(records) // HEADERS_READ)]
    if source.in_place_order:
        sample = tuple(sorted(sample, key=lambda record: record.place))
    headers, why = [], "it has none"
    for record in sample:
        try:
            headers.append(read_header(source.fetch(record), limits))
        except UnreadableImage as error:
            why = f"{record.path} is {error}"
    return headers, why


def _infer_size(headers: list[Header]) -> tuple[tuple[int, int], str]:
    sizes = Counter((header.height, header.width) for header in headers)
    (height, width), count = sizes.most_common(1)[0]
    if count == len(headers) and all(
        SMALLEST_INFERRED <= side <= LARGEST_INFERRED for side in (height, width)
    ):
        return (height, width), f"image size {height}x{width}, as the images are"
    longer = float(np.median([max(header.height, header.width) for header in headers]))
    side = int(np.clip(round(longer), SMALLEST_INFERRED, LARGEST_INFERRED))
    seen = (
        f"all {height}x{width}"
        if count == len(headers)
        else f"of different sizes, median side {longer:.0f}"
    )
    return (
        side,
        side,
    ), f"image size {side}x{side} (the images are {seen}; --image-size sets another)"
