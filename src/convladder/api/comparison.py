"""`compare`: runs side by side, with their table and their page."""

from __future__ import annotations

import html as escaping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from convladder.api import inputs
from convladder.api.climb import Climb
from convladder.api.figures import new_figure
from convladder.api.run import Run
from convladder.core.errors import ExperimentError
from convladder.core.metrics import ACCURACY, metric_named
from convladder.results import comparison, folders, outputs, standings

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Comparison(comparison.RunComparison):
    """Groups of runs against the first: claims, table, plot and report.

    Runs that differ in nothing but their seed are one group, unless that is all there is to
    compare. If every group is a single run, the networks are compared (McNemar's test), else what
    they were made by (over seeds and test images, as in a climb).

    Parameters
    ----------
    paths
        Folders of runs, or folders that hold runs.
    margin
        Call two groups equal if they differ by less than so many points.
    metric
        What they are judged by; None takes what they were trained for.

    Raises
    ------
    RunError
        A folder is no run, there are fewer than two, or they were not tested on the same images.
    """

    def report(self, out: str | Path | None = None) -> Path:
        """Write `report.html`, `summary.csv` and `plots/` into a new folder.

        Parameters
        ----------
        out
            The folder; None makes a dated one under `comparisons/`.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        RunError
            `out` is not empty or cannot be written, or lies among the images of a run.
        """
        from convladder.report import pages

        folder = Path(out) if out else folders.new_folder("comparisons", self.reference)
        self._check_place(folder)
        folders.check_writable(folder)
        return pages.write_comparison(self, folder)

    def _check_place(self, folder: Path) -> None:
        runs = [run for group in self.lineup.groups.values() for run in group]
        for source in dict.fromkeys(run.experiment.data.source for run in runs):
            outputs.check(folder, None, source)

    def table(self) -> pd.DataFrame:
        """Return one row per group, as people read it; `summary_table` has every figure in full.

        Returns
        -------
        DataFrame
            Texts: accuracy, difference from the first group in points, verdict and cost.
        """
        against = f"against {self.reference}, points"
        return pd.DataFrame(standings.table(self.standings, "name", self.claims, against))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the accuracy of each group on test: interval, mean, every seed, and cost.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.
        """
        from convladder.report import plots

        return plots.draw_standings(list(self.standings.values()), self.claims, ax or new_figure())

    def __repr__(self) -> str:
        return f"<Comparison: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"


def compare(
    *runs: str | Path | Run | Sequence[str | Path | Run],
    metric: str | None = None,
    margin: float | None = None,
) -> Comparison:
    """Compare runs that were tested on the same images with the first of them.

    Parameters
    ----------
    runs
        Runs, their folders, folders that hold runs, such as `climbs/NAME/trials/batch-norm`, or
        lists of these. Runs that differ in nothing but their seed are one group.
    metric
        What they are judged by, as `climb` takes it; None takes what they were trained for. Choose
        it before you look at the results.
    margin
        Call two groups equal if they differ by less than so many points, such as 1 (auroc, log-loss
        and brier have no points: such as 0.01). Choose it before you look at the results.

    Returns
    -------
    Comparison
        What each group is worth against the first, with its table and its report.

    Raises
    ------
    RunError
        A folder holds no run, there are fewer than two, or they were not tested on the same images.
    ExperimentError
        A climb is given in the place of runs, or the margin is no number of points.
    """
    inputs.check_margin(margin, metric_named(metric) if metric else ACCURACY)
    given: list[str | Path | Run] = []
    for run in runs:
        if isinstance(run, Climb):
            raise ExperimentError("compare needs runs, such as climb.runs('batch-norm')")
        given += [run] if isinstance(run, str | Path | Run) else run
    folders_given = [run.folder if isinstance(run, Run) else run for run in given]
    compared = Comparison(folders_given, margin, metric)
    inputs.check_margin(margin, compared.lineup.metric)
    return compared
