"""What was measured, as JSON files and as tables."""

from __future__ import annotations

import json
import math
import platform
import statistics
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from _harness.programs import Measured, Row, find_differences
from convladder.core import container_limits
from convladder.core.formatting import plural
from convladder.results import provenance

RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = (
    "convladder",
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "torch",
    "onnxruntime",
    "numpy",
    "scikit-learn",
    "pillow",
)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def size_of(path: Path) -> str | None:
    """Return the size that a row was measured at; None where it was not."""
    return str(json.loads(path.read_text())["size"]) if path.exists() else None


def read_earlier(path: Path, row: Row, size: str) -> dict[str, Any] | None:
    """Return what was measured of a row before; None where that was of another size or another
    definition.
    """
    if not path.exists():
        return None
    told: dict[str, Any] = json.loads(path.read_text())
    same = (told["work"], told["kind"], told["size"]) == (row.work, row.kind, size)
    return told if same else None


def summarise(
    measured: Measured, size: str, earlier: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the row's ratios with their spread, what each side told, and where and when it was
    measured.

    earlier : what the first rounds had come to, elsewhere or at another time.
    """
    row = measured.row
    ratios = []
    for ratio in row.ratios:
        values = measured.ratios(ratio)
        spread = (
            {"median": statistics.median(values), "low": min(values), "high": max(values)}
            if values
            else {}
        )
        ratios.append({"name": ratio.name, "wanted": ratio.wanted, "rounds": len(values), **spread})
        if bounds := sum(map(ratio.is_bound, measured.rounds_of(ratio))):
            ratios[-1]["bounds"] = bounds
    return {
        "row": row.name,
        "work": row.work,
        "kind": row.kind,
        "size": size,
        "ratios": ratios,
        "differences": find_differences(row, measured.rounds),
        "rounds": measured.rounds,
        "earlier": _sessions(earlier),
        **circumstances(),
    }


def _sessions(told: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return of how many rounds what was measured is, and where and when, for each time that it
    went on.
    """
    if told is None:
        return []
    before: list[dict[str, Any]] = told.get("earlier", [])
    own = {name: told[name] for name in ("machine", "versions", "measured", "commit")}
    return [
        *before,
        {"rounds": len(told["rounds"]) - sum(each["rounds"] for each in before), **own},
    ]


def count_images(about: dict[str, Any]) -> dict[str, int]:
    """Return how many images each part has, of a climb's or a run's description."""
    return {part: sum(counts.values()) for part, counts in about["data"]["counts"].items()}


def circumstances() -> dict[str, Any]:
    """Return where, with what and when something was measured."""
    return {
        "machine": {
            "processor": provenance.processor(),
            "cores": container_limits.cores(),
            "system": platform.platform(terse=True),
        },
        "versions": {"Python": platform.python_version(), **provenance.versions(PACKAGES)},
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
    }


@cache
def commit() -> str | None:
    """Return the commit that was there when this was first asked, with a + where the code differs
    from it.

    None outside a checkout.
    """
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ":/src", ":/benchmarks/*.py", ":/tests/support")
    return head and head + ("+" if changed else "")


def _git(*words: str) -> str | None:
    """Return what git says; None where it fails."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def as_table(summaries: Iterable[dict[str, Any]]) -> str:
    """Return a Markdown table of the ratios; a row's work stands at its first."""
    lines = ["| work | beside | ratio | range (rounds) | wanted | |", "|---|---|---|---|---|---|"]
    for summary in summaries:
        works = [f"**{summary['row']}**: {summary['work']}", *[""] * len(summary["ratios"])]
        same = not summary["differences"]
        cells = [_cells(ratio, same) for ratio in summary["ratios"]]
        lines += [f"| {work} | {each} |" for work, each in zip(works, cells, strict=False)]
        lines += [f"| | not the same work: {each} | | | | |" for each in summary["differences"]]
    return "\n".join(lines)


def as_line(told: dict[str, Any]) -> str:
    """Return where, with what and when it was measured, in a line."""
    machine = told["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    where = f"{machine['cores']} cores of {machine['processor']}, {machine['system']}"
    commit = f"commit {told['commit']}; " if told["commit"] else ""
    before = [
        f"; {plural(each['rounds'], 'round')} before that: {as_line(each)}"
        for each in told.get("earlier", [])
    ]
    return f"{told['measured'][:10]}, {commit}{where}; {versions}{''.join(before)}"


def _cells(ratio: dict[str, Any], same: bool) -> str:
    wanted = "" if ratio["wanted"] is None else f"{ratio['wanted']:g}"
    if "median" not in ratio:
        return f"{ratio['name']} | not run | | {wanted} | "
    reached = (
        "reached"
        if same and ratio["low"] >= (ratio["wanted"] or math.inf)
        else "not reached"
        if wanted
        else ""
    )
    if ratio["rounds"] == 1:
        figures = f"{ratio['median']:.2f} | one round"
        reached = reached and f"{reached}, once"
    elif ratio.get("bounds"):  # how high it is nobody knows
        figures = f"at least {ratio['low']:.2f} | ({ratio['rounds']})"
    else:
        figures = (
            f"{ratio['median']:.2f} | {ratio['low']:.2f} to {ratio['high']:.2f} ({ratio['rounds']})"
        )
    return f"{ratio['name']} | {figures} | {wanted} | {reached}"
