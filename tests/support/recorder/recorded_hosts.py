"""Records which hosts a Python process asks for, and refuses others than this machine.

It cannot see native code.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

VARIABLE = "RECORDED_HOSTS"  # names the file to which what was asked is added
DNS = 53
HERE = {"localhost", "::1", "::", "0.0.0.0"}
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
TALKS = {"socket.connect", "socket.sendto", "socket.sendmsg"}

Port = int | str | None


def is_here(host: str, port: Port) -> bool:
    """Whether an address is this machine's, and no resolver of names, which may ask others."""
    return port != DNS and (host in HERE or host.startswith(("127.", "::ffff:127.")))


def start(file: Path) -> None:
    """Record from now on, in this process."""
    sys.addaudithook(functools.partial(_take, file))
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _audited_first(getattr(socket.socket, name)))


def read(file: Path) -> set[tuple[str, Port]]:
    """Return what was recorded, hosts with ports."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {(host, port) for host, port in map(json.loads, lines)}


def _take(file: Path, event: str, given: tuple[Any, ...]) -> None:
    asked = _asked(event, given)
    if asked is None:
        return
    _append(file, json.dumps(asked))
    if not is_here(*asked):
        raise PermissionError(f"another host is asked for: {asked[0]}")


def _asked(event: str, given: tuple[Any, ...]) -> tuple[str, Port] | None:
    if event in LOOKUPS and given[0]:  # without a name it is about this machine
        return _told(*given[:2])
    if event in TALKS and isinstance(given[1], tuple):  # else a file's address, or none
        return _told(*given[1][:2])
    return None


def _told(host: object, port: object = None) -> tuple[str, Port]:
    return _text(host), port if isinstance(port, int | None) else _text(port)


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes | bytearray) else str(name)


def _append(file: Path, line: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{line}\n".encode())  # at once: other processes write there, too
    finally:
        os.close(handle)


def _audited_first(method: Any) -> Any:
    """Have a method of sockets tell before it looks a name up; by itself it does so afterwards."""

    @functools.wraps(method)
    def tell(self: socket.socket, *given: Any) -> Any:
        sys.audit("socket.connect", self, given[-1])
        return method(self, *given)

    return tell
