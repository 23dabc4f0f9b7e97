"""`climb`: every rung of a ladder, with its table, its plots and its claims in words."""

from __future__ import annotations

import contextlib
import html as escaping
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from convladder.api import inputs, live_pages
from convladder.api.dataset import Dataset
from convladder.api.figures import new_figure
from convladder.api.run import Run
from convladder.core import backend, defaults
from convladder.core.errors import ExperimentError, RunError
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder
from convladder.experiments import climb_folder, climb_plan, climbing
from convladder.experiments.climb_plan import Plan
from convladder.experiments.engines import check_address, engine_at
from convladder.experiments.pretrained.imagenet import Say
from convladder.experiments.request import ClimbRequest
from convladder.experiments.run_options import RunOptions
from convladder.report import progress
from convladder.report.progress import Reporter
from convladder.report.tracking import Tracker, Tracking
from convladder.results import folders, locks, outputs, standings, verdicts
from convladder.results.saved_climb import SavedClimb
from convladder.results.seed_runs import SeedRun, measure_curves, measure_robustness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convladder.report.style import Grid


class Climb(SavedClimb):
    """A climb: its claims, its runs, its plots and its report.

    Parameters
    ----------
    folder
        The climb's folder, such as `climbs/NAME`.

    Raises
    ------
    RunError
        The folder holds no climb, or nothing in it is finished.
    LadderError
        The climb's `ladder.json` holds no ladder.
    """

    @property
    def best_run(self) -> Run:
        """The run that the report shows: the best on validation of the best rung.

        That is the best seed, and with folds the best fold. With one seed per rung, no rung can be
        called the best: then it is the run of the last.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        return Run(self.shown.folder)

    def runs(self, rung: str) -> list[Run]:
        """Return the finished runs of a rung, by seed.

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        list of Run
            One per seed, with folds one per seed and fold.

        Raises
        ------
        RunError
            The rung has no finished run.
        """
        self._check_finished(rung)
        return [Run(run.folder) for run in self.standings[rung].runs]

    def reading(self, rung: str) -> str:
        """Say in Markdown what the climb has shown of a rung against its parent, and at what cost.

        The difference in accuracy comes with an interval over seeds and test images, which holds
        together with those of all other comparisons of the climb (docs/verdicts.md), and with how
        often one network of the rung would beat one of its parent.

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        str
            A few sentences.

        Raises
        ------
        RunError
            The rung has no parent, or one of the two has no finished run.
        """
        self.runs(rung)
        claims = {claim.name: claim for claim in self.against_parent}
        own = self.ladder.rung(rung)
        if own.parent is None:
            raise RunError(f"{rung!r} has no parent to be compared with: it starts the ladder")
        if rung not in claims:
            raise RunError(f"{rung!r} cannot be compared: its parent has no finished run")
        said = verdicts.of_claim(claims[rung], self.standings, self.pace)
        return f"{said} {verdicts.taken_in(own)}" if own.takes_in else said

    def report(self, *, runs: bool = False) -> Path:
        """Write `report.html`, tables and `plots/` into the climb's folder.

        Parameters
        ----------
        runs
            Whether to write the page of each rung's best network too, which takes some two seconds
            a rung. The climb's page links to it. A network of which a file is damaged is left out.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        RunError
            The folder was not written by convladder, or a file of its runs is missing or damaged.
        """
        from convladder.report import pages

        outputs.check_made_here(self.folder)
        if runs:
            for rung in self.standings:
                with contextlib.suppress(RunError):  # its folder is linked in the place of its page
                    pages.write_run(self.best_of(rung))
        return pages.write_climb(self)

    def plot_ladder(self, ax: Axes | None = None) -> Axes:
        """Draw each rung's accuracy on test: interval, mean, every seed (or fold), and cost.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        from convladder.report import plots

        return plots.draw_standings(
            list(self.standings.values()), self.against_parent, ax or new_figure()
        )

    def plot_history(self, rung: str, metric: str = "accuracy", ax: Axes | None = None) -> Axes:
        """Draw a metric over the epochs for every seed (and fold) of a rung.

        Parameters
        ----------
        rung
            The rung's name.
        metric
            `accuracy` or `loss`, or what the climb is judged by, such as `macro-f1`.
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such metric.
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        from convladder.report import plots

        return plots.draw_curves(self.runs(rung), metric, ax or new_figure())

    def _seeds_of(self, rung: str | None) -> Sequence[SeedRun]:
        """Return the seeds of a rung, or of the one that the page shows."""
        if rung is None:
            return self.shown_seeds
        self.runs(rung)
        return self.lineup.pooled[rung]

    def plot_roc(
        self,
        rung: str | None = None,
        ax: Axes | None = None,
        classes: Sequence[str] | None = None,
    ) -> Axes:
        """Draw the ROC curve of each class, averaged over the seeds of a rung.

        Each curve is for one class against all others, with the area under it. At
        each point, its band holds the rung's average curve in 95 of 100 cases. It covers seeds
        and test images. Folds have no band (docs/insight.md).

        Parameters
        ----------
        rung
            The rung's name; None takes the one that the page shows.
        ax
            Matplotlib axes to draw into; None makes a new figure.
        classes
            Names of the classes to draw. None takes the second of two. Of more it takes the three
            with the smallest area under the ROC curve, and the average of all.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such class, or it has fewer than two test images.
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        from convladder.report import curve_plots

        found = measure_curves(self._seeds_of(rung))
        return curve_plots.draw_roc(found, classes, ax or new_figure())

    def plot_precision_recall(
        self,
        rung: str | None = None,
        ax: Axes | None = None,
        classes: Sequence[str] | None = None,
    ) -> Axes:
        """Draw the precision-recall curve of each class, averaged over the seeds of a rung.

        Each curve is for one class against all others, with its average precision. At
        each point, its band holds the rung's average curve in 95 of 100 cases. It covers seeds
        and test images. Folds have no band (docs/insight.md).

        Parameters
        ----------
        rung
            The rung's name; None takes the one that the page shows.
        ax
            Matplotlib axes to draw into; None makes a new figure.
        classes
            Names of the classes to draw. None takes the second of two. Of more it takes the three
            with the smallest area under the ROC curve, and the average of all.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such class, or it has fewer than two test images.
        RunError
            The rung has no finished run, or a file of its runs is missing or damaged.
        """
        from convladder.report import curve_plots

        found = measure_curves(self._seeds_of(rung))
        return curve_plots.draw_precision_recall(found, classes, ax or new_figure())

    def robustness(self, rung: str) -> pd.DataFrame:
        """Return a rung's accuracy on test under each corruption.

        Names and severities are those of ImageNet-C (Hendrycks, Dietterich 2019, "Benchmarking
        neural network robustness to common corruptions and perturbations", ICLR).

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        DataFrame
            One row per `corruption` and `strength`, from 0 (none) to 5: `accuracy` with its 95 %
            interval from `low` to `high`, from 0 to 1.

        Raises
        ------
        RunError
            The rung has no finished run, or the images of its seeds were not degraded in the same
            way.
        """
        self.runs(rung)
        return measure_robustness(self.lineup.pooled[rung]).table()

    def plot_robustness(self, rung: str) -> Grid:
        """Draw a rung's accuracy over the strength of each corruption, and its parent's in grey.

        The parent is left out if its images have another size or number of channels, or were
        degraded in another way.

        Parameters
        ----------
        rung
            The rung's name.

        Returns
        -------
        ndarray
            The axes, one per corruption, `(rows, columns)`.

        Raises
        ------
        RunError
            The rung has no finished run, or the images of its seeds were not degraded in the same
            way.
        """
        from convladder.report import robustness_plots

        self.runs(rung)
        own = measure_robustness(self.lineup.pooled[rung])
        return robustness_plots.draw_robustness(own, self.parent_robustness(rung), new_figure())

    def table(self) -> pd.DataFrame:
        """Return one row per rung, as people read it; `summary_table` has every figure in full.

        Returns
        -------
        DataFrame
            Texts: accuracy, difference from the parent in points, verdict and cost.

        Raises
        ------
        RunError
            A file of the climb's runs is missing or damaged.
        """
        rows = standings.table(
            self.standings, "rung", self.against_parent, "against its parent, points"
        )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<Climb in {self.folder}: {self.headline()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escaping.escape(self.headline())}</p>{self.table().to_html(index=False)}"


