"""Signals that ask a process to end: the first is answered by saving, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


# docs/decisions/037-a-signal-is-answered-by-the-parent.md
@contextlib.contextmanager
def answered_gently(on_first: Callable[[], None]) -> Iterator[None]:
    """While the block runs, call `on_first` at the first signal to end; act on it after the block.

    A second signal acts at once. Elsewhere than in the main thread, signals act as they would
    without this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = [(number, signal.getsignal(number)) for number in ENDING]
    before = {number: each for number, each in handlers if each not in (signal.SIG_IGN, None)}
    asked: list[signal.Signals] = []

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def answer(number: int, frame: FrameType | None) -> None:
        del frame
        if asked:
            restore()
            signal.raise_signal(number)
        else:
            asked.append(signal.Signals(number))
            on_first()

    for number in before:
        signal.signal(number, answer)
    try:
        yield
    finally:
        restore()
        if asked and before[asked[0]] is signal.SIG_DFL:
            raise SystemExit(128 + asked[0])  # what is around this can still say where things stand
        if asked:
            signal.raise_signal(asked[0])
            # whoever handles the signal otherwise must not take this for the end
            raise KeyboardInterrupt
