"""What is done when a time is up."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def calling_after(seconds: float | None, function: Callable[[], None]) -> Iterator[None]:
    """Call the function after so many seconds, in a thread, if the block has not ended by then.

    None never calls it, and less than nothing does at once.
    """
    if seconds is None:
        yield
        return
    timer = threading.Timer(max(0.0, seconds), function)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
