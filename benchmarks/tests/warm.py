"""Processes that have imported Keras when they begin, which takes others seconds."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    ["keras", "convladder.training.fit", "convladder.experiments.trial"]
)

Main = Callable[[list[str]], None]


class WarmProcess:
    """A process that calls a program's `main`, with what a benchmark asks of `subprocess.Popen`."""

    def __init__(self, main: Main, words: list[str], environment: Mapping[str, str]) -> None:
        self._told, telling = _FORKING.Pipe(duplex=False)
        asked = (main, words, dict(environment), telling)
        self._process = _FORKING.Process(target=_call, args=asked)
        self._process.start()
        telling.close()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int | None:
        self._process.join()
        return self.returncode

    def kill(self) -> None:
        self._process.kill()

    def communicate(self) -> tuple[str, None]:
        """Wait for its end, and return what it has printed."""
        try:
            return self._told.recv(), None
        except EOFError:  # it was killed
            return "", None
        finally:
            self.wait()


def _call(main: Main, words: list[str], environment: dict[str, str], telling: Connection) -> None:
    os.environ.update(environment)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        main(words)
    telling.send(told.getvalue())
