"""How often is something claimed of equal rungs whose networks were really trained?

    python benchmarks/claims/real_claims.py [--climbs N] [--seeds N] [--pool FOLDER] [--keep]

One network, LeNet-5 on the built-in digits, is trained with many seeds. Groups of these seeds stand
for the rungs of a ladder, under as many names, so that no rung is better than another. The test
images of each climb are drawn anew, with replacement, from those that there are. Ladders have 3 to
16 rungs. They are climbed with a fixed number of seeds, and with looks on the way as `climb` does.

Printed are: the share of climbs with any false claim, the share of intervals that hold the truth,
of differences and of rungs, and how many networks a climb trains.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

import convladder as cl
import page
from _harness import results
from convladder.core.metrics import ACCURACY, Metric, metric_named
from convladder.evaluation import (
    differences,
    looks,
    moderation,
    predictions,
    scores,
    statistics,
    stopping,
)
from convladder.evaluation.components import Scale, components
from convladder.evaluation.looks import Look
from convladder.evaluation.predictions import Answers

SEEDS = 110
RUNGS = (3, 5, 9, 12, 16)
METRICS = ("accuracy", "macro-f1", "auroc", "log-loss", "brier")
USUAL = 9  # rungs, of which every metric is measured
ADAPTIVE = (3, 5, 8, 12)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """How a ladder is climbed: looks at so many seeds, and the number of its rungs."""

    rungs: int
    counts: tuple[int, ...]

    @property
    def name(self) -> str:
        """Say with how many seeds."""
        if len(self.counts) == 1:
            return f"{self.counts[0]} seeds"
        return f"looks at {', '.join(map(str, self.counts))}"

    @property
    def questions(self) -> list[tuple[str, str]]:
        """Each rung against the one before it and the first: one family."""
        steps = [(str(number), str(number - 1)) for number in range(1, self.rungs)]
        start = [(str(number), "0") for number in range(1, self.rungs)]
        return list(dict.fromkeys([*steps, *start]))


def designs(seeds: int) -> Iterator[Design]:
    """Yield the ways to climb that so many trained seeds are enough for."""
    for rungs in RUNGS:
        counts = tuple(count for count in ADAPTIVE if rungs * count <= seeds)
        yield from (Design(rungs, (count,)) for count in counts if count in (3, 5))
        if len(counts) > 1:
            yield Design(rungs, counts)


@dataclass(frozen=True)
class Row:
    """What came of climbs: shares, and the mean number of networks."""

    metric: str
    rungs: int
    seeds: str
    false: float
    covers_difference: float
    covers: float
    networks: float


def train(seeds: int, folder: Path) -> list[Answers]:
    """Train one rung with many seeds, or take those that the folder has; return its answers."""
    climb = cl.climb("digits", rungs=["lenet5"], seeds=seeds, out=folder)
    tables = (run.tested for run in climb.runs("lenet5"))
    return [predictions.answers(table) for table in tables]


def measure(pool: Sequence[Answers], metric: Metric, design: Design, climbs: int) -> Row:
    """Climb ladders whose rungs are groups of the same seeds."""
    draw = np.random.default_rng(1)
    table = np.stack([scores.score(metric, each) for each in pool])
    truth = float(table.mean())
    found = []
    for _ in range(climbs):
        images = draw.integers(table.shape[1], size=table.shape[1])
        order = draw.permutation(len(pool))[: design.rungs * design.counts[-1]]
        drawn = {seed: _of_images(pool[seed], images) for seed in order}
        rungs = {
            str(number): np.stack([scores.score(metric, drawn[seed]) for seed in group])
            for number, group in enumerate(order.reshape(design.rungs, -1))
        }
        scale = scores.scale(metric, drawn[order[0]])
        wrong = scores.if_wrong(metric, drawn[order[0]])
        found.append(_climb(rungs, design, scale, wrong, truth))
    means = np.mean(found, axis=0).tolist()
    return Row(metric.name, design.rungs, design.name, *means)


def _of_images(answers: Answers, images: NDArray[np.int64]) -> Answers:
    parts = (answers.labels[images], answers.predicted[images], answers.probabilities[images])
    return Answers(answers.class_names, *parts)


def _climb(
    rungs: Mapping[str, Floats],
    design: Design,
    scale: Scale,
    wrong: float | None,
    truth: float,
) -> tuple[float, ...]:
    """Return what one climb came to, in the order of `Row`."""
    questions, find = design.questions, partial(statistics.find_each, scale=scale)
    shares = looks.planned_shares(design.counts, len(questions))
    family = stopping.Family(questions, design.counts[-1], shares[-1], None)
    going, seeds, seen = frozenset(rungs), dict.fromkeys(rungs, 0), list[Look]()
    for count, share in zip(design.counts, shares, strict=True):
        seeds |= dict.fromkeys(going, count)
        cut = {name: table[: seeds[name]] for name, table in rungs.items()}
        seen.append(Look(cut, going, share))
        if len(seen) < len(design.counts):
            going = stopping.going_on(stopping.outlooks(seen, family, find))
        if not going:
            break
    claims = differences.judge(looks.find_each(seen, questions, find), len(questions))
    last = seen[-1].rungs
    parts = {name: components(each, scale) for name, each in last.items()}
    spreads = moderation.spreads(parts)
    held = [
        _holds(statistics.estimate(each, spreads[name], scale, wrong), truth)
        for name, each in last.items()
    ]
    return (
        any(claim.verdict in ("better", "worse") for claim in claims),
        float(np.mean([claim.low <= 0 <= claim.high for claim in claims])),
        float(np.mean(held)),
        sum(map(len, last.values())),
    )


def _holds(found: statistics.Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--climbs", type=int, default=300, metavar="N")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="to be trained")
    parser.add_argument("--pool", type=Path, metavar="FOLDER", help="where they are, or will be")
    parser.add_argument("--keep", action="store_true", help="put the table into docs/verdicts.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        pool = train(given.seeds, given.pool or Path(temporary) / "pool")
    rows = []
    for name in METRICS:
        for design in designs(given.seeds):
            if name == ACCURACY.name or design.rungs == USUAL:
                rows.append(measure(pool, metric_named(name), design, given.climbs))
                print(*vars(rows[-1]).values(), sep=" | ", flush=True)
    if given.keep:
        told = {"climbs": given.climbs, "seeds": given.seeds, "images": len(pool[0].labels)}
        told |= {"rows": [vars(row) for row in rows], **results.circumstances()}
        results.write_json(results.RESULTS / "real.json", told)
        page.write()


if __name__ == "__main__":
    main()
