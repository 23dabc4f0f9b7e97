"""The pictures of a report, drawn by matplotlib: numbers come in, axes go out.

Each function draws `into` a figure of its own (None), a figure that it sizes, or axes that it takes as they are.

Colours are those of Okabe and Ito (2008), which colour-blind people can tell apart; a verdict is never told by
colour alone. Ink, grid and accent colours are set apart so that a page can exchange them for its theme's.
"""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convladder.evaluation import predictions
from convladder.evaluation.calibration import Bin
from convladder.evaluation.statistics import Verdict
from convladder.results import Results, Standing
from convladder.runs import Run

P = ParamSpec("P")
T = TypeVar("T")
Into = Figure | Axes | None
Grid = np.ndarray[Any, Any]  # of axes

INK, MUTED, GRID = "#1b1b1d", "#6a6a6e", "#dcdce0"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
THEME = {INK: "--ink", MUTED: "--muted", GRID: "--grid", BLUE: "--blue", ORANGE: "--orange", GREEN: "--green"}

VERDICT_COLOURS: Mapping[Verdict, str] = {
    "better": BLUE,
    "worse": ORANGE,
    "no detectable difference": MUTED,
    "no comparison": MUTED,
}
VERDICT_SIGNS: Mapping[Verdict, str] = {
    "better": "▲ better",
    "worse": "▼ worse",
    "no detectable difference": "≈ no detectable difference",
    "no comparison": "no comparison",
}


@dataclass(frozen=True)
class Sample:
    """A test image as the network saw it, and what it made of it."""

    pixels: NDArray[np.uint8]
    path: str
    label: str
    predicted: str
    probability: float

    @property
    def right(self) -> bool:
        return self.label == self.predicted


def read_samples(run: Run) -> list[Sample]:
    """Return the run's random sample of test images with their predictions, the right ones first."""
    return [sample for sample, drawn in zip(_all_samples(run).values(), run.samples.drawn, strict=True) if drawn]


def read_rows(run: Run, rows: Iterable[int]) -> list[Sample]:
    """Return those of these rows of the test predictions whose images are kept."""
    kept = _all_samples(run)
    return [kept[row] for row in rows if row in kept]


def _all_samples(run: Run) -> dict[int, Sample]:
    test = predictions.part(run.predictions, "test")
    rows = test.iloc[run.samples.rows].to_dict("records")
    pairs = zip(run.samples.rows.tolist(), run.samples.pixels, rows, strict=True)
    return {number: _sample(pixels, row) for number, pixels, row in pairs}


def _sample(pixels: NDArray[np.uint8], row: Mapping[Hashable, Any]) -> Sample:
    predicted = str(row["predicted"])
    chance = float(row[predictions.PREFIX + predicted])
    return Sample(pixels, str(row["path"]), str(row["label"]), predicted, chance)


_CHART_SIGNS: Mapping[Verdict, str] = {
    "better": "▲ better",
    "worse": "▼ worse",
    "no detectable difference": "≈",
    "no comparison": "",
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
_WIDTH = 5.2  # inches: readable on a phone, and two fit side by side on a desk
_MOST_LABELS = 30


def _styled(draw: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(draw)
    def drawn(*arguments: P.args, **keywords: P.kwargs) -> T:
        with matplotlib.rc_context(_STYLE):
            return draw(*arguments, **keywords)

    return drawn


@_styled
def draw_ladder(results: Results, into: Into = None) -> Axes:
    """Draw each rung's accuracy on test: its interval, its mean, every seed as a dot, and its price."""
    standings = list(results.standings.values())
    verdicts = {claim.rung: claim.difference.verdict for claim in results.against_parent}
    axes = _axes(into, height=0.62 * len(standings) + 0.7)
    beside: Any = {"transform": axes.get_yaxis_transform(), "va": "center"}
    for row, standing in enumerate(standings):
        verdict = verdicts.get(standing.rung.name)
        colour = VERDICT_COLOURS[verdict] if verdict else INK
        _draw_rung(axes, row, standing, colour)
        sign = _CHART_SIGNS[verdict] if verdict else ""
        axes.text(0, row - 0.38, f"{standing.rung.name}  {sign}", weight="bold", size=9, **beside)
        axes.text(1, row - 0.38, _price(standing), ha="right", color=MUTED, size=7.5, **beside)
    axes.set(ylim=(len(standings) - 0.45, -0.75), yticks=[], xlabel="accuracy on test, %")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}")
    axes.tick_params(labelsize=8.5)
    return axes


@_styled
def draw_curves(runs: Sequence[Run], metric: str, into: Into = None) -> Axes:
    """Draw a metric (`accuracy` or `loss`) over epochs, train and validation, for every seed of a rung."""
    axes = _axes(into, height=2.5)
    for number, run in enumerate(runs):
        history = run.history
        label = (f"train{'' if len(runs) == 1 else ', each seed'}", "validation") if number == 0 else (None, None)
        axes.plot(history["epoch"], history[metric], color=ORANGE, alpha=0.75, lw=1.1, ls="--", label=label[0])
        axes.plot(history["epoch"], history[f"val_{metric}"], color=BLUE, alpha=0.75, lw=1.4, label=label[1])
        kept = history[history["epoch"] == run.metrics["kept_epoch"]]
        axes.plot(kept["epoch"], kept[f"val_{metric}"], "o", color=BLUE, ms=4,
                  label="epoch kept" if number == 0 else None)  # fmt: skip
    axes.set(xlabel="epoch", ylabel=metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if metric == "loss":
        axes.set_ylim(bottom=0)
    axes.legend(loc="best", fontsize=8)
    return axes


@_styled
def draw_confusion(matrix: NDArray[np.int64], class_names: Sequence[str], into: Into = None) -> Axes:
    """Draw a confusion matrix, rows the true classes; shades are shares of the row, figures are counts."""
    size = len(class_names)
    axes = _axes(into, height=max(2.6, min(_WIDTH, 0.36 * size + 1.2)))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set(xlabel="predicted", ylabel="true class")
    if size <= _MOST_LABELS:
        names = [_label(name, 14) for name in class_names]
        axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), names)
        axes.tick_params(labelsize=8 if size <= 15 else 6)
    if size <= 15:
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                colour = "white" if shares[row, column] > 0.55 else "#08306b"
                axes.text(column, row, f"{count:,}", ha="center", va="center", size=7, color=colour)
    return axes


