"""Asks for other hosts in each way that Python has: here, in a worker, and in a child of that.

python asking.py     prints which ways were not refused
"""

from __future__ import annotations

import _socket
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

WAYS: dict[str, Callable[[str], object]] = {
    "getaddrinfo": lambda host: socket.getaddrinfo(host, 443),
    "bytes": lambda host: socket.getaddrinfo(host.encode(), b"443"),
    "gethostbyname": socket.gethostbyname,
    "gethostbyname_ex": socket.gethostbyname_ex,
    "gethostbyaddr": socket.gethostbyaddr,
    "create_connection": lambda host: socket.create_connection((host, 443), timeout=1),
    "connect": lambda host: socket.socket().connect((host, 443)),
    "connect_ex": lambda host: socket.socket().connect_ex((host, 443)),
    "sendto": lambda host: datagrams().sendto(b"", (host, 443)),
    "urlopen": lambda host: urllib.request.urlopen(f"https://{host}", timeout=1),
}
ADDRESSES: dict[str, Callable[[str], object]] = {  # no name that is looked up
    "192.0.2.1": lambda host: _socket.socket().connect((host, 443)),
    "192.0.2.2": lambda host: datagrams().sendmsg([b""], [], 0, (host, 443)),
    "192.0.2.3": lambda host: datagrams().sendto(b"", 0, (host, 443)),
    "192.0.2.4": lambda host: _socket.socket(type=socket.SOCK_DGRAM).sendto(b"", (host, 443)),
}
PLACES = ("here", "worker", "child")


def hosts(place: str) -> dict[str, Callable[[str], object]]:
    """Return the ways by the host that is asked for in each."""
    names = {f"{way.replace('_', '-')}.{place}.invalid": ask for way, ask in WAYS.items()}
    return names | ADDRESSES


def datagrams() -> socket.socket:
    return socket.socket(type=socket.SOCK_DGRAM)


def ask_in_worker(emit: Any) -> list[str]:
    """Ask in a worker, and then in a child."""
    del emit
    child = subprocess.check_output([sys.executable, __file__, "child"], text=True)
    return [*ask_all("worker"), *child.split()]


def ask_all(place: str) -> list[str]:
    """Ask by every way, and return the hosts that nothing refused."""
    return [host for host, ask in hosts(place).items() if not refuses(ask, host)]


def refuses(ask: Callable[[str], object], host: str) -> bool:
    """Whether the recorder forbids it, rather than the system or the network."""
    try:
        ask(host)
    except OSError as error:
        return "another host is asked for" in str(error)
    return False


def main(place: str) -> None:
    found = ask_all(place)
    if place == "here":
        from asking import ask_in_worker  # by this name the worker finds it
        from convladder.core.worker_pool import call

        found += call(ask_in_worker)
    print(*found, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["here"])
