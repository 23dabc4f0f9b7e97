"""What a live page shows, made of what is known: texts and charts for its template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from convladder.core.formatting import elapsed, plural
from convladder.core.metrics import Metric
from convladder.report.live import charts
from convladder.report.live.charts import Scale, Series
from convladder.report.live.course import Course, Ended
from convladder.report.live.machine import Machine
from convladder.report.live.running import Row, Running
from convladder.results.folders import TrialKey
from convladder.results.interim import InterimStandings

MOST_PANELS = 12  # of trials in training
MOST_FAILED = 20
CANDIDATE = "candidate "  # with which the keys of a search's candidates begin
ENDED = ("finished", "pruned", "failed")  # of a candidate, in the table of a search

Values = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """What a live page is of.

    folder : into which it is written. title, about : what stands at its top. metric : by which
    networks are judged. rungs : of the ladder chart; none for a single training. folds : whether a
    seed is trained in several folds. searches : whether candidates come before the rungs. then :
    what comes after what is expected.
    """

    folder: Path
    title: str
    about: str
    metric: Metric
    rungs: tuple[str, ...] = ()
    folds: bool = False
    searches: bool = False
    then: str = ""


@dataclass(frozen=True)
class Plot:
    """A chart, and what stands at its axes. ticks : figures, and where from the top, in percent."""

    drawn: Markup
    ticks: tuple[tuple[str, float], ...]
    first: str
    last: str


def view(watched: Watched, course: Course, standings: InterimStandings, machine: Machine) -> Values:
    """Return what the template takes besides the state of the command."""
    metric = watched.metric
    done, total, what = _count(watched, course, standings)
    left, running = course.seconds_left, list(course.running.items())
    share = min(1.0, (done + sum(each.share for _, each in running)) / total) if total else None
    rows, scale = _ladder(watched, course, standings)
    failed = [(f"{key.rung}, {key.name}", error) for key, error in course.failed.items()]
    return {
        "watched": watched,
        "metric": metric,
        "tab": f"{_part(share, done, total)}{watched.title}",
        "progress": _progress(done, total, what, running),
        "share": share,
        "left": "not known yet" if left is None else f"about {elapsed(left)}",
        "passed": elapsed(course.seconds),
        "machine": machine,
        "failed": failed[:MOST_FAILED],
        "rows": rows,
        "scale": scale,
        "dot": "fold" if watched.folds else "seed",
        "candidates": _candidates(watched, course),
        "panels": [_panel(key, each, metric) for key, each in running[:MOST_PANELS]],
        "more": max(0, len(running) - MOST_PANELS),
        "dashed": any(metric.column in (each.curve.last or {}) for _, each in running),
        "lines": list(course.lines)[::-1],
    }


def _count(
    watched: Watched, course: Course, standings: InterimStandings
) -> tuple[int, int | None, str]:
    """Return how many trials have ended, and of how many; None where that is open."""
    if not watched.rungs:
        return len(course.ended), 1, "trial"
    if watched.searches and not _tests_winner(watched, course):
        known = {key for key in course.ended if _is_candidate(key)}
        expected = {key for key in course.expected if _is_candidate(key)}
        return len(known), len(known | expected) if expected else None, "candidate"
    return len(standings.values), len({*standings.values, *course.expected}), "trial"


def _tests_winner(watched: Watched, course: Course) -> bool:
    return any(key.rung in watched.rungs for key in (*course.expected, *course.ended))


def _progress(
    done: int, total: int | None, what: str, running: Sequence[tuple[TrialKey, Running]]
) -> str:
    if total == 1 and running:
        return _epoch(running[0][1].curve.last) or "Starting"
    return f"{done:,} of {plural(total, what)}" if total is not None else plural(done, what)


def _part(share: float | None, done: int, total: int | None) -> str:
    if share is not None:
        return f"{100 * share:.0f} % · "
    return f"{done} of {total} · " if total else ""


def _epoch(row: Row | None) -> str:
    return f"epoch {row['epoch']:.0f} of {row['epochs']:.0f}" if row else ""


def _ladder(
    watched: Watched, course: Course, standings: InterimStandings
) -> tuple[list[Values], Markup]:
    """Return the rows of the ladder chart, and the figures below it."""
    shows = watched.rungs and (not watched.searches or _tests_winner(watched, course))
    if not shows:
        return [], Markup()
    metric, values = watched.metric, standings.values
    intervals = {rung: standings.estimate(rung) for rung in watched.rungs}
    ends = [end for each in intervals.values() if each for end in (each.low, each.high)]
    axis = Scale.around([*values.values(), *ends])
    rows = []
    for rung in watched.rungs:
        dots = [value for key, value in values.items() if key.rung == rung]
        found = intervals[rung]
        said = _standing(rung, dots, course, watched)
        if found is not None:
            span = metric.write_range(found.low, found.high)
            said = f"{metric.write(found.mean)} ({span}) · {said}"
        interval = None if found is None else (found.low, found.mean, found.high)
        label = f"{rung}: {said}"
        strip = charts.draw_strip(axis, dots, interval, label) if values else Markup()
        rows.append({"name": rung, "said": said, "strip": strip})
    return rows, charts.draw_scale(axis, metric) if values else Markup()


def _standing(rung: str, dots: Sequence[float], course: Course, watched: Watched) -> str:
    """Say how many of a rung's trials are finished."""
    lacking = {key for key in course.expected if key.rung == rung and key not in course.ended}
    what = "trial" if watched.folds else "seed"
    if not dots:
        trains = any(key.rung == rung for key in course.running)
        return "in training" if trains else "not trained yet"
    return f"{len(dots)} of {plural(len(dots) + len(lacking), what)}"


