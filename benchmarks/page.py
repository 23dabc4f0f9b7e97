"""Put what was measured into docs/: at the end of `make bench` and `make safety`, or `python
benchmarks/page.py`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; whatever else is on the page is
written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import fill as wrap
from typing import Any

from _harness import results, tables
from _harness.programs import KINDS, Kind
from speed.rows import ROWS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = tuple(
    DOCS / f"{name}.md"
    for name in (
        "speed",
        "reproducibility",
        "live",
        "modern",
        "scaling",
        "transfer",
        "tune",
        "serving",
        "shipping",
        "verdicts",
        "metrics",
    )
)

_TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str, folder: Path) -> str:
    """Return the page's text with the tables made from the results in a folder."""
    return _TABLE.sub(
        lambda found: f"{found[1]}\n{_wrapped(_table(found[2], folder))}\n\n{found[3]}", text
    )


def _wrapped(text: str) -> str:
    """Wrap what is neither a row of a table nor a picture at 100 columns."""
    return "\n".join(
        line
        if line.startswith(("|", "!["))
        else wrap(line, 100, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def _table(name: str, folder: Path) -> str:
    if name in KINDS:
        return of_rows(folder, name)
    if not (folder / f"{name}.json").exists():
        return f"Not measured yet (`{COMMANDS.get(name, f'make bench ONLY={name}')}`)."
    return tables.MAKERS[name](folder)


def of_rows(folder: Path, kind: Kind) -> str:
    """Return the table of the rows of a kind, and where and when they were measured."""
    every = [tables.read(folder, name) for name in ROWS if (folder / f"{name}.json").exists()]
    found = [each for each in every if each["kind"] == kind]
    return "\n\n".join([results.as_table(found), *_circumstances(found)])


def _circumstances(found: list[dict[str, Any]]) -> list[str]:
    """Return where and when the rows were measured; with their names, where that is not the same
    for all.
    """
    rows: dict[str, list[str]] = {}
    for each in found:
        rows.setdefault(results.as_line(each), []).append(each["row"])
    return (
        list(rows)
        if len(rows) == 1
        else [f"{', '.join(names)}: {line}" for line, names in rows.items()]
    )


COMMANDS = dict.fromkeys(("kills", "killed-climb", "safety-price"), "make safety") | {
    "cluster": "make cluster",
    "accelerator": "python benchmarks/scaling/accelerator.py",
    "live-page": "python benchmarks/speed/live_page.py",
    "parity": "python benchmarks/deploy/parity.py",
    "load": "python benchmarks/deploy/load.py",
    "hour": "python benchmarks/accuracy/hour.py",
    "tuned": "python benchmarks/accuracy/tuned.py",
    "transfer": "python benchmarks/accuracy/transfer.py",
    "verdicts": "python benchmarks/claims/false_claims.py --keep",
    "folds-or-seeds": "python benchmarks/claims/folds_or_seeds.py --keep",
    "adaptive": "python benchmarks/claims/adaptive_claims.py --keep",
    "real": "python benchmarks/claims/real_claims.py --keep",
    "metrics": "python benchmarks/claims/metric_claims.py --keep",
}


def write() -> None:
    for path in PAGES:
        path.write_text(fill(path.read_text(encoding="utf-8"), results.RESULTS), encoding="utf-8")


if __name__ == "__main__":
    write()
