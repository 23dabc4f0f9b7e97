"""Runs on the same test images against the first of them, without a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from convladder.core.errors import RunError
from convladder.core.experiment import Experiment, difference
from convladder.core.metrics import metric_named
from convladder.results import folders, provenance
from convladder.results.answer import compared
from convladder.results.group_summary import Claim
from convladder.results.groups import GroupComparison
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, best_seed

Groups = dict[str, list[SavedRun]]
_NOT_A_TECHNIQUE = ("seed", "data.source", "data.fold")


class RunComparison:
    """Groups of runs against the first group.

    Runs that differ in nothing but their seed are one group, unless that is all there is to
    compare. Where every group is a single run, the *networks* are compared (McNemar's test), else
    what they were made by (over seeds and images, as in a climb).

    Raises
    ------
    RunError
        A folder is no run, there are fewer than two, or they were not tested on the same images.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        margin: float | None = None,
        metric: str | None = None,
    ) -> None:
        runs = find_runs([Path(path) for path in paths])
        if len(runs) < 2:
            given = f"{runs[0].folder} is one" if runs else "none is given"
            raise RunError(f"a comparison needs two or more runs: {given}")
        groups = group(runs)
        if len(groups) == 1:
            groups = _by_seed(runs)
        chosen = metric_named(metric) if metric else None
        self.lineup = GroupComparison(groups, margin, metric=chosen)
        lacking = [name for name in groups if name not in self.lineup.groups]
        if lacking:
            raise RunError(
                f"{lacking[0]} has no seed with a run of every fold: a comparison needs one"
            )
        if len(groups) == 1:
            raise RunError("a comparison needs two or more experiments: these are the folds of one")
        self.standings = self.lineup.standings

    @property
    def reference(self) -> str:
        """The first group, with which the others are compared."""
        return next(iter(self.lineup.groups))

    @cached_property
    def best(self) -> str:
        """The group to use: the best on validation of those that are not shown to be worse."""
        verdicts = {claim.name: claim.difference.verdict for claim in self.claims}
        shown_better = "better" in verdicts.values()
        verdicts[self.reference] = "worse" if shown_better else "undecided"
        open_ones = [each for each in self.standings.values() if verdicts[each.name] != "worse"]
        metric = self.lineup.metric
        return max(open_ones, key=lambda each: metric.as_score(each.validation)).name

    @cached_property
    def best_seed(self) -> SeedRun:
        """The seed of that group that is best on validation."""
        return best_seed(self.lineup.pooled[self.best], self.lineup.metric)

    @property
    def best_run(self) -> SavedRun:
        """The network to use: of that seed, whose networks are those of its folds."""
        return self.best_seed.best_run(self.lineup.metric)

    @property
    def of_networks(self) -> bool:
        """Whether single networks are compared, not techniques over seeds."""
        return all(len(runs) == 1 for runs in self.lineup.groups.values()) and not self.lineup.folds

    @cached_property
    def claims(self) -> list[Claim]:
        """Each other group against the first: one family of tests."""
        if self.of_networks:
            return self.lineup.claims_of_networks(self._pairs)
        return self.lineup.claims(self._pairs)

    @cached_property
    def corrupted_claims(self) -> list[Claim]:
        """The same on corrupted images; None of single networks, or where images differ."""
        if self.of_networks:
            return []
        return self.lineup.robustness_claims(self._pairs)

    @cached_property
    def changes(self) -> dict[str, dict[str, object]]:
        """For each other group the settings in which it differs from the first."""
        first = self.lineup.groups[self.reference][0]
        return {name: _changes(first, runs[0]) for name, runs in self.lineup.groups.items()}

    @property
    def notes(self) -> list[str]:
        """What a reader should know before believing: other data, other versions."""
        notes = []
        runs = [run for group in self.lineup.groups.values() for run in group]
        sources = list(dict.fromkeys(run.about["data"]["source"] for run in runs))
        used = [run.about["data"] for run in runs]
        contents = {(str(data["image_shape"]), data["fingerprint"]) for data in used}
        if len(contents) > len({shape for shape, _ in contents}):
            notes.append(
                f"The runs name different data ({', '.join(sources)}). Their test images are "
                "taken to be the same, because names and labels are."
            )
        chosen_by = {run.experiment.judged_by for run in runs} - {self.lineup.metric}
        if chosen_by:
            names = ", ".join(sorted(metric.title for metric in chosen_by))
            notes.append(
                f"The epochs of the runs were chosen for {names}, and not for the "
                f"{self.lineup.metric.title} that is compared here."
            )
        mixed = provenance.mixed_versions(run.about for run in runs)
        if mixed:
            notes.append(f"The runs were not all made with the same {', '.join(mixed)}.")
        if len(set().union(*self.lineup.recipes.values())) > 1:
            notes.append(
                "Not all test images were degraded in the same way: their sizes or the versions "
                "of convladder differ. Accuracy on degraded images is compared only between runs "
                "that used the same ones."
            )
        return notes

    def headline(self) -> str:
        """Say in a few sentences what the comparison has shown.

        Returns
        -------
        str
            The sentences.

        Raises
        ------
        RunError
            A file of the runs is missing or damaged.
        """
        return compared.in_short(self).said()

    def summary_table(self) -> pd.DataFrame:
        """Return one row per group, with every figure: what `summary.csv` holds.

        Returns
        -------
        DataFrame
            Accuracies and differences are shares, from 0 to 1; columns of the claims begin with
            `reference_`.
        """
        claims = {claim.name: claim.difference for claim in self.claims}
        rows = []
        for name, standing in self.standings.items():
            row = {"name": name} | standing.figures()
            if name in claims:
                row |= {f"reference_{key}": value for key, value in vars(claims[name]).items()}
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return [(name, self.reference) for name in self.lineup.groups if name != self.reference]


