"""One self-contained page for a run or a climb: no network, light and dark, every name escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from PIL import Image

from convladder import files, readings
from convladder.evaluation import calibration, labels, mistakes, predictions, statistics
from convladder.report import plots
from convladder.results import Results
from convladder.runs import Run

PAGE = "report.html"
SUSPECTS = 12  # images with suspected labels
WANTED = (0.9, 0.95, 0.99)  # accuracies for which a threshold is shown


def write_climb(results: Results) -> Path:
    """Write a climb's `results.csv`, `summary.csv`, `report.html` and `plots/`; return the page's path."""
    results.write_tables()
    pictures = _Pictures(results.folder)
    curves = {
        name: {
            metric: pictures.add(f"{name}-{metric}", plots.draw_curves(standing.runs, metric))
            for metric in ("accuracy", "loss")
        }
        for name, standing in results.standings.items()
    }
    return _write(
        results.folder,
        "climb.html",
        results=results,
        headline=results.headline(),
        changes={rung.name: rung.change for rung in results.ladder.rungs},
        steps={rung.name: _steps(results, rung.name) for rung in results.ladder.rungs},
        signs=plots.VERDICT_SIGNS,
        ladder_chart=pictures.add("ladder", plots.draw_ladder(results)),
        curves=curves,
        data=results.about["data"],
        environment=results.about["environment"],
        **_predictions_part(results.shown, pictures),
    )


def write_run(run: Run) -> Path:
    """Write a run's `report.html` and `plots/`; return the page's path."""
    pictures = _Pictures(run.folder)
    return _write(
        run.folder,
        "run.html",
        accuracy=_interval(run),
        curves={metric: pictures.add(metric, plots.draw_curves([run], metric)) for metric in ("accuracy", "loss")},
        data=run.about["data"],
        environment=run.about["environment"],
        **_predictions_part(run, pictures),
    )


class _Pictures:
    """Takes figures, keeps each as a PNG file and gives it back as inline SVG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "plots"

    def add(self, name: str, axes: Axes) -> Markup:
        figure = axes.figure.figure
        plots.save_png(figure, self._folder / f"{name}.png")
        return Markup(plots.to_svg(figure, name))  # matplotlib has escaped the text in it

    def keep(self, name: str, grid: plots.Grid) -> None:
        plots.save_png(grid.flat[0].figure, self._folder / f"{name}.png")


def _predictions_part(run: Run, pictures: _Pictures) -> dict[str, Any]:
    test = run.metrics["test"]
    matrix = np.array(test["confusion_matrix"])
    pictures.keep("samples", plots.draw_samples(run))
    samples = plots.read_samples(run)
    table = predictions.part(run.predictions, "test")
    calibrated = calibration.assess(run.predictions)
    return {
        "class_accuracies": mistakes.class_accuracies(table),
        "pairs": [
            (pair, plots.read_rows(run, pair.rows[: mistakes.OF_PAIR])) for pair in mistakes.confused_pairs(table)
        ],
        "most_wrong": plots.read_rows(run, mistakes.most_wrong(table).tolist()),
        "suspects": plots.read_rows(run, labels.suspects(table).index[:SUSPECTS]),
        "calibration_reading": readings.of_calibration(calibrated),
        "reliability": pictures.add("reliability", plots.draw_reliability(calibrated.bins, calibrated.bins_after)),
        "selections": [calibration.select(run.predictions, wanted) for wanted in WANTED],
        "shown": run,
        "test": test,
        "confusion": pictures.add("confusion", plots.draw_confusion(matrix, list(test["classes"]))),
        "right_samples": [sample for sample in samples if sample.right],
        "wrong_samples": [sample for sample in samples if not sample.right],
    }


def _interval(run: Run) -> statistics.Estimate:
    correct = predictions.correct(predictions.part(run.predictions, "test"))[np.newaxis]
    return statistics.estimate(correct)


def _write(folder: Path, template: str, **values: Any) -> Path:
    environment = Environment(
        loader=PackageLoader("convladder.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    page = environment.get_template(template).render(**values)
    files.write_bytes(folder / PAGE, page.encode("utf-8", errors="replace"))
    return folder / PAGE


def _steps(results: Results, name: str) -> int:
    """Return how many steps above its root a rung stands."""
    parent = results.ladder.rung(name).parent
    return 1 + _steps(results, parent) if parent else 0


def _change(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in change.items())


def _short_change(change: Mapping[str, Any]) -> str:
    return _change({key.rsplit(".", 1)[-1]: value for key, value in change.items()})


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(difference: float | None) -> str:
    return "" if difference is None else f"{100 * difference:+.1f}".replace("-", "−")


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _quantity(number: float) -> str:
    sign = "−" if number < 0 else ""
    return sign + plots.short(abs(number))


def _data_uri(pixels: np.ndarray[Any, Any]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


_FILTERS: dict[str, Callable[..., str]] = {
    "percent": _percent,
    "points": _points,
    "p_value": _p_value,
    "quantity": _quantity,
    "data_uri": _data_uri,
    "change": _change,
    "short_change": _short_change,
}