@_styled
def draw_samples(run: Run, into: Figure | None = None) -> Grid:
    """Draw the run's sample images with what is true and what was predicted: the right ones, then the wrong."""
    samples = read_samples(run)
    titles = [
        _label(sample.predicted, 20) + ("" if sample.right else f"\n(is {_label(sample.label, 20)})")
        for sample in samples
    ]
    colours = [BLUE if sample.right else ORANGE for sample in samples]
    return draw_images([sample.pixels for sample in samples], titles, colours, into=into)


@_styled
def draw_images(
    images: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    colours: Sequence[str] | None = None,
    *,
    columns: int = 6,
    into: Figure | None = None,
) -> Grid:
    """Draw images `(height, width, channels)` in a grid, each below its title; return the grid's axes."""
    rows = max(1, -(-len(images) // columns))
    figure = into or Figure()
    figure.set_size_inches(1.2 * columns, 1.4 * rows)
    grid: Grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, pixels, title, colour in zip(
        grid.flat, images, titles, colours or [INK] * len(images), strict=False
    ):
        axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=7, color=colour)
    figure.tight_layout()
    return grid


@_styled
def draw_reliability(before: Sequence[Bin], after: Sequence[Bin], into: Into = None) -> Axes:
    """Draw accuracy against confidence, before and after the temperature; perfect is the diagonal."""
    axes = _axes(into, height=3.4)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":", label="perfectly calibrated")
    for bins, colour, marker, label in (
        (before, ORANGE, "s", "as trained"),
        (after, BLUE, "o", "after temperature"),
    ):
        confidence = [each.confidence for each in bins]
        share = np.array([each.accuracy.share for each in bins], dtype=np.float64)
        spread = [share - [each.accuracy.low for each in bins], [each.accuracy.high for each in bins] - share]
        axes.errorbar(confidence, share, spread, color=colour, fmt=f"{marker}-", ms=4, lw=1.2, elinewidth=0.9,
                      alpha=0.85, label=label)  # fmt: skip
    low = min([each.confidence for each in (*before, *after)] + [each.accuracy.low for each in (*before, *after)])
    axes.set(
        xlabel="confidence",
        ylabel="accuracy on test",
        xlim=(max(0, low - 0.03), 1.02),
        ylim=(max(0, low - 0.03), 1.02),
    )
    axes.legend(loc="best", fontsize=8)
    return axes


def to_svg(figure: Figure, name: str) -> str:
    """Return the figure as inline SVG in the page's colours. `name` keeps the ids of two figures apart."""
    text = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), _any_script():
        figure.savefig(text, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure as PNG on white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _any_script():
        figure.savefig(path, dpi=160, bbox_inches="tight", facecolor="white", metadata={"Software": None})


@contextlib.contextmanager
def _any_script() -> Iterator[None]:
    """Draw names in any script with the fonts that are there; a glyph that none has is no reason to complain."""
    with matplotlib.rc_context({"font.family": _font_families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@functools.cache
def _font_families() -> list[str]:
    there = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in there)]


def _axes(into: Into, height: float) -> Axes:
    if isinstance(into, Axes):
        return into
    figure = into or Figure()
    figure.set_size_inches(_WIDTH, height)
    return figure.subplots()


def _draw_rung(axes: Any, row: int, standing: Standing, colour: str) -> None:
    accuracy = standing.accuracy
    axes.plot([accuracy.low, accuracy.high], [row, row], color=colour, lw=5, alpha=0.3, solid_capstyle="round")
    axes.plot(standing.seed_accuracies, [row] * accuracy.seeds, "o", color=colour, ms=3.5, alpha=0.6, mew=0)
    axes.plot([accuracy.mean] * 2, [row - 0.17, row + 0.17], color=colour, lw=2)


def _price(standing: Standing) -> str:
    price = standing.price
    parts = [f"{short(price.parameters)} par.", f"{short(price.flops)} FLOPs"]
    if price.train_milliseconds_per_image is not None:
        parts.append(f"{price.train_milliseconds_per_image:.2g} ms")
    return " · ".join(parts)


def short(number: float) -> str:
    """Write a count with three digits and a unit.

    >>> short(350_142)
    '350k'
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _label(name: str, most: int = 40) -> str:
    """Return a name as matplotlib can draw it: no mathematics, no broken characters, not too long."""
    name = name.encode("utf-8", errors="replace").decode().replace("$", r"\$")
    return name if len(name) <= most else name[: most - 1] + "…"
