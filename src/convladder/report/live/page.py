"""The page of what trains: told of events as trackers are, and written by a thread of its own."""

from __future__ import annotations

import contextlib
import csv
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from convladder.core import files
from convladder.core.errors import ConvladderError
from convladder.core.tasks import Event
from convladder.report.live import machine
from convladder.report.live.course import Course, Ended
from convladder.report.live.rendering import render
from convladder.report.live.running import Row
from convladder.report.live.view import Watched, view
from convladder.report.live.writer import Writer
from convladder.results import folders, outputs, provenance
from convladder.results.folders import TrialKey
from convladder.results.interim import InterimStandings
from convladder.results.saved_run import SavedRun

_logger = logging.getLogger(__name__)

OnPage = Callable[[Path], object]


def nobody(page: Path) -> None:
    """Tell nobody that the page is there."""


# docs/decisions/100-the-page-of-what-trains-lies-where-the-run-will-be.md
class LivePage:
    """Shows trials in `live.html`, from the first of them on until the block ends.

    Nothing is written before: the caller holds the folder's lock by then. What is at the file's
    place and not of convladder stays. A page that cannot be written harms no training.

    climb : where the trials of the ladder chart are. place : where a trial's run is, or will be.
    say : tells a person where the page is. on_page : is told when it is there.
    """

    where = ""

    def __init__(
        self,
        watched: Watched,
        place: Callable[[TrialKey], Path],
        *,
        climb: Path | None = None,
        say: Callable[[str], None] = lambda text: None,
        on_page: OnPage | None = None,
    ) -> None:
        self._watched, self._place, self._climb = watched, place, climb
        self._path = watched.folder / folders.LIVE
        self._made_folder = not watched.folder.exists()
        self._say, self._is_ours = say, not self._path.exists() or _is_page(self._path)
        self._lock = threading.Lock()
        self._course = Course(self._read_earlier)
        self._standings = InterimStandings(watched.metric)
        self._taken: set[TrialKey] = set()
        self._looks = True  # for what earlier commands have finished
        self._state, self._why, self._has_begun = "running", "", False
        self._writer = Writer(self._path, self._render, on_page or nobody)

    def plan(self, weights: Mapping[TrialKey, float]) -> None:
        """Take note of what is to be trained as soon as the folder is locked."""
        self._course.expect(weights)

    def expect(self, weights: Mapping[TrialKey, float], seconds: float | None = None) -> None:
        """Take note of the trials to come, how much work each is, and the seconds for all."""
        with self._lock:
            self._course.expect(weights, seconds)
            self._looks = True
        self._begin()

    def add_candidates(self, earlier: Iterable[tuple[TrialKey, Ended]]) -> None:
        """Take note of candidates that earlier commands have tried."""
        with self._lock:
            self._course.ended.update(earlier)

    def follow(self, event: Event) -> None:
        """Show what happened to a trial. Raises what keeps the page from being made."""
        if self._writer.error is not None:
            raise self._writer.error
        with self._lock:
            self._course.follow(event)
        self._begin()

    def close(self) -> None:
        """Do nothing: how it has ended is known when the block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer.ident is None:
            return
        self._writer.end()
        self._state, self._why = _ending(error)
        if self._is_all_there_is():
            self._path.unlink(missing_ok=True)
            self._remove_folder()
        elif self._writer.error is None:
            self._writer.write()

    def _begin(self) -> None:
        if self._has_begun:
            self._writer.tell()
            return
        self._has_begun = True
        if self._is_ours:
            files.make_folder(self._watched.folder)
            self._writer.start()
            self._say(f"live page: {self._path}")
        else:
            self._say(f"warning: no live page, because {self._path} is not one of convladder's")

    def _remove_folder(self) -> None:
        """Remove the folder of a training that has nothing, if this page has made it."""
        if self._made_folder:
            with contextlib.suppress(OSError):  # a person has put something there, or stands in it
                self._watched.folder.rmdir()

    def _is_all_there_is(self) -> bool:
        """Whether a training was ended before anything of it was saved."""
        folder = self._watched.folder
        kept = [*folder.iterdir()] if folder.is_dir() else []
        saved = folders.unfinished(folder).exists() or kept != [self._path]
        return self._state != "ended" and not saved

    def _render(self) -> bytes:
        self._take_finished()
        found = machine.measure(self._watched.folder)
        with self._lock:
            shown = view(self._watched, self._course, self._standings, found)
        return render(
            "live.html",
            **shown,
            state=self._state,
            why=self._why,
            command=_command(),
            due=round(self._writer.due),
        )

    def _take_finished(self) -> None:
        """Read the figures of new runs, and the predictions of one seed; of all in the end."""
        for key in self._new_runs():
            self._taken.add(key)
            with _passing_over_damage():
                self._standings.add(key, SavedRun(self._place(key)))
        seeds = self._standings.unread if self._state == "ended" else 1
        for _ in range(seeds):
            with _passing_over_damage():
                self._standings.read_next()

    def _new_runs(self) -> list[TrialKey]:
        """Return the trials of the ladder chart that have finished since this was last asked."""
        with self._lock:
            finished = [key for key, each in self._course.ended.items() if each.finished]
            looks, self._looks = self._looks, False
        if looks and self._climb is not None:
            finished += _finished_in(self._climb, self._watched.rungs)
        of_rungs = [key for key in finished if key.rung in self._watched.rungs]
        return [key for key in dict.fromkeys(of_rungs) if key not in self._taken]

    def _read_earlier(self, key: TrialKey) -> list[Row]:
        """Return the epochs that an earlier command has trained, if they are there to be read."""
        path = folders.unfinished(self._place(key)) / "history.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return [
                    {name: float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except (OSError, ValueError, TypeError):
            return []


@contextlib.contextmanager
def _passing_over_damage() -> Iterator[None]:
    """Leave a run out that is damaged: the report will say so."""
    try:
        yield
    except ConvladderError as error:
        _logger.debug("a run is left out of the live page (%s)", error)


def _finished_in(climb: Path, rungs: Iterable[str]) -> list[TrialKey]:
    """Return the trials that are finished in the folder of a climb."""
    found: list[TrialKey] = []
    for rung in rungs:
        for folder in folders.finished_inside(folders.rung_folder(climb, rung)):
            with _passing_over_damage():
                found.append(TrialKey.of(rung, SavedRun(folder).experiment))
    return found


def _ending(error: BaseException | None) -> tuple[str, str]:
    """Return the last state of a page, and why it is that."""
    if error is None:
        return "ended", ""
    return ("failed", str(error)) if isinstance(error, Exception) else ("stopped", "")


def _command() -> str:
    """Return what a person types to resume, as far as that is known."""
    command = provenance.command()
    return "" if command.startswith("(") else command


def _is_page(path: Path) -> bool:
    try:
        return outputs.is_page(path)
    except OSError:
        return False
