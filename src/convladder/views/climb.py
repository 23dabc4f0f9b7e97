"""A climb, with its table, its plots and its claims in words."""

from __future__ import annotations

import html as escaping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from convladder import readings
from convladder.errors import RunError
from convladder.evaluation.statistics import Difference
from convladder.results import Results, Standing
from convladder.views.figures import new_figure
from convladder.views.run import Metric, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Climb(Results):
    """A climb: its claims, its runs, its plots and its report."""

    @property
    def best_run(self) -> Run:
        """The run that the report shows: of the best rung by validation, the best seed by validation."""
        return Run(self.shown.folder)

    def runs(self, rung: str) -> list[Run]:
        """Return the finished runs of a rung, by seed. Raises RunError where it has none."""
        if rung not in self.standings:
            raise RunError(f"no finished run of {rung!r}: there are {', '.join(self.standings)}")
        return [Run(run.folder) for run in self.standings[rung].runs]

    def reading(self, rung: str) -> str:
        """Say in Markdown what the climb has shown of a rung against its parent, and at what price.

        Raises RunError where the rung has no parent, or either has no finished run.
        """
        self.runs(rung)
        claims = {claim.rung: claim for claim in self.against_parent}
        if rung not in claims:
            raise RunError(f"{rung!r} has no parent with a finished run to be compared with")
        return readings.of_claim(claims[rung], self.standings)

    def report(self) -> Path:
        """Write `report.html`, tables and `plots/` into the climb's folder; return the page's path."""
        from convladder.report import html

        return html.write_climb(self)

    def plot_ladder(self, ax: Axes | None = None) -> Axes:
        """Draw each rung's accuracy on test: interval, mean, every seed, price."""
        from convladder.report import plots

        return plots.draw_ladder(self, ax or new_figure())

    def plot_history(self, rung: str, metric: Metric = "accuracy", ax: Axes | None = None) -> Axes:
        """Draw a metric over the epochs for every seed of a rung."""
        from convladder.report import plots

        return plots.draw_curves(self.runs(rung), metric, ax or new_figure())

    def table(self) -> pd.DataFrame:
        """Return a row a rung, as people read it; `summary_table` has every figure in full."""
        claims = {claim.rung: claim.difference for claim in self.against_parent}
        return pd.DataFrame([_row(standing, claims.get(name)) for name, standing in self.standings.items()])

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"


def _row(standing: Standing, claim: Difference | None) -> dict[str, str]:
    accuracy, price = standing.accuracy, standing.price
    row = {
        "rung": standing.rung.name,
        "test accuracy, %": f"{100 * accuracy.mean:.1f}",
        "95 % interval": f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}",
        "against its parent, points": "",
        "interval": "",
        "verdict": "",
        "parameters": f"{price.parameters:,}",
        "MFLOPs": f"{price.flops / 1e6:,.1f}",
    }
    if claim is not None:
        row |= {"against its parent, points": f"{100 * claim.difference:+.1f}", "verdict": claim.verdict}
    if claim is not None and claim.low is not None and claim.high is not None:
        row["interval"] = f"{100 * claim.low:+.1f} to {100 * claim.high:+.1f}"
    return row
