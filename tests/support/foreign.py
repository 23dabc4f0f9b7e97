"""Somebody else's files, under names that convladder writes too, and every byte of a folder to
compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

THEIRS = {
    "report.html": "<h1>Our year</h1>",
    "results.csv": "race,time\n",
    "summary.csv": "a,b\n",
    "index.html": "<html><title>Home</title></html>",
    ".idea.tmp/workspace.xml": "<project/>",
    ".seed-0.0123abcd.tmp": "a draft",
    ".shared.tmp/part": "half",
    ".lock": "1234",
    "plots/ladder.png": "a picture",
    "climb.json": '{"format": 1, "name": "Matterhorn", "trials": 3}',
    "ladder.json": '{"height": 4}',
    "tune.json": '{"identity": "a melody"}',
    "experiment.json": (
        '{"format": 1, "rung": "a step", "data": {}, "environment": {"versions": {}}}'
    ),
    "metrics.json": '{"accuracy": 1}',
    "journal.log": "dear diary\n",
    "candidates.jsonl": '{"name": "Ada", "votes": 3}\n',
    "trials/lenet5/seed-0/metrics.json": "{}",
    "trials/lenet5/seed-0.unfinished/notes.txt": "x",
    "bundle.convladder": "no bundle",
}

Snapshot = Mapping[str, bytes | None]


def snapshot(root: Path) -> Snapshot:
    """Return every name below a folder, with every byte of each file."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def put(folder: Path, content: Mapping[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