def _is_candidate(key: TrialKey) -> bool:
    return key.rung.startswith(CANDIDATE)


def _candidates(watched: Watched, course: Course) -> Plot | None:
    """Draw what the candidates of a search came to, and the best so far."""
    metric = watched.metric
    found = sorted(
        (int(key.rung.removeprefix(CANDIDATE)), each.value, each.finished)
        for key, each in course.ended.items()
        if _is_candidate(key) and each.value is not None
    )
    if not found:
        return None
    best, line = None, []
    for number, value, finished in found:
        if finished and (best is None or metric.as_score(value) > metric.as_score(best)):
            best = value
        if best is not None:
            line.append((float(number), best))
    ended = [(float(number), value) for number, value, finished in found if finished]
    halted = [(float(number), value) for number, value, finished in found if not finished]
    across = Scale(-0.5, max(number for number, *_ in found) + 0.5)
    label = f"{plural(len(found), 'candidate')}, {metric.title} on validation"
    if best is not None:
        label += f", the best {metric.write(best)}"
    series = (
        Series("main", line),
        Series("less", halted, dots=True),
        Series("main", ended, dots=True),
    )
    return _plot(metric, across, series, label, ("candidate 0", str(found[-1][0])))


def _panel(key: TrialKey, running: Running, metric: Metric) -> Values:
    """Return what is shown of a trial in training."""
    last = running.curve.last
    name = key.rung if _is_candidate(key) else f"{key.rung}, {key.name}"
    if last is None:
        return {"name": name, "said": "starting", "plot": None}
    column = f"val_{metric.column}"
    said = [_epoch(last), f"{metric.write(last[column])} on validation"]
    if "images_per_second" in last:
        said.append(f"{last['images_per_second']:,.0f} images/s")
    if last["epoch"] == last["epochs"] and not _is_candidate(key):
        said.append("being tested")
    rows = running.curve.rows
    series = (
        Series("train", _points(rows, metric.column)),
        Series("main", _points(rows, column)),
        Series("main", _points(rows[-1:], column), dots=True),
    )
    label = f"{name}: {metric.title} on validation over {plural(len(rows), 'epoch')}"
    ends = ("epoch 1", f"{last['epochs']:.0f}")
    across = Scale(1.0, max(2.0, float(last["epochs"])))
    return {
        "name": name,
        "said": " · ".join(said),
        "plot": _plot(metric, across, series, label, ends),
    }


def _points(rows: Iterable[Row], column: str) -> list[charts.Point]:
    return [(float(row["epoch"]), float(row[column])) for row in rows if column in row]


def _plot(
    metric: Metric, across: Scale, series: Sequence[Series], label: str, ends: tuple[str, str]
) -> Plot:
    up = Scale.around(y for each in series for _, y in each.points)
    unit = " %" if metric.is_share else ""
    ticks = [
        (charts.write_tick(metric, tick) + unit, round(100 - up.place(tick), 2))
        for tick in up.ticks
    ]
    return Plot(charts.draw_plot(across, up, series, label), tuple(ticks), *ends)


def read_candidates(
    table: pd.DataFrame, column: str, seed: int
) -> Iterator[tuple[TrialKey, Ended]]:
    """Yield the candidates that earlier commands have tried, by the table of a search."""
    for number, state, value in zip(table["candidate"], table["state"], table[column], strict=True):
        if state in ENDED:
            known = value is not None and math.isfinite(value)
            key = TrialKey(f"{CANDIDATE}{number}", seed)
            yield key, Ended(float(value) if known else None, state == "finished")
