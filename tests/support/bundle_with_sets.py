"""The stored bundle, as if it had been made with prediction sets."""

from __future__ import annotations

import json
from pathlib import Path

from convladder.results.bundle import container
from stored_bundle import STORED


def write_with_sets(path: Path, least_probability: float | None, wanted: float = 0.95) -> Path:
    """Write it with sets of the classes that have at least this probability."""
    with container.Container(STORED) as opened:
        parts = {name: opened.read(name) for name in container.PARTS[1:]}
    measured = {"share": 0.9, "low": 0.8, "high": 0.95, "images": 100}
    sets = {
        "wanted": wanted,
        "least_probability": least_probability,
        "coverage": measured,
        "single": measured,
        "mean_size": 1.5,
        "validation": 60,
    }
    contents = json.loads(parts[container.CONTENTS]) | {"prediction_sets": sets}
    path.write_bytes(container.pack(parts | {container.CONTENTS: json.dumps(contents).encode()}))
    return path