def find_runs(paths: Sequence[Path]) -> list[SavedRun]:
    """Return the runs at the paths: run folders, or folders of them, such as a climb's rung.

    Raises RunError where a path is neither, or a run is there twice.
    """
    found: list[Path] = []
    for path in paths:
        inside = [path] if folders.is_finished(path) else folders.finished_inside(path)
        if not inside and not path.exists():
            raise RunError(f"there is no folder {path}")
        if not inside:
            raise RunError(f"{path} is neither a run nor a folder of runs{_hint(path)}")
        found += inside
    for path in found:
        if sum(path.resolve() == other.resolve() for other in found) > 1:
            raise RunError(f"{path} is given twice")
    return [SavedRun(path) for path in found]


def group(runs: Sequence[SavedRun]) -> Groups:
    """Group runs that differ in nothing but their seed, under names that tell groups apart.

    Raises RunError where two runs do not even differ in that: the second would count as new
    evidence, and is none.
    """
    kinds: dict[str, list[SavedRun]] = {}
    for run in runs:
        kinds.setdefault(f"{run.about['data']['fingerprint']} {_without_seed(run)}", []).append(run)
    named: Groups = {}
    for members in kinds.values():
        _refuse_repeated_seeds(members)
        same_rung = next(
            (others for others in named.values() if others[0].rung == members[0].rung), None
        )
        name = members[0].rung if same_rung is None else _told_apart(same_rung[0], members[0])
        named[_free(name, named)] = sorted(members, key=lambda run: run.seed)
    return named


def _by_seed(runs: Sequence[SavedRun]) -> Groups:
    groups: Groups = {}
    for run in runs:
        groups.setdefault(f"{run.rung}, seed {run.seed}", []).append(run)
    return groups


# docs/decisions/017-single-runs-are-compared-as-networks.md
def _refuse_repeated_seeds(runs: Sequence[SavedRun]) -> None:
    of_seed: dict[tuple[int, int], SavedRun] = {}
    for run in runs:
        other = of_seed.setdefault((run.seed, run.experiment.data.fold), run)
        if other is not run:
            raise RunError(
                f"{other.folder} and {run.folder} are the same experiment with the same seed: "
                "leave one out"
            )


def _hint(path: Path) -> str:
    runs = folders.finished_runs(path) if folders.is_climb(path) else []
    return f": give rungs of the climb, such as {runs[0].parent}" if runs else ""


def _without_seed(run: SavedRun) -> str:
    settings: Experiment = run.experiment.replace({"seed": 0, "data.source": "", "data.fold": 0})
    return settings.to_json()


def _changes(first: SavedRun, other: SavedRun) -> dict[str, object]:
    changes = difference(first.experiment, other.experiment)
    return {key: new for key, (_, new) in changes.items() if key not in _NOT_A_TECHNIQUE}


def _told_apart(first: SavedRun, other: SavedRun) -> str:
    """Name a group whose rung another has, by its other settings, or else by its data."""
    changes = _changes(first, other)
    shown = ", ".join(f"{key.rsplit('.', 1)[-1]} = {value}" for key, value in changes.items())
    return f"{other.rung} ({shown or other.about['data']['source']})"


def _free(name: str, taken: Mapping[str, object]) -> str:
    numbered = (f"{name} #{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)
