"""How often do ladders without any effect get a false claim? Compares ways to judge few seeds.

    python benchmarks/claims/false_claims.py [CLIMBS] [IMAGES]

Each simulated climb has ten rungs of equal accuracy, each tested against the one before it. Printed
are, for each way, the share of climbs with a false "better", with any false claim, the share of 95
% intervals that cover zero, and the mean detectable difference in points (the smaller, the more a
climb can find).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from convladder.evaluation import statistics
from convladder.evaluation.statistics import ALPHA, POWER, Correct, holm
from simulated_ladders import SPREADS, simulate_ladder

Seeds = Callable[[list[Correct], Correct, Correct], tuple[float, float]]


def between_seeds(rung: Correct) -> float:
    """Return the variance of the accuracies of a rung's seeds."""
    return float(rung.mean(axis=1).var(ddof=1))


def own(rungs: list[Correct], left: Correct, right: Correct) -> tuple[float, float]:
    """Own variances, all degrees of freedom of both rungs."""
    del rungs
    return sum(between_seeds(rung) / len(rung) for rung in (left, right)), len(left) + len(
        right
    ) - 2


def pooled(rungs: list[Correct], left: Correct, right: Correct) -> tuple[float, float]:
    """The mean variance of all rungs, or the compared rungs' own where it is larger."""
    mean = float(np.mean([between_seeds(rung) for rung in rungs]))
    value = max(mean * (1 / len(left) + 1 / len(right)), own(rungs, left, right)[0])
    return value, sum(len(rung) - 1 for rung in rungs)


def with_images(rungs: list[Correct], left: Correct, right: Correct) -> tuple[float, float]:
    """Own variances; Satterthwaite's degrees of freedom over seeds and images together."""
    of_seeds, degrees = own(rungs, left, right)
    of_images = float((left.mean(axis=0) - right.mean(axis=0)).var(ddof=1)) / left.shape[1]
    weight = of_seeds**2 / degrees + of_images**2 / left.shape[1]
    return of_seeds, (of_seeds + of_images) ** 2 / weight if weight else math.inf


WAYS: dict[str, Seeds] = {"all": own, "pooled": pooled, "with images": with_images}


def judge_as_shipped(rungs: list[Correct]) -> tuple[bool, bool, float, float]:
    """Ask `statistics.compare`, which takes Welch's degrees of freedom."""
    named = {str(number): rung for number, rung in enumerate(rungs)}
    seeds = {name: range(len(rung)) for name, rung in named.items()}
    found = statistics.compare(
        named, [(str(at), str(at - 1)) for at in range(1, len(rungs))], seeds
    )
    verdicts = [each.verdict for each in found]
    claimed = [verdict in ("better", "worse") for verdict in verdicts]
    covered = [(each.p_value or 0) >= ALPHA for each in found]
    detectable = float(np.mean([each.detectable for each in found]))
    return "better" in verdicts, any(claimed), float(np.mean(covered)), detectable


def judge(rungs: list[Correct], seeds: Seeds) -> tuple[bool, bool, float, float]:
    """Test each rung against the one before: any false better, any false claim, coverage,
    detectable.
    """
    questions = list(zip(rungs[1:], rungs, strict=False))
    differences, p_values, detectable = [], [], []
    for left, right in questions:
        value, degrees = seeds(rungs, left, right)
        by_image = np.concatenate([left.mean(axis=0) - right.mean(axis=0), [1, -1]])
        error = math.sqrt(by_image.var(ddof=1) / len(by_image) + value)
        differences.append(left.mean() - right.mean())
        p_values.append(2 * float(stats.t.sf(abs(differences[-1]) / error, degrees)))
        strict = stats.t.ppf(1 - ALPHA / (2 * len(questions)), degrees)
        detectable.append(error * (strict + stats.t.ppf(POWER, degrees)))
    claimed = np.array(holm(p_values)) < ALPHA
    better = claimed & (np.array(differences) > 0)
    covered = np.array(p_values) >= ALPHA
    return (
        bool(better.any()),
        bool(claimed.any()),
        float(covered.mean()),
        float(np.mean(detectable)),
    )


def main(climbs: int = 200, images: int = 2000) -> None:
    """Print the table."""
    print(f"{climbs} climbs each; accuracy 0.6, {images:,} test images")
    print(
        f"{'seeds':5} {'spread':13} {'way':12} {'better':>7} {'any':>7} {'covers':>7} "
        f"{'detectable':>11}"
    )
    for seeds in (2, 3, 5):
        for name, spreads in SPREADS.items():
            draw = np.random.default_rng(1)
            totals = dict.fromkeys(["as shipped", *WAYS], np.zeros(4))
            for _ in range(climbs):
                rungs = simulate_ladder(draw, seeds, images, 0.6, spreads)
                judged = {"as shipped": judge_as_shipped(rungs)}
                judged |= {way: judge(rungs, rule) for way, rule in WAYS.items()}
                totals = {way: totals[way] + figures for way, figures in judged.items()}
            for way, total in totals.items():
                better, claimed, covers, detectable = total / climbs
                shares = f"{better:7.1%} {claimed:7.1%} {covers:7.1%} {100 * detectable:9.1f}"
                print(f"{seeds:5} {name:13} {way:12} {shares}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
