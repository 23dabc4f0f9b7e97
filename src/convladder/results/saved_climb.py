"""What a climb came to: read from its folder, without any deep-learning framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.core import files
from convladder.core.errors import RunError
from convladder.core.ladder import Ladder, ladder_of
from convladder.core.metrics import BRIER, LOG_LOSS
from convladder.evaluation import label_errors, predictions
from convladder.evaluation.robustness import Robustness
from convladder.results import (
    advice,
    climb_tables,
    folders,
    headline,
    migrations,
    planned_looks,
    provenance,
    questions,
    saved_run,
)
from convladder.results.advice import images_in_folds
from convladder.results.folders import TrialKey
from convladder.results.group_summary import Claim, GroupSummary
from convladder.results.groups import GroupComparison
from convladder.results.pace import Pace
from convladder.results.planned_looks import PlannedLook
from convladder.results.seed_runs import SeedRun, best_seed, log_loss, not_trained_on


@dataclass(frozen=True)
class Failure:
    key: TrialKey
    error: str


class SavedClimb:
    """The results of a climb's folder. Raises RunError where nothing in it is finished."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder = Path(folder)
        if not folders.is_climb(folder):
            raise RunError(f"{folder} is not a climb: it has no climb.json")
        self.about: dict[str, Any] = migrations.read_about(folder / "climb.json")
        self.ladder: Ladder = ladder_of(
            files.read_json(folder / "ladder.json"), str(folder / "ladder.json")
        )
        self._keys = [TrialKey(*key) for key in self.about["trials"]]
        self._runs = {
            key: saved_run.SavedRun(folders.trial_folder(folder, key))
            for key in self._keys
            if folders.is_finished(folders.trial_folder(folder, key))
        }
        if not self.lineup.groups:
            first = (
                f"; {self.failures[0].key.rung} failed: {self.failures[0].error}"
                if self.failures
                else ""
            )
            what = "no trial" if not self._runs else "no rung with all its folds"
            raise RunError(
                f"{what} in {folder} is finished{first} (run the same climb command to resume)"
            )

    @cached_property
    def failures(self) -> list[Failure]:
        """The trials that failed; one that has not been tried yet is not among them."""
        failed = []
        for key in self._keys:
            path = folders.error_file(folders.trial_folder(self.folder, key))
            if key not in self._runs and path.exists():
                lines = path.read_text(encoding="utf-8").strip().splitlines() or ["unknown"]
                failed.append(Failure(key, lines[-1]))
        return failed

    @property
    def missing(self) -> int:
        """The number of trials that are neither finished nor failed."""
        return len(self._keys) - len(self._runs) - len(self.failures)

    @property
    def unfinished_rungs(self) -> list[str]:
        """The rungs of which nothing can be said yet: no seed of theirs is finished."""
        return [rung.name for rung in self.ladder.rungs if rung.name not in self.standings]

    @cached_property
    def left_out(self) -> dict[tuple[str, int], int]:
        """The rungs and seeds that lack a fold, and how many they lack: nothing is said of them."""
        lacking = [
            (key.rung, key.seed)
            for key in self._keys
            if key.fold is not None and key not in self._runs
        ]
        return {each: lacking.count(each) for each in lacking}

    @cached_property
    def lineup(self) -> GroupComparison:
        """The rungs that have a finished trial, in the ladder's order, with their runs by seed."""
        groups: dict[str, list[saved_run.SavedRun]] = {}
        for key, run in self._runs.items():
            groups.setdefault(key.rung, []).append(run)
        margin, in_folds = self.about.get("margin"), self.images_in_folds
        return GroupComparison(groups, margin, self.complete_looks, images_in_folds=in_folds)

    @cached_property
    def looks(self) -> list[PlannedLook]:
        """When the climb looks at its results, and the share of the 5 % that each look spends."""
        return planned_looks.from_json(self.about["looks"])

    @cached_property
    def complete_looks(self) -> list[PlannedLook]:
        """The looks whose trials are all finished, or failed: verdicts rest on no others."""
        open_keys = {*self._keys} - {*self._runs} - {failure.key for failure in self.failures}
        return [
            look
            for look in self.looks
            if look.rungs
            and not any(key.rung in look.rungs and key.seed in look.seeds for key in open_keys)
        ]

    @property
    def looked(self) -> list[int]:
        """With how many seeds the climb has looked at its results."""
        return [len(look.seeds) for look in self.complete_looks]

    @property
    def spends_where_open(self) -> bool:
        """Whether rungs got more seeds only where a comparison was open."""
        return any(len(look.rungs or ()) < len(self.ladder.rungs) for look in self.complete_looks)

    @property
    def standings(self) -> dict[str, GroupSummary]:
        """How each rung that has a finished trial stands, in the ladder's order."""
        return self.lineup.standings

    def parent_robustness(self, name: str) -> Robustness | None:
        """Return the robustness of a rung's parent.

        Parameters
        ----------
        name
            The rung's name.

        Returns
        -------
        Robustness or None
            None if it has no parent with a finished run, or if the images of the two were not
            degraded in the same way.

        Raises
        ------
        LadderError
            The ladder has no such rung.
        RunError
            A file of the climb's runs is missing or damaged.
        """
        parent = self.ladder.rung(name).parent
        if (
            parent is None
            or parent not in self.standings
            or not self.lineup.asked_alike(name, parent)
        ):
            return None
        return self.lineup.robustness[parent]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Each rung that has a parent, and the parent: the questions of a climb."""
        return questions.steps(self.ladder)

    @property
    def from_start(self) -> list[tuple[str, str]]:
        """Each other rung, and the ladder's first."""
        return questions.from_start(self.ladder)

    @property
    def questions(self) -> list[tuple[str, str]]:
        """All pairs of rungs that are compared, each once: one family of tests."""
        return questions.family(self.ladder)

    @cached_property
    def against_parent(self) -> list[Claim]:
        """The claims of the steps whose two rungs have a finished trial."""
        return self._claims_of(self.steps)

    @property
    def needs(self) -> str:
        """What would decide the steps that are undecided, in words; empty where none is."""
        return "" if self.folds else advice.needs(self.against_parent, self.pace)

    @cached_property
    def images_in_folds(self) -> int | None:
        """How many images folds would test; None where they are not possible, or used already."""
        folded = any(key.fold is not None for key in self._keys)
        return None if folded else images_in_folds(self.about["data"])

    @cached_property
    def pace(self) -> Pace:
        """How long further trainings take, by those that this climb has done."""
        return Pace.of(self.standings, self.about["environment"])

    @cached_property
    def against_start(self) -> list[Claim]:
        """The claims of each rung against the ladder's first."""
        return self._claims_of(self.from_start)

    @cached_property
    def corrupted_against_parent(self) -> list[Claim]:
        """The steps in accuracy on degraded images: a family of their own, with its own 5 %."""
        return self.lineup.robustness_claims(self.steps)

    @cached_property
    def probabilities_against_parent(self) -> list[Claim]:
        """The steps in how good probabilities are: another family, with its own 5 %.

        By Brier score and log loss, without the one that rungs are judged by.
        """
        metrics_of_them = [each for each in (BRIER, LOG_LOSS) if each != self.lineup.metric]
        return self.lineup.claims_in(metrics_of_them, self.steps)

    @cached_property
    def best(self) -> str | None:
        """The rung that is best on validation in the mean, of two runs or more, if any.

        Of those that are equally good, it is the one with the least log loss on validation.
        """
        several = [standing for standing in self.standings.values() if len(standing.runs) > 1]
        if not several:
            return None
        metric = self.lineup.metric
        return max(
            several,
            key=lambda each: (metric.as_score(each.validation), -log_loss(each.runs)),
        ).name

    @property
    def folds(self) -> int | None:
        """Into how many folds the images were split; None without cross-validation."""
        return self.lineup.folds

    @property
    def seeds(self) -> str:
        """How many seeds the rungs have, such as `3` or `2 to 3`."""
        counts = [standing.estimate.seeds for standing in self.standings.values()]
        return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"

    @cached_property
    def mixed_versions(self) -> list[str]:
        """The packages of which the trials were not all trained with one version."""
        return provenance.mixed_versions(run.about for run in self._runs.values())

    @property
    def environment(self) -> dict[str, Any]:
        """That of the last command that trained, with all versions that there were on the way."""
        about: dict[str, Any] = self.about["environment"]
        return about | {
            "versions": provenance.all_versions(run.about for run in self._runs.values())
        }

    @property
    def shown_seeds(self) -> tuple[SeedRun, ...]:
        """All seeds of the rung that is shown: of the best, or the last."""
        return self.lineup.pooled[self.best or list(self.standings)[-1]]

    @cached_property
    def shown_seed(self) -> SeedRun:
        """The runs whose predictions are shown: the best seed of the rung that is shown."""
        return best_seed(self.shown_seeds, self.lineup.metric)

    @property
    def shown(self) -> saved_run.SavedRun:
        """The one of them that is shown as a single network: the best fold on validation."""
        return self.shown_seed.best_run(self.lineup.metric)

    def best_of(self, rung: str) -> saved_run.SavedRun:
        """Return the network of a rung that is best on validation.

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        SavedRun
            The run; with folds, that of one fold.

        Raises
        ------
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        self._check_finished(rung)
        metric = self.lineup.metric
        return best_seed(self.lineup.pooled[rung], metric).best_run(metric)

    def predictions(self, rung: str) -> pd.DataFrame:
        """Return what a rung's networks made of the test images.

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        DataFrame
            One row per image and seed: `seed`, `path`, `split`, `label`, `predicted`, and the
            probability of each class, `p:<class>`. With folds, `fold` says which network of a seed
            predicted an image: the one that was not trained on it.

        Raises
        ------
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        self._check_finished(rung)
        tables = []
        for each in self.lineup.pooled[rung]:
            table = each.tested.assign(seed=each.seed, fold=each.tested_in)
            first = ["seed", "fold"] if self.folds else ["seed"]
            tables.append(table[[*first, *each.tested.columns]])
        return pd.concat(tables, ignore_index=True)

    def suspected_labels(self, rung: str) -> pd.DataFrame:
        """Return the images whose label a rung's networks dispute together, the worst first.

        Probabilities are averaged over all seeds of the rung, so what a single network gets wrong
        counts for less (docs/insight.md has figures). The images are those of validation and test;
        with folds all images, each predicted by the networks that were not trained on it. They are
        found by confident learning (Northcutt, Jiang, Chuang 2021, "Confident learning: estimating
        uncertainty in dataset labels", JAIR 70).

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        DataFrame
            One row per image: `path`, `split`, `label`, the `suggested` class, and `margin`: the
            probability of the label less that of the likeliest other class.

        Raises
        ------
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        self._check_finished(rung)
        return label_errors.suspects(not_trained_on(self.lineup.pooled[rung]))

    def headline(self) -> str:
        """Say in a few sentences what the climb has shown.

        Returns
        -------
        str
            The sentences.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        return headline.of_climb(self)

    def _check_finished(self, rung: str) -> None:
        if rung not in self.standings:
            raise RunError(
                f"{rung!r} has no finished run: the rungs with one are {', '.join(self.standings)}"
            )

    @cached_property
    def _claims(self) -> dict[tuple[str, str], Claim]:
        claims = self.lineup.claims(self.questions)
        return {(claim.name, claim.reference): claim for claim in claims}

    def _claims_of(self, pairs: Sequence[tuple[str, str]]) -> list[Claim]:
        return [self._claims[pair] for pair in pairs if pair in self._claims]

    def trials_table(self) -> pd.DataFrame:
        """Return one row per trial, failed ones too: what `results.csv` holds.

        Returns
        -------
        DataFrame
            `rung`, `seed`, with folds `fold`, `status`, `error`, and the figures and costs of those
            that are finished; times are in seconds.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        return climb_tables.trials(self._keys, self._runs, self.failures)

    def summary_table(self) -> pd.DataFrame:
        """Return one row per rung with its claims against parent and start, as in `summary.csv`.

        Returns
        -------
        DataFrame
            Accuracies and differences are shares, from 0 to 1, as other metrics are that lie
            there; columns of the claims begin with `parent_` and `start_`.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        return climb_tables.summary(self)

    def write_tables(self) -> None:
        """Write `results.csv`, `summary.csv`, and `trials/<rung>/predictions.csv` of folds.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        for name, table in (
            ("results.csv", self.trials_table()),
            ("summary.csv", self.summary_table()),
        ):
            files.write_text(self.folder / name, table.to_csv(index=False, lineterminator="\n"))
        for rung in self.standings if self.folds else ():
            place = folders.rung_folder(self.folder, rung) / "predictions.csv"
            predictions.write(self.predictions(rung), place)
