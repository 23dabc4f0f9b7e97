"""Tasks that take their time, for tests of stopping."""

from __future__ import annotations

import time
from typing import Any

from convladder.core.worker import saves_when_stopped


def sleep_on(emit: Any) -> None:
    with saves_when_stopped():
        emit("asleep")
        time.sleep(60)
