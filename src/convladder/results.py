"""What a climb came to: read from its folder, without any deep-learning framework.

Every figure here comes from the trials' `predictions.csv`; prices come from their `metrics.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import pandas as pd

from convladder import files, runs
from convladder.errors import RunError
from convladder.evaluation import predictions, statistics
from convladder.ladder import Ladder, Rung, ladder_of

_SAID: Mapping[statistics.Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "no detectable difference": "no detectable difference",
    "no comparison": "with too few seeds to compare",
}

MOST_NAMED = 3  # rungs in a sentence


@dataclass(frozen=True)
class Price:
    """What a rung costs, the median over seeds. The time is None where one epoch, which also compiles, was all."""

    parameters: int
    macs: int
    flops: int
    bytes: int
    train_milliseconds_per_image: float | None


PRICES = tuple(field.name for field in fields(Price))


@dataclass(frozen=True)
class Standing:
    """One rung: its runs by seed, its accuracy on test with an interval, on validation, and its price."""

    rung: Rung
    runs: tuple[runs.Run, ...]
    accuracy: statistics.Estimate
    seed_accuracies: tuple[float, ...]
    validation_accuracy: float
    price: Price


@dataclass(frozen=True)
class Claim:
    """One rung against another: the difference in accuracy, and in each price.

    extra : 0 where the prices of their seeds overlap, which only times do; None where one is not known.
    """

    rung: str
    reference: str
    difference: statistics.Difference
    extra: dict[str, float | None]

    def per(self, price: str, unit: float) -> float | None:
        """Return the gain in accuracy for each `unit` more of a price; None where it costs no more."""
        extra = self.extra[price]
        return self.difference.difference / (extra / unit) if extra and extra > 0 else None


@dataclass(frozen=True)
class Failure:
    rung: str
    seed: int
    error: str


class Results:
    """The results of a climb's folder. Raises RunError where it is none or nothing in it is finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not runs.is_climb(folder):
            raise RunError(f"{folder} is not a climb: it has no climb.json")
        self.about: dict[str, Any] = files.read_json(folder / "climb.json")
        self.ladder: Ladder = ladder_of(files.read_json(folder / "ladder.json"), str(folder / "ladder.json"))
        self._keys = [(rung, seed) for rung, seed in self.about["trials"]]
        self._runs = {
            key: runs.Run(runs.trial_folder(folder, *key))
            for key in self._keys
            if runs.is_finished(runs.trial_folder(folder, *key))
        }
        if not self._runs:
            first = f"; {self.failures[0].rung} failed: {self.failures[0].error}" if self.failures else ""
            raise RunError(f"no trial in {folder} is finished{first} (the same climb command goes on with it)")

    @cached_property
    def failures(self) -> list[Failure]:
        """The trials that failed; one that has not been tried yet is not among them."""
        failed = []
        for rung, seed in self._keys:
            path = runs.error_file(runs.trial_folder(self.folder, rung, seed))
            if (rung, seed) not in self._runs and path.exists():
                lines = path.read_text(encoding="utf-8").strip().splitlines() or ["unknown"]
                failed.append(Failure(rung, seed, lines[-1]))
        return failed

    @property
    def missing(self) -> int:
        """The number of trials that are neither finished nor failed."""
        return len(self._keys) - len(self._runs) - len(self.failures)

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """The rungs that have a finished trial, in the ladder's order."""
        return {name: self._standing(self.ladder.rung(name)) for name in self._correct}

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Each rung that has a parent, and the parent: the questions of a climb."""
        return [(rung.name, rung.parent) for rung in self.ladder.rungs if rung.parent]

    @cached_property
    def against_parent(self) -> list[Claim]:
        """The claims of the steps whose two rungs have a finished trial: one family of tests."""
        return self._claims(self.steps)

    @cached_property
    def against_start(self) -> list[Claim]:
        """Each rung against the ladder's first: another family."""
        start = self.ladder.rungs[0].name
        return self._claims([(rung.name, start) for rung in self.ladder.rungs if rung.name != start])

    @cached_property
    def best(self) -> str | None:
        """The rung of the best mean accuracy on validation, of those with two seeds or more; None without any."""
        several = [standing for standing in self.standings.values() if len(standing.runs) > 1]
        if not several:
            return None
        return max(several, key=lambda standing: standing.validation_accuracy).rung.name

    @property
    def seeds(self) -> str:
        """How many seeds the rungs have, such as `3` or `2 to 3`."""
        counts = [len(standing.runs) for standing in self.standings.values()]
        return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"

    @cached_property
    def mixed_versions(self) -> list[str]:
        """The packages of which the trials were not all trained with one version."""
        seen = [run.about["environment"]["versions"] for run in self._runs.values()]
        return sorted(name for name in set().union(*seen) if len({versions.get(name) for versions in seen}) > 1)

    @property
    def shown(self) -> runs.Run:
        """The run whose predictions are shown: of the best rung (or the last), the best seed on validation."""
        standing = self.standings[self.best or list(self.standings)[-1]]
        return max(standing.runs, key=lambda run: run.metrics["validation"]["accuracy"])

    def headline(self) -> str:
        """Say in a few sentences what the climb has shown."""
        if len(self.ladder.rungs) == 1:
            return "One rung alone: there is nothing to compare it with."
        verdicts = {claim.difference.verdict for claim in [*self.against_parent, *self.against_start]}
        if verdicts == {"no comparison"}:
            return f"No comparison can be claimed, and no rung is the winner: {self._lacking()}."
        sentences = (
            [_count("step", "from a rung to the next", self.steps, self.against_parent)] if self.steps else []
        )
        start, others = self.ladder.rungs[0].name, range(len(self.ladder.rungs) - 1)
        if len(others) > 1 or not self.steps:
            sentences.append(_count("comparison", f"with {start}, the start", others, self.against_start))
        if self.best:
            accuracy = self.standings[self.best].accuracy
            low, high = (f"{100 * share:.1f}" for share in (accuracy.low, accuracy.high))
            sentences.append(
                f"Best on validation: {self.best}, {100 * accuracy.mean:.1f} % on test ({low} to {high})."
            )
        if not verdicts & {"better", "worse"}:
            sentences.append("More seeds or more test images would show smaller differences.")
        return " ".join(sentences)

    def _lacking(self) -> str:
        single = [name for name, standing in self.standings.items() if len(standing.runs) == 1]
        if len(single) == len(self.standings):
            return "with one seed of each rung, chance cannot be told from effect"
        return f"it takes two finished seeds of both rungs, and {', '.join(single) or 'a rung'} has too few"

    def trials_table(self) -> pd.DataFrame:
        """Return a row a trial, failed ones too: what `results.csv` holds."""
        errors = {(failure.rung, failure.seed): failure.error for failure in self.failures}
        rows = []
        for rung, seed in self._keys:
            row: dict[str, Any] = {"rung": rung, "seed": seed}
            if (rung, seed) in self._runs:
                row |= {"status": "finished"} | _figures(self._runs[rung, seed].metrics)
            else:
                failed = (rung, seed) in errors
                row |= {"status": "failed" if failed else "missing", "error": errors.get((rung, seed), "")}
            rows.append(row)
        return pd.DataFrame(rows)

    def summary_table(self) -> pd.DataFrame:
        """Return a row a rung, with its claims against its parent and the start: what `summary.csv` holds."""
        against = {
            "parent": {claim.rung: claim for claim in self.against_parent},
            "start": {claim.rung: claim for claim in self.against_start},
        }
        rows = []
        for name, standing in self.standings.items():
            accuracy = standing.accuracy
            row: dict[str, Any] = {
                "rung": name,
                "parent": standing.rung.parent,
                "seeds": accuracy.seeds,
                "test_images": accuracy.images,
                "accuracy": accuracy.mean,
                "accuracy_low": accuracy.low,
                "accuracy_high": accuracy.high,
                "validation_accuracy": standing.validation_accuracy,
                **vars(standing.price),
            }
            for which, claims in against.items():
                if name in claims:
                    row |= {f"{which}_{key}": value for key, value in vars(claims[name].difference).items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def write_tables(self) -> None:
        """Write `results.csv` and `summary.csv`."""
        for name, table in (("results.csv", self.trials_table()), ("summary.csv", self.summary_table())):
            files.write_text(self.folder / name, table.to_csv(index=False, lineterminator="\n"))

    @cached_property
    def _correct(self) -> dict[str, statistics.Correct]:
        """For each rung `(seeds, images)`: was the test image right?"""
        tables: dict[str, list[statistics.Correct]] = {}
        paths: list[str] | None = None
        for (rung, _), run in self._runs.items():
            test = predictions.part(run.predictions, "test")
            if paths is not None and paths != test["path"].tolist():
                raise RunError(f"{run.folder} was tested on other images than the runs beside it")
            paths = test["path"].tolist()
            tables.setdefault(rung, []).append(predictions.correct(test))
        return {rung: np.stack(rows) for rung, rows in tables.items()}

    def _of_rung(self, name: str) -> tuple[runs.Run, ...]:
        return tuple(run for (rung, _), run in self._runs.items() if rung == name)

    def _standing(self, rung: Rung) -> Standing:
        own = self._of_rung(rung.name)
        correct = self._correct[rung.name]
        return Standing(
            rung,
            own,
            statistics.estimate(correct),
            tuple(correct.mean(axis=1).tolist()),
            float(np.mean([run.metrics["validation"]["accuracy"] for run in own])),
            Price(**{price: _median(_prices(own, price)) for price in PRICES}),
        )

    def _claims(self, pairs: list[tuple[str, str]]) -> list[Claim]:
        known = [pair for pair in pairs if set(pair) <= set(self._correct)]
        seeds = {name: [run.seed for run in self._of_rung(name)] for name in self._correct}
        differences = statistics.compare(self._correct, known, seeds, family=len(pairs))
        return [
            Claim(
                rung,
                reference,
                difference,
                {
                    price: _extra(*(_prices(self._of_rung(name), price) for name in (rung, reference)))
                    for price in PRICES
                },
            )
            for (rung, reference), difference in zip(known, differences, strict=True)
        ]


def _count(noun: str, which: str, asked: Sized, claims: Sequence[Claim]) -> str:
    said = []
    for verdict, words in _SAID.items():
        names = [claim.rung for claim in claims if claim.difference.verdict == verdict]
        named = verdict in ("better", "worse") and len(names) <= MOST_NAMED
        if names:
            said.append(f"{len(names)} {words}" + (f" ({', '.join(names)})" if named else ""))
    if len(asked) > len(claims):
        said.append(f"{len(asked) - len(claims)} could not be made, for want of finished trials")
    return f"Of {len(asked)} {noun}{'' if len(asked) == 1 else 's'} {which}: " + "; ".join(said) + "."


def _prices(of_rung: Sequence[runs.Run], price: str) -> list[float]:
    """Return the price of each seed that knows it."""
    prices = [run.metrics["price"][price] for run in of_rung]
    return [price for price in prices if price is not None]


def _median(values: Sequence[float]) -> Any:
    return median_low(values) if values else None


def _extra(own: Sequence[float], reference: Sequence[float]) -> float | None:
    if not own or not reference:
        return None
    if min(own) <= max(reference) and min(reference) <= max(own):
        return 0.0
    return median_low(own) - median_low(reference)


def _figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "test_accuracy": metrics["test"]["accuracy"],
        "test_log_loss": metrics["test"]["log_loss"],
        "validation_accuracy": metrics["validation"]["accuracy"],
        "validation_log_loss": metrics["validation"]["log_loss"],
        "kept_epoch": metrics["kept_epoch"],
        **{name: metrics["price"][name] for name in PRICES},
        "seconds": metrics["seconds"],
    }