def climb(
    data: str | Path | Dataset,
    ladder: str | Ladder | None = None,
    *,
    rungs: Sequence[str] | None = None,
    seeds: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    folds: int | None = None,
    margin: float | None = None,
    epochs: int | None = None,
    pretrained: str | Path | None = None,
    weights: str | Path | None = None,
    metric: str | None = None,
    changes: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    allow_changed: bool = False,
    allow_rejects: bool = False,
    tensorboard: bool = False,
    mlflow: str | None = None,
    quiet: bool = False,
) -> Climb:
    """Train every rung of a ladder with several seeds; what is finished is not trained again.

    If it is interrupted for any reason, the same call resumes it. The result is bit-for-bit
    identical to that of a climb that was not.

    Parameters
    ----------
    data, ladder, epochs, pretrained, weights, metric, changes
        As `train` takes them; changes apply to the start of the ladder.
    rungs
        Train only these rungs; None takes all.
    seeds
        Train every rung with so many seeds; None takes 3, then up to 12 where more can decide a
        comparison; 1 with `folds`.
    seconds
        How long the climb may take in all; None takes as long as it takes. It gets as many seeds as
        fit.
    seed
        The seed (the first one, if there are several).
    folds
        Cross-validation: test every image once, in K folds. For small data.
    margin
        Call two rungs equal if their difference is shown to be less than so many points, such as 1
        (auroc, log-loss and brier have no points: such as 0.01); None takes no rungs are called
        equal. It is settled when the climb begins.
    jobs
        Trials in parallel; None takes one per core, or as many as fit in memory.
    cluster
        Train on a Ray cluster (an extra): auto, HOST:PORT or ray://HOST:PORT; None takes this
        machine.
    out
        Where to write: a new or empty folder, or one to resume; None takes a new dated folder
        under `climbs/`, or that of an earlier climb of the same trials.
    fresh
        Start over instead of resuming an unfinished run (finished runs stay). Without `out` that is
        in a new folder.
    allow_changed, allow_rejects, quiet
        As `train` takes them.
    tensorboard, mlflow
        As `train` takes them; TensorBoard's files go to `OUT/tensorboard`, and each trial is an
        MLflow run.

    Returns
    -------
    Climb
        The climb, with its claims, runs and plots.

    Raises
    ------
    ConvladderError
        Something that a person can put right. A trial that fails raises nothing: it is in
        `failures`.
    """
    request = ClimbRequest(
        data=data,
        ladder=ladder,
        rungs=rungs,
        seeds=seeds,
        seconds=seconds,
        seed=seed,
        folds=folds,
        margin=margin,
        epochs=epochs,
        pretrained=pretrained,
        weights=weights,
        metric=metric,
        changes=changes,
    )
    how = RunOptions(
        jobs=jobs,
        cluster=cluster,
        out=out,
        fresh=fresh,
        allow_changed=allow_changed,
        allow_rejects=allow_rejects,
        tensorboard=tensorboard,
        mlflow=mlflow,
        quiet=quiet,
    )
    return climb_request(request, how)


