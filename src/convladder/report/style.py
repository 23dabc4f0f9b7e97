"""How pictures look: colours, fonts, sizes, and how they become SVG and PNG.

Colours are those of Okabe and Ito (2008), which colour-blind people can tell apart; a verdict is
never told by colour alone. Ink, grid and accent colours are set apart so that a page can exchange
them for its theme's.
"""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

P = ParamSpec("P")
T = TypeVar("T")
Into = Figure | Axes | None
Grid = np.ndarray[Any, Any]  # of axes

INK, MUTED, GRID, PAGE = "#1b1b1d", "#6a6a6e", "#dcdce0", "#fefefe"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
THEME = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAGE: "--page",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
}

_STYLE: Any = {
    "font.size": 9.5,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
}

_FALLBACK_FONTS = (  # for scripts that DejaVu Sans lacks, on the usual systems
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "PingFang SC",
    "Hiragino Sans",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Nirmala UI",
    "WenQuanYi Zen Hei",
)
DPI = 160  # of PNG files
PADDING = 0.05  # inches around a picture
WIDTH = 5.2  # inches: readable on a phone, and two fit side by side on a desk


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw in the style of the reports."""

    @functools.wraps(draw)
    def drawn(*arguments: P.args, **keywords: P.kwargs) -> T:
        with matplotlib.rc_context(_STYLE):
            return draw(*arguments, **keywords)

    return drawn


@styled
def find_edges(figure: Figure) -> Bbox:
    """Return a figure's size on paper, in inches: once, since it takes as long as drawing."""
    with any_script():
        figure.draw_without_rendering()
        return figure.get_tightbbox().padded(PADDING)


def to_svg(figure: Figure, name: str, box: Bbox, label: str) -> str:
    """Return part of a figure as inline SVG in the page's colours.

    name : keeps ids apart. label : says what it shows, escaped.
    """
    text = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), any_script():
        figure.savefig(text, format="svg", bbox_inches=box, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    for colour, variable in THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def save_png(figure: Figure, path: Path, box: Bbox) -> None:
    """Write this part of a figure as PNG on white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with any_script():
        figure.savefig(
            path, dpi=DPI, bbox_inches=box, facecolor="white", metadata={"Software": None}
        )


@contextlib.contextmanager
def any_script() -> Iterator[None]:
    """Draw names in any script with the fonts there are; a missing glyph is no complaint."""
    with matplotlib.rc_context({"font.family": _font_families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@functools.cache
def _font_families() -> list[str]:
    there = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in there)]


def new_axes(into: Into, height: float) -> Axes:
    """Return the axes to draw into: the given ones, or new ones of this height in inches."""
    if isinstance(into, Axes):
        return into
    figure = into or Figure()
    figure.set_size_inches(WIDTH, height)
    axes: Axes = figure.subplots()
    return axes


def shorten(name: str, most: int) -> str:
    """Return a name with at most so many characters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def drawable(text: str) -> str:
    """Return text as matplotlib can draw it: no mathematics, no broken characters."""
    return text.encode("utf-8", errors="replace").decode().replace("$", r"\$")
