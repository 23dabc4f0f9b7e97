"""What is wrong with a data set, with tables and a page of pictures."""

from __future__ import annotations

import html as escaping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from convladder.core.errors import DataError
from convladder.data.quality import checks


@dataclass(frozen=True, repr=False)
class Check(checks.DataCheck):
    """A data set as it is, and what was found; empty `findings` where all is well."""

    def table(self) -> pd.DataFrame:
        """Return one row per kind of finding, the worst first."""
        rows = [(each.code, each.heading, len(each.rows), each.advice) for each in self.findings]
        return pd.DataFrame(rows, columns=["finding", "what", "count", "advice"])

    def rows(self, code: str) -> pd.DataFrame:
        """Return a row for each image or class with this finding. Raises DataError where there is
        none of it.
        """
        for finding in self.findings:
            if finding.code == code:
                return pd.DataFrame(finding.rows).drop(
                    columns=["position", "other_position"], errors="ignore"
                )
        found = ", ".join(finding.code for finding in self.findings) or "nothing"
        raise DataError(f"there is no finding {code!r}: the findings are {found}")

    def report(self, path: str | Path = "check.html") -> Path:
        """Write a page with pictures; return its path."""
        from convladder.report import check_page

        return check_page.write_check(self, Path(path))

    def __repr__(self) -> str:
        return f"<Check: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"