def climb_request(request: ClimbRequest, how: RunOptions) -> Climb:
    """Climb as `climb` does, which says what is raised."""
    reporter, source = progress.reporter(quiet=how.quiet), inputs.name_of(request.data)
    backend.chosen()
    place = outputs.check_at_start(how.out, "climb", source, "climbs")
    if place:
        locks.check_unlocked(place)
    inputs.check_counts(seeds=request.seeds, jobs=how.jobs)
    inputs.check_seconds(request.seconds)
    check_address(how.cluster)
    tracking = Tracking(how.tensorboard, how.mlflow)
    plan = _plan_of(request, how, reporter)
    folder = place or _folder_of(plan, source, how, reporter.say)
    folders.check_outside(folder, source)
    finished = climb_folder.count_finished(plan, folder)
    if finished:
        of_all = f" of {len(plan.trials)}" if len(plan.counts) == 1 else ""
        reporter.say(f"{finished}{of_all} trials in {folder} are already finished")
    with (
        inputs.going_on(reporter, folder, how.fresh),
        live_pages.of_climb(plan, folder, how, reporter) as page,
        live_pages.showing(reporter, page, _trackers(tracking, plan, folder)) as (expect, on_event),
        engine_at(how.cluster, how.jobs) as engine,
    ):
        climbing.climb(
            plan,
            folder,
            engine=engine,
            how=how.resume,
            on_weights=lambda weights: expect(weights, climb_folder.seconds_left(plan, folder)),
            on_event=on_event,
        )
    return Climb(folder)


