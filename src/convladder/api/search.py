"""A search, with its tables, its plots and its claim in words."""

from __future__ import annotations

import html as escaping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.api.climb import Climb
from convladder.api.figures import new_figure
from convladder.core.errors import SearchError
from convladder.results import outputs
from convladder.tuning.results import SearchResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Tuning(SearchResults):
    """A search: its candidates, its claim, its plots and its report.

    Parameters
    ----------
    folder
        The search's folder, such as `tunes/NAME`.

    Raises
    ------
    RunError
        The folder holds no search, or no candidate is finished yet.
    """

    @cached_property
    def climb(self) -> Climb | None:
        """The winner against the default, with several seeds on test; None before the test."""
        results = super().climb
        return Climb(results.folder) if results else None

    def report(self) -> Path:
        """Write `report.html` and `plots/` into the search's folder, and into its climb's.

        Returns
        -------
        Path
            The page of the search.

        Raises
        ------
        ConvladderError
            The folder was not written by convladder, or a file in it is missing or damaged.
        """
        from convladder.report import search_page

        outputs.check_made_here(self.folder)
        if self.climb:
            self.climb.report()
        return search_page.write_search(self)

    def plot_search(self, ax: Axes | None = None) -> Axes:
        """Draw the validation accuracy of each candidate in order, and the best so far.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        from convladder.report import search_plots

        return search_plots.draw_search(
            self.candidates,
            self.metric,
            self.found,
            self.default_on_validation,
            ax or new_figure(),
        )

    def plot_importances(self, ax: Axes | None = None) -> Axes:
        """Draw how much each setting mattered, and what chance alone reaches.

        Importances are those of PED-ANOVA (Watanabe, Bansal, Hutter 2023).

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        SearchError
            Fewer than ten candidates are finished.
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        from convladder.report import search_plots

        if not self.importances:
            raise SearchError(
                "ten finished candidates are needed to estimate which settings mattered: there "
                f"are {self.count('finished')}"
            )
        return search_plots.draw_importances(self.importances, self.chance, ax or new_figure())

    def plot_parallel(self, ax: Axes | None = None) -> Axes:
        """Draw each finished candidate as a line over its settings and its accuracy.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            The search has a setting that this version of convladder does not know.
        """
        from convladder.report import search_plots

        first, space = list(self.importances), self.about["space"]
        return search_plots.draw_parallel(
            self.candidates, self.metric, space, self.found, first, ax or new_figure()
        )

    def __repr__(self) -> str:
        return f"<Tuning in {self.folder}: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>"
