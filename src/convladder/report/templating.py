"""Templates become one self-contained page: no network, every name escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from convladder.core import files
from convladder.core.formatting import (
    duration,
    percent,
    plural,
    quantity,
    short_name,
    written,
)
from convladder.evaluation.wording import readable
from convladder.report.samples import drop_grey_axis

PAGE = "report.html"


def write_page(folder: Path, template: str, **values: Any) -> Path:
    """Write `report.html` of a template into a folder; return its path."""
    return write_file(folder / PAGE, template, **values)


def write_file(path: Path, template: str, **values: Any) -> Path:
    """Write the page of a template; return its path."""
    environment = Environment(
        loader=PackageLoader("convladder.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    page = environment.get_template(template).render(**values)
    files.write_bytes(path, page.encode("utf-8", errors="replace"))
    return path


def _change(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {written(value)}" for key, value in change.items())


def _short_change(change: Mapping[str, Any]) -> str:
    return _change({key.rsplit(".", 1)[-1]: value for key, value in change.items()})


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _data_uri(pixels: np.ndarray[Any, Any], most: int | None = None) -> str:
    """Return an image as the source of another, at most so many pixels a side."""
    file, image = io.BytesIO(), Image.fromarray(drop_grey_axis(pixels))
    if most:
        image.thumbnail((most, most))
    image.save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


_FILTERS: dict[str, Callable[..., str]] = {
    "percent": percent,
    "duration": duration,
    "plural": plural,
    "p_value": _p_value,
    "quantity": quantity,
    "data_uri": _data_uri,
    "readable": readable,
    "short_name": short_name,
    "change": _change,
    "value": written,
    "short_change": _short_change,
}
