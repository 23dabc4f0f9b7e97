"""What is trained, told to TensorBoard or MLflow meanwhile. Both are extras, off by default."""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from convladder.core import files
from convladder.core.errors import ConvladderError, ExperimentError
from convladder.core.experiment import Experiment, flatten
from convladder.core.extras import require
from convladder.core.tasks import Event, Failed, Finished, Halted, Message, Notice, OnEvent, Started
from convladder.evaluation import metrics
from convladder.results import folders
from convladder.results.folders import TrialKey

_logger = logging.getLogger(__name__)

EPOCH_FIGURES = (
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "images_per_second",
)
_NOT_ALLOWED = re.compile(r"[^\w\-. /]")  # in the name of a figure of MLflow
REASON = 160  # characters of why MLflow cannot be used: it tells of its retries at length

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?:file:)?(?P<file>[^?]+)(?:\?.*)?")
_HOST = re.compile(r"[\w.-]{2,}:\d+")  # and its port


@dataclass(frozen=True)
class Tracking:
    """Who is to be told: TensorBoard or not, and MLflow at an address.

    Raises ExperimentError where one is not installed.
    """

    tensorboard: bool = False
    mlflow: str | None = None

    def __post_init__(self) -> None:
        if self.tensorboard:
            require("tensorboardX", "tensorboard")
        if self.mlflow:
            require("mlflow", "mlflow")

    def trackers(
        self,
        folder: Path,
        events: Path,
        experiments: Mapping[TrialKey, Experiment],
        place: Callable[[TrialKey], Path],
    ) -> list[Tracker]:
        """Return those who are told of what is put into a folder; `events` is TensorBoard's."""
        told: list[Tracker] = [TensorBoard(events)] if self.tensorboard else []
        return told + (
            [MLflow(self.mlflow, folder.name, experiments, place)] if self.mlflow else []
        )


class Tracker(Protocol):
    """Tells another program of trials, as a display does.

    where : a person finds it; empty if it says so itself.
    """

    where: str

    def follow(self, event: Event) -> None:
        """Tell what happened to a trial."""

    def close(self) -> None:
        """Tell that nothing more will happen."""


class TensorBoard:
    """Writes the figures of each epoch as event files: `FOLDER/RUNG/seed-0/`."""

    def __init__(self, folder: Path) -> None:
        self._writer = require("tensorboardX", "tensorboard").SummaryWriter
        self.where = (
            "figures of each epoch for TensorBoard: tensorboard --logdir "
            f"{shlex.quote(str(folder))}"
        )
        self._folder, self._open = folder, dict[TrialKey, Any]()

    def follow(self, event: Event) -> None:
        if isinstance(event, Message) and isinstance(event.value, dict):
            if event.key not in self._open:
                self._open[event.key] = self._writer(
                    str(self._folder / folders.place_of(event.key))
                )
            for name in _figures_of(event.value):
                self._open[event.key].add_scalar(name, event.value[name], int(event.value["epoch"]))
            self._open[event.key].flush()
        if isinstance(event, Finished | Failed | Halted) and event.key in self._open:
            self._open.pop(event.key).close()

    def close(self) -> None:
        # each has a file and a thread: where one cannot be closed, the others can
        while self._open:
            key, writer = self._open.popitem()
            try:
                writer.close()
            except OSError as error:
                _logger.debug("the figures of %s may lack the last (%s)", key, error)


class MLflow:
    """Makes an MLflow run of each trial: its settings, each epoch's figures, and the test's.

    A trial that resumes keeps its run.

    uri : a server, a database, or a folder, in which a database is made.
    experiments : of the trials to send. place : where their run folders are, by their keys.
    """

    def __init__(
        self,
        uri: str,
        name: str,
        experiments: Mapping[TrialKey, Experiment],
        place: Callable[[TrialKey], Path],
    ) -> None:
        client = require("mlflow", "mlflow").MlflowClient
        self._experiments, self._place = experiments, place
        try:
            uri = _address(uri, {experiment.data.source for experiment in experiments.values()})
            self.where = f"figures of each epoch for MLflow: {_to_look_at(uri)}"
            with _hushed("mlflow", "alembic"):  # they tell of each step of making a database
                self._client = client(tracking_uri=uri)
                found = self._client.get_experiment_by_name(name)
                self._id = found.experiment_id if found else self._client.create_experiment(name)
                self._earlier = self._runs_of_folders() if found else {}
        except ConvladderError:
            raise
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            reason = reason if len(reason) <= REASON else f"{reason[:REASON]}..."
            raise ExperimentError(
                f"cannot use MLflow at {uri} ({reason}): give http://HOST:PORT where its server "
                "runs, sqlite:///FILE, or a folder"
            ) from None
        self._open: dict[TrialKey, str] = {}

    def follow(self, event: Event) -> None:
        if isinstance(event, Started) and event.key in self._experiments:
            self._open[event.key] = self._begin(event.key)
        if event.key not in self._open:
            return
        run = self._open[event.key]
        if isinstance(event, Message) and isinstance(event.value, dict):
            for name in _figures_of(event.value):
                self._client.log_metric(
                    run, _allowed(name), event.value[name], step=int(event.value["epoch"])
                )
        if isinstance(event, Finished):
            tested = files.read_json(self._place(event.key) / folders.MARKER)["test"]
            judged_by = self._experiments[event.key].judged_by
            for name, value in metrics.measured(tested, judged_by).items():
                self._client.log_metric(run, _allowed(f"test_{name}"), value)
            self._client.set_terminated(self._open.pop(event.key), "FINISHED")
        if isinstance(event, Failed):
            self._client.set_tag(run, "error", event.error)
            self._client.set_terminated(self._open.pop(event.key), "FAILED")
        if isinstance(event, Halted):
            self._client.set_terminated(self._open.pop(event.key), "KILLED")

    def close(self) -> None:
        failed: list[Exception] = []
        while self._open:  # where one cannot be closed, the others can
            try:
                self._client.set_terminated(self._open.popitem()[1], "KILLED")
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _begin(self, key: TrialKey) -> str:
        """Return the run of a trial: a new one, or the one of a command before this one."""
        place = str(self._place(key).resolve())
        earlier = self._earlier.get(place)
        if earlier:
            self._client.update_run(earlier, "RUNNING")
            return earlier
        name = f"{key.rung}, {key.name}"
        run = str(
            self._client.create_run(self._id, run_name=name, tags={"folder": place}).info.run_id
        )
        self._earlier[place] = run
        for setting, value in flatten(self._experiments[key]).items():
            self._client.log_param(run, setting, value)
        return run

    def _runs_of_folders(self) -> dict[str, str]:
        """Return the newest run of each run folder, of commands before this one.

        MLflow is not asked for a folder by name: its filters have no way to write every path, such
        as one with an apostrophe.
        """
        newest: dict[str, str] = {}
        token: str | None = None
        while True:
            page = self._client.search_runs([self._id], page_token=token)  # the newest first
            for run in page:
                if "folder" in run.data.tags:
                    newest.setdefault(run.data.tags["folder"], str(run.info.run_id))
            token = page.token
            if not token:
                return newest


