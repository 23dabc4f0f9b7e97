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
    """A data set as it is, and what was found; `findings` is empty if all is well.

    Attributes
    ----------
    bank
        The decoded images.
    ignored
        The files that are no images, each with the rule that says so.
    notes
        What was made of folders, links and deep pixels, in sentences.
    """

    def table(self) -> pd.DataFrame:
        """Return one row per kind of finding, the worst first.

        Returns
        -------
        DataFrame
            The code of the `finding`, `what` it means, the `count` of images or classes, and
            `advice`.
        """
        rows = [(each.code, each.heading, len(each.rows), each.advice) for each in self.findings]
        return pd.DataFrame(rows, columns=["finding", "what", "count", "advice"])

    def rows(self, code: str) -> pd.DataFrame:
        """Return each image or class with one kind of finding.

        Parameters
        ----------
        code
            The code of the finding, as in `table`.

        Returns
        -------
        DataFrame
            One row per image, pair of images or class: `path`, `label`, `split` and `detail`; the
            other image of a pair has columns that begin with `other_`.

        Raises
        ------
        DataError
            There is no such finding.
        """
        for finding in self.findings:
            if finding.code == code:
                return pd.DataFrame(finding.rows).drop(
                    columns=["position", "other_position"], errors="ignore"
                )
        found = ", ".join(finding.code for finding in self.findings) or "nothing"
        raise DataError(f"there is no finding {code!r}: the findings are {found}")

    def report(self, path: str | Path = "check.html") -> Path:
        """Write a page with pictures.

        Parameters
        ----------
        path
            The page; an earlier page of a check is replaced.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        RunError
            Another file has that name, or it lies among the images.
        """
        from convladder.report import check_page

        return check_page.write_check(self, Path(path))

    def headline(self) -> str:
        """Say in a few sentences what was found, whether one can train, and what images there are.

        Returns
        -------
        str
            The sentences.
        """
        from convladder.results.answer import checked

        return checked.of_check(self).said()

    def __repr__(self) -> str:
        return f"<Check: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"
