"""Command lines one after the other in one process: its imports are those of all.

python session.py COMMANDS    a list in JSON. Each is a command, the names that it makes in the
                              folder that we are in, and the statuses with which it may end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from convladder.cli.main import main
from kept_workers import kept_workers


def run(command: str, made: Sequence[str], allowed: Sequence[int]) -> None:
    before = names()
    sys.argv = ["convladder", *command.split()]
    print(*sys.argv, flush=True)
    try:
        main()
    except SystemExit as end:
        if end.code not in allowed:
            sys.exit(f"{command} ended with {end.code}")
    if names() - before != set(made):
        sys.exit(f"{command} made {names() - before}")


def names() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()}


if __name__ == "__main__":
    with kept_workers():
        for each in json.loads(sys.argv[1]):
            run(*each)
