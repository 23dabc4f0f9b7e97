"""A client of the loopback that asks a server as fast as it answers (closed loop), or at a rate of
its own (open).

    python client.py PORT PICTURE --connections 8 --seconds 5 [--rate 1000] [--form]

It prints a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

BOUNDARY = "picture"


@dataclass
class Told:
    """The statuses of all answers, and the seconds that those with 200 took."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def request_of(picture: bytes, form: bool) -> bytes:
    kind = "application/octet-stream"
    if form:
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        part = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        )
        picture = part.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(picture)}\r\n\r\n".encode() + picture


async def ask(port: int, request: bytes, told: Told, until: float, times: int | None) -> None:
    """Ask on one connection, which is opened anew where the server closes it, until the time is
    over.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = 0
    while time.perf_counter() < until and (times is None or asked < times):
        asked += 1
        begun = time.perf_counter()
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        except (OSError, asyncio.IncompleteReadError):
            told.statuses["closed"] += 1
            head = b"connection: close"
        else:
            status = head.split()[1].decode()
            told.statuses[status] += 1
            if status == "200":
                told.seconds.append(time.perf_counter() - begun)
        if b"connection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def closed(port: int, request: bytes, connections: int, seconds: float) -> Told:
    told, until = Told(), time.perf_counter() + seconds
    await asyncio.gather(*(ask(port, request, told, until, None) for _ in range(connections)))
    return told


async def opened(port: int, request: bytes, rate: float, most: int, seconds: float) -> Told:
    """Ask at a rate, each time on a connection of its own; what would be over `most` at a time is
    not sent.
    """
    told, begun, number = Told(), time.perf_counter(), 0
    tasks: set[asyncio.Task[None]] = set()
    while (now := time.perf_counter() - begun) < seconds:
        while number < rate * now:
            number += 1
            if len(tasks) >= most:
                told.statuses["not sent"] += 1
                continue
            task = asyncio.create_task(ask(port, request, told, float("inf"), 1))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--form", action="store_true")
    asked = parser.parse_args()
    request = request_of(asked.picture.read_bytes(), asked.form)
    begun = time.perf_counter()
    if asked.rate:
        told = asyncio.run(
            opened(asked.port, request, asked.rate, asked.connections, asked.seconds)
        )
    else:
        told = asyncio.run(closed(asked.port, request, asked.connections, asked.seconds))
    took, times = time.perf_counter() - begun, sorted(told.seconds)
    figures = {
        "answers_per_second": len(times) / took,
        "p50_milliseconds": 1000 * times[len(times) // 2] if times else None,
        "p99_milliseconds": 1000 * times[int(0.99 * len(times))] if times else None,
        "statuses": dict(told.statuses),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