def _address(given: str, sources: Iterable[str]) -> str:
    """Return what MLflow takes: of a folder a database in it, since plain files are no more kept.

    Raises ExperimentError where it may be meant otherwise, or is another program's database, and
    RunError where it lies among the images of the sources.
    """
    if _HOST.fullmatch(given):
        raise ExperimentError(
            f"--mlflow {given} is neither a folder nor an address: did you mean http://{given}?"
        )
    if given.endswith((".db", ".sqlite")) and "://" not in given:
        raise ExperimentError(
            f"--mlflow {given} looks like a database: did you mean sqlite:///{given}?"
        )
    in_file = _SQLITE.fullmatch(given)
    if in_file:
        _check_database(Path(in_file["file"]).resolve(), sources)
        return given
    folder = Path(given).resolve()
    if (":" in given and not folder.drive) or given == "databricks":
        return given
    if any(folder.glob("*/meta.yaml")):
        raise ExperimentError(
            f"{folder} holds MLflow's old file store, which MLflow no longer supports: give "
            "another folder"
        )
    database = folder / "mlflow.db"
    _check_database(database, sources)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{database}"


def _check_database(database: Path, sources: Iterable[str]) -> None:
    """Raise ConvladderError where MLflow would write into another's database or the images."""
    for source in sources:
        folders.check_outside(database, source, "--mlflow")
    if database.exists() and not _is_of_mlflow(database):
        raise ExperimentError(
            f"{database} is not an MLflow database: give another place with --mlflow"
        )


def _is_of_mlflow(database: Path) -> bool:
    """Whether a file is a database of MLflow's, or empty: it would add tables to any other."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        ) as opened:
            tables = {
                name
                for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
    except sqlite3.Error:
        return False
    return not tables or {"experiments", "runs"} <= tables


def _to_look_at(uri: str) -> str:
    """Return where, or by which command, a person looks at what is there; without a password."""
    if uri.startswith("http"):
        return re.sub(r"//[^/@]*@", "//", uri)
    return f"mlflow ui --backend-store-uri {shlex.quote(re.sub(r':[^/:@]*@', ':...@', uri))}"


@contextlib.contextmanager
def _hushed(*names: str) -> Iterator[None]:
    """Let these loggers tell of warnings alone meanwhile."""
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


@contextlib.contextmanager
def following(
    first: OnEvent, trackers: Sequence[Tracker], say: Callable[[str], None]
) -> Iterator[OnEvent]:
    """Yield what tells `first` and all trackers of an event.

    A tracker that fails is told nothing more, and `first` that this is so, also where a person
    wants it quiet: training goes on. In the end it is closed as the others are.
    """
    listening = list(trackers)
    for where in filter(None, (tracker.where for tracker in trackers)):
        say(where)

    def tell(what: Callable[[Tracker], None]) -> None:
        for tracker in list(listening):
            try:
                what(tracker)
            except Exception as error:
                listening.remove(tracker)
                why = f"{type(error).__name__}: {error}"
                first(Notice(f"{type(tracker).__name__} gets no more figures ({why})"))

    def on_event(event: Event) -> None:
        first(event)
        tell(lambda tracker: tracker.follow(event))

    try:
        yield on_event
    finally:
        lost = [tracker for tracker in trackers if tracker not in listening]
        tell(lambda tracker: tracker.close())
        for tracker in lost:
            try:
                tracker.close()
            except Exception:  # that it fails has been said
                _logger.debug("%s cannot be closed", type(tracker).__name__, exc_info=True)


def _figures_of(row: Mapping[str, Any]) -> list[str]:
    """Return the names of an epoch's figures: the usual ones, and the metric if it is another."""
    return list(dict.fromkeys([*EPOCH_FIGURES, *(name for name in row if name.startswith("val_"))]))


def _allowed(name: str) -> str:
    """Return a name as MLflow takes it: that of a class may have anything in it."""
    return _NOT_ALLOWED.sub("_", name)
