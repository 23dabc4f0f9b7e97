"""Templates become one self-contained page: no network, every name escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from convladder.core import files
from convladder.core.formatting import (
    duration,
    percent,
    plural,
    quantity,
    short_name,
    size,
    written,
)
from convladder.evaluation.wording import readable
from convladder.report.samples import drop_grey_axis
from convladder.results import folders, locks, outputs

PAGE = folders.REPORT


def write_page(folder: Path, template: str, **values: Any) -> Path:
    """Write `report.html` of a template into a folder; return its path.

    The page of what trains leads there from then on, unless a command is at work.
    """
    page = write_file(folder / PAGE, template, **values)
    live = folder / folders.LIVE
    if live.is_file() and outputs.is_page(live) and not locks.is_locked(folder):
        write_file(live, "live_moved.html", report=PAGE)
    return page


def write_file(path: Path, template: str, **values: Any) -> Path:
    """Write the page of a template; return its path."""
    files.write_bytes(path, render(template, **values))
    return path


def render(template: str, /, **values: Any) -> bytes:
    """Return the page of a template."""
    return environment().get_template(template).render(**values).encode("utf-8", errors="replace")


@functools.cache
def read_script(name: str) -> tuple[Markup, Markup]:
    """Return a script among the templates, and by what a page's policy allows it and no other."""
    text = (resources.files("convladder.report") / "templates" / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), Markup(f"'sha256-{digest}'")


@functools.cache
def environment() -> Environment:
    """Return what makes pages of templates; it keeps those that it has read."""
    made = Environment(
        loader=PackageLoader("convladder.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # what runs goes on with the templates that it began with
    )
    made.filters.update(_FILTERS)
    return made


def _change(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {written(value)}" for key, value in change.items())


def _capitalized(text: str) -> str:
    """Raise the first letter, and leave the others: they may be of a class or of AUROC."""
    return f"{text[:1].upper()}{text[1:]}"


def _short_change(change: Mapping[str, Any]) -> str:
    return _change({key.rsplit(".", 1)[-1]: value for key, value in change.items()})


def _unbroken(text: str, names: Iterable[str]) -> Markup:
    """Keep names whole that a line could break at their hyphens."""
    found = [re.escape(str(escape(name))) for name in names if "-" in name]
    if not found:
        return escape(text)
    longest_first = "|".join(sorted(found, key=len, reverse=True))
    whole = re.compile(rf"(?<![\w-])(?:{longest_first})(?![\w-])")
    return Markup(whole.sub(r'<span class="unbroken">\g<0></span>', str(escape(text))))


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
    "bytes": size,
    "percent": percent,
    "duration": duration,
    "capitalized": _capitalized,
    "plural": plural,
    "p_value": _p_value,
    "quantity": quantity,
    "data_uri": _data_uri,
    "readable": readable,
    "short_name": short_name,
    "change": _change,
    "value": written,
    "short_change": _short_change,
    "unbroken": _unbroken,
}
