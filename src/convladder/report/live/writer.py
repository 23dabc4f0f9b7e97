"""A thread that writes a page again and again, in one percent of the time at the most."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from convladder.core import files

_logger = logging.getLogger(__name__)

SPACING = 100  # times as long as a page takes this thread to write, it is not written again
LEAST_WAIT = 1.0  # seconds between two pages
NO_NEWS = 10.0  # seconds after which a page is written without any news
GRACE = 20.0  # seconds that a page may be late


class Writer(threading.Thread):
    """Writes what `render` returns to a file: at once, after news, and now and then.

    on_first : is called when the file is there.
    """

    def __init__(
        self, path: Path, render: Callable[[], bytes], on_first: Callable[[Path], object]
    ) -> None:
        super().__init__(daemon=True, name="live page")
        self._path, self._render, self._on_first = path, render, on_first
        self._news, self._ending = threading.Event(), threading.Event()
        self._began = self._took = 0.0
        self.error: Exception | None = None

    @property
    def due(self) -> float:
        """Within how many seconds the next page is written, as long as this process lives."""
        took = max(self._took, time.thread_time() - self._began)  # so far, if it is being written
        return GRACE + max(NO_NEWS, 2 * SPACING * took)

    def tell(self) -> None:
        """Have the page written again, as soon as that is not too often."""
        self._news.set()

    def run(self) -> None:
        try:
            self.write()
            self._on_first(self._path)
            while not self._ending.wait(self._pause()):
                self._news.wait(max(0.0, NO_NEWS - self._pause()))
                self._news.clear()
                if not self._ending.is_set():
                    self.write()
        except Exception as error:  # a defect of ours: whoever follows the trials says so
            self.error = error

    def end(self) -> None:
        """Write no more."""
        self._ending.set()
        self._news.set()
        if self.ident is not None:
            self.join()

    def write(self) -> None:
        """Write the page once. Where the folder is away or the disk is full, it stays as it was."""
        self._began = time.thread_time()
        try:
            files.write_unsynced(self._path, self._render())
        except OSError as error:
            _logger.debug("the live page was not written (%s)", error)
        self._took = time.thread_time() - self._began

    def _pause(self) -> float:
        return max(LEAST_WAIT, SPACING * self._took)
