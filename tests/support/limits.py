"""How long tests wait: for hangs alone, since machines differ by a factor of ten."""

from __future__ import annotations

HANG = 900.0  # seconds after which a process is taken to hang
