"""What the server bears beside FastAPI with Keras's `model.predict`: at 1, 8 and 64 connections,
and far beyond.

python benchmarks/deploy/load.py [--seconds 5] [--rounds 2] [--out benchmarks/results]

Both serve one network and are asked for one picture on the loopback, in turn. At the end each is
asked at ten times the rate that it bore, each time on a connection of its own. Some two minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, programs, results
from speed.rows import SIZES, bundle

OURS, PEER = "convladder", "FastAPI, model.predict"
CONNECTIONS = (1, 8, 64)
MOST = 900  # connections of the open loop at a time: what a client may hold
HERE = Path(__file__).parent


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="that each is asked for")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--smallest", action="store_true", help="a few images, a fraction of a second: to try it"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    size = SIZES["smallest" if asked.smallest else "usual"]
    seconds, rounds = (0.3, 1) if asked.smallest else (asked.seconds, asked.rounds)
    with tempfile.TemporaryDirectory(dir=imageset.workspace()) as folder:
        kept = Path(folder)
        programs.run(bundle(size, imageset.workspace()), kept)
        told = {name: measure(name, kept, seconds, rounds) for name in (OURS, PEER)}
    results.write_json(
        asked.out / "load.json", {"servers": told, "seconds": seconds, **results.circumstances()}
    )


def measure(name: str, kept: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Return what one server bore: a row a number of connections, and the open loop."""
    with running(name, kept) as (port, process):
        form = ["--form"] if name == PEER else []
        ask(port, kept, seconds / 2, 4, *form)  # what is compiled at first
        closed = {}
        for connections in CONNECTIONS:
            each = [ask(port, kept, seconds, connections, *form) for _ in range(rounds)]
            closed[str(connections)] = {
                key: statistics.median(one[key] for one in each) for key in FIGURES
            } | {"statuses": [one["statuses"] for one in each]}
        bore = max(each["answers_per_second"] for each in closed.values())
        before = memory(process)
        beyond = ask(port, kept, seconds, MOST, "--rate", str(10 * bore), *form)
        after = memory(process)
    print(
        f"{name}: {json.dumps(closed)}; at ten times its rate {json.dumps(beyond)}", file=sys.stderr
    )
    return {
        "closed": closed,
        "beyond": beyond,
        "rate": 10 * bore,
        "bytes_before": before,
        "bytes_after": after,
    }


FIGURES = ("answers_per_second", "p50_milliseconds", "p99_milliseconds")


def ask(port: int, kept: Path, seconds: float, connections: int, *more: str) -> dict[str, Any]:
    """Return what a client, a process of its own, saw."""
    command = [
        sys.executable,
        str(HERE / "client.py"),
        str(port),
        str(kept / "picture.jpg"),
    ]
    options = ["--seconds", str(seconds), "--connections", str(connections), *more]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@contextlib.contextmanager
def running(name: str, kept: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Yield the port of a server that is ready, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        str(HERE.parent / "peers" / "keras_server.py"),
        str(kept / "made.keras"),
        str(port),
    ]
    if name == OURS:
        command = [
            sys.executable,
            "-m",
            "convladder",
            "serve",
            str(kept / "made.convladder"),
            "--port",
            str(port),
        ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _await_ready(port)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()


def _await_ready(port: int) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def memory(process: psutil.Process) -> int:
    """Return the bytes that a server holds."""
    return int(process.memory_info().rss)


if __name__ == "__main__":
    main(sys.argv[1:])
