"""The server: uvicorn with connections that must keep moving, and an end after all answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from convladder.core.errors import ExperimentError
from convladder.deploy.serve.access import LARGEST_HEAD

ARRIVAL_SECONDS = 8.0  # that a request may take to arrive, and
BACKLOG = 1024  # connections that may wait to be taken
ARRIVAL_RATE = 50_000  # for each so many bytes of it another second


# docs/decisions/073-the-server-is-fastapi-on-uvicorn-with-h11.md
class PatientProtocol(H11Protocol):
    """Closes a connection whose request is late: h11 and uvicorn would wait for ever."""

    _timer: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        if self._timer is None:
            self._await_request()
        self._received += len(data)
        super().data_received(data)
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR):
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        self._received, self._begun = 0, self.loop.time()
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self._look)

    def _look(self) -> None:
        left = self._begun + ARRIVAL_SECONDS + self._received / ARRIVAL_RATE - self.loop.time()
        if left > 0.1:
            self._timer = self.loop.call_later(left, self._look)
            return
        self._timer = None
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class GracefulServer(uvicorn.Server):
    """Ends at SIGINT or SIGTERM after all answers, with status 0; at a second SIGINT at once."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        if self.should_exit:
            if sig == signal.SIGINT:
                self.force_exit = True
                logging.disable()  # of what is broken off uvicorn would print where it stood
            return
        self._on_stop()
        self.should_exit = True


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens. Raises ExperimentError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio lets small writes go at once (TCP_NODELAY) where a socket names its protocol, and not
    # otherwise: without it an answer waited 40 milliseconds for the other side's delayed
    # acknowledgement
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        if sys.platform != "win32":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
        except OSError as error:
            other = "--host" if isinstance(error, socket.gaierror) else "--port"
            why = error.strerror or error
            raise ExperimentError(
                f"cannot listen on {host}:{port} ({why}): give another {other}"
            ) from None
        opened.listen(BACKLOG)  # uvicorn does it again
        yield opened


def run(
    app: Any,
    opened: socket.socket,
    on_stop: Callable[[], None],
    on_ready: Callable[[], None],
    log: bool,
) -> None:
    """Serve until a signal, which calls `on_stop`; `on_ready` is called when it may be asked."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        h11_max_incomplete_event_size=LARGEST_HEAD,
        proxy_headers=False,
        server_header=False,
        access_log=log,
        log_level="info" if log else "error",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=30,
    )
    server = GracefulServer(config, on_stop)
    asyncio.run(_serve(server, opened, on_ready))


async def _serve(
    server: GracefulServer, opened: socket.socket, on_ready: Callable[[], None]
) -> None:
    async def tell() -> None:
        while not server.started and not server.should_exit:
            await asyncio.sleep(0.02)
        if server.started:
            on_ready()

    telling = asyncio.create_task(tell())
    await server.serve(sockets=[opened])
    await telling
