"""A climb, with its table, its plots and its claims in words."""

from __future__ import annotations

import html as escaping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from convladder.api.figures import new_figure
from convladder.api.run import Metric, Run
from convladder.api.tables import robustness_table
from convladder.core.errors import RunError
from convladder.results import outputs, standings, verdicts
from convladder.results.saved_climb import SavedClimb
from convladder.results.seed_runs import measure_robustness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convladder.report.style import Grid


class Climb(SavedClimb):
    """A climb: its claims, its runs, its plots and its report."""

    @property
    def best_run(self) -> Run:
        """The run that the report shows: of the best rung by validation, the best seed (and fold)
        by validation.

        With one seed of each no rung can be called the best: then it is the run of the last.
        """
        return Run(self.shown.folder)

    def runs(self, rung: str) -> list[Run]:
        """Return the finished runs of a rung, by seed. Raises RunError where it has none."""
        if rung not in self.standings:
            raise RunError(
                f"{rung!r} has no finished run: the rungs with one are {', '.join(self.standings)}"
            )
        return [Run(run.folder) for run in self.standings[rung].runs]

    def reading(self, rung: str) -> str:
        """Say in Markdown what the climb has shown of a rung against its parent, and at what price.

        Raises RunError where the rung has no parent, or either has no finished run.
        """
        self.runs(rung)
        claims = {claim.name: claim for claim in self.against_parent}
        if rung not in claims:
            raise RunError(f"{rung!r} cannot be compared: its parent has no finished run")
        own = self.ladder.rung(rung)
        said = verdicts.of_claim(claims[rung], self.standings)
        return f"{said} {verdicts.taken_in(own)}" if own.takes_in else said

    def report(self) -> Path:
        """Write `report.html`, tables and `plots/` into the climb's folder; return the page's path."""
        from convladder.report import pages

        outputs.check_made_here(self.folder)
        return pages.write_climb(self)

    def plot_ladder(self, ax: Axes | None = None) -> Axes:
        """Draw each rung's accuracy on test: interval, mean, every seed (or fold), price."""
        from convladder.report import plots

        return plots.draw_standings(
            list(self.standings.values()), self.against_parent, ax or new_figure()
        )

    def plot_history(self, rung: str, metric: Metric = "accuracy", ax: Axes | None = None) -> Axes:
        """Draw a metric over the epochs for every seed (and fold) of a rung."""
        from convladder.report import plots

        return plots.draw_curves(self.runs(rung), metric, ax or new_figure())

    def robustness(self, rung: str) -> pd.DataFrame:
        """Return a rung's accuracy under each corruption: a row for each of its strengths.

        A strength of 0 is none at all.
        Raises RunError where the images of its seeds were not degraded in the same way.
        """
        self.runs(rung)
        return robustness_table(measure_robustness(self.lineup.pooled[rung]))

    def plot_robustness(self, rung: str) -> Grid:
        """Draw a rung's accuracy over the strength of each corruption, beside its parent's in grey.

        The parent is left out where its images have another size or number of channels, or were
        degraded in another way. Raises RunError where those of the rung's seeds were not
        degraded in the same way.
        """
        from convladder.report import plots

        self.runs(rung)
        own = measure_robustness(self.lineup.pooled[rung])
        return plots.draw_robustness(own, self.parent_robustness(rung), new_figure())

    def table(self) -> pd.DataFrame:
        """Return one row per rung, as people read it; `summary_table` has every figure in full."""
        rows = standings.table(
            self.standings, "rung", self.against_parent, "against its parent, points"
        )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<Climb in {self.folder}: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"