def _plan_of(request: ClimbRequest, how: RunOptions, reporter: Reporter) -> Plan:
    """Return the trials of a climb, with their images loaded."""
    ladder, settings = _part_of(request), inputs.start_of(request)
    inputs.check_data(settings)
    start = ladder.experiment(ladder.rungs[0].name, settings)
    inputs.check_margin(request.margin, start.judged_by)
    counts = _counts(request, start, single=len(ladder.rungs) == 1)
    inputs.check_seeds(request.seed, counts[-1])
    load = inputs.loader(request.data, how.allow_rejects, reporter)
    numbers = range(request.seed, request.seed + counts[-1])
    plan = climb_plan.make_plan(ladder, numbers, settings, load, reporter.say, counts)
    return replace(plan, margin=request.margin, seconds=request.seconds)


def _counts(request: ClimbRequest, start: Experiment, *, single: bool) -> tuple[int, ...]:
    """Return at how many seeds a climb looks at its results."""
    folds = bool(start.data.folds)
    if request.seconds is None:
        return (request.seeds,) if request.seeds else defaults.looks(folds=folds, single=single)
    if request.seeds or folds:
        given = "--seeds" if request.seeds else "--folds"
        raise ExperimentError(f"--time chooses how many seeds there are: leave out {given}")
    if single:
        raise ExperimentError("--time is for rungs that are compared: for one, give --seeds")
    return defaults.LOOKS_IN_TIME


def _part_of(request: ClimbRequest) -> Ladder:
    """Return the rungs that are to be climbed."""
    ladder, rungs = inputs.ladder_of(request), request.rungs
    if isinstance(rungs, str):
        raise ExperimentError(
            f"rungs must be a list of names, such as [{rungs!r}]; got the string {rungs!r}"
        )
    return ladder if rungs is None else ladder.part(rungs)


def _folder_of(plan: Plan, source: str, how: RunOptions, say: Say) -> Path:
    """Return the folder of an earlier climb of the same, or a new one."""
    found = None if how.fresh else climb_folder.find_climb(Path("climbs"), plan, say)
    if how.allow_changed and not found:
        raise RunError(
            "--allow-changed found no climb of these trials under climbs/: give the climb with "
            "--out"
        )
    if found is None and not how.fresh and len(plan.counts) > 1:
        _say_of_fixed(plan, say)
    return found or folders.new_folder("climbs", source)


def _say_of_fixed(plan: Plan, say: Say) -> None:
    """Tell of an earlier climb of the same with as many seeds for every rung as was usual once."""
    seeds = plan.seeds[: defaults.SEEDS]
    trials = [trial for trial in plan.trials if trial.key.seed in seeds]
    fixed = replace(plan, identity=climb_plan.identity_of(trials))
    if found := climb_folder.find_climb(Path("climbs"), fixed):
        say(
            f"{found} is a climb of these rungs with {len(seeds)} seeds each: to resume it, give "
            f"--seeds {len(seeds)}"
        )


def _trackers(tracking: Tracking, plan: Plan, folder: Path) -> list[Tracker]:
    """Return who is told of the trials."""
    experiments = {trial.key: trial.experiment for trial in plan.trials}
    place = partial(folders.trial_folder, folder)
    return tracking.trackers(folder, folder / "tensorboard", experiments, place)
