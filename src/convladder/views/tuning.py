"""A search, with its tables, its plots and its claim in words."""

from __future__ import annotations

import html as escaping
from functools import cached_property
from pathlib import Path

from convladder.search_results import SearchResults
from convladder.views.climb import Climb


class Tuning(SearchResults):
    """A search: its candidates, its claim, its plots and its report."""

    @cached_property
    def climb(self) -> Climb | None:
        """The winner against the default, with several seeds on test; None where neither has been tested yet."""
        results = super().climb
        return Climb(results.folder) if results else None

    def report(self) -> Path:
        """Write `report.html` and `plots/` into the search's folder, and the climb's; return the page's path."""
        from convladder.report import tuning

        if self.climb:
            self.climb.report()
        return tuning.write_search(self)

    def __repr__(self) -> str:
        return f"<Tuning in {self.folder}: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>"
