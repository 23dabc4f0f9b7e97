"""How pandas keeps texts, which may be names of files and folders that are not UTF-8."""

from __future__ import annotations

import pandas as pd


# docs/decisions/029-pandas-keeps-texts-as-python-has-them.md
def keep_any_text() -> None:
    """Let pandas keep texts as Python has them; those of pyarrow must be UTF-8.

    It is a setting of the whole process; one that somebody chose is left as it is.
    """
    if pd.get_option("mode.string_storage") == "auto":
        pd.set_option("mode.string_storage", "python")
