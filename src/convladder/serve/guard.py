"""Who may ask: hosts, origins and a token; looked at before anything of a request is read."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convladder.serve import assets

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/healthz", "/readyz", "/", *(f"/static/{name}" for name in assets.KINDS))  # without a token
LARGEST_HEAD = 16 * 1024  # bytes of a request's headers
LOCAL = ("127.0.0.1", "localhost", "[::1]")
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True)
class Rules:
    """hosts : names by which this server is asked, without a port. token : what a request must bring, if any.

    addresses : whether it may be asked by any address too: names alone can be pointed here by another site.
    """

    hosts: tuple[str, ...] = LOCAL
    addresses: bool = False
    token: str | None = None


class Guard:
    """Answers 403 to a foreign host or origin (so a page of another site would ask), 401 without the token."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        large = sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEAD
        refusal = (431, "the headers are too large") if large else self._refusal(scope["path"], headers)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        from starlette.responses import JSONResponse

        status, why = refusal
        extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        await JSONResponse({"error": why}, status, extra | {"Connection": "close"})(
            scope, receive, send_with_headers
        )

    def _refusal(self, path: str, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if not self._is_own(name_of(host)):
            return 403, "this server is not asked by that host name: start it with --allow-host and the name"
        origin = headers.get(b"origin")
        if origin is not None and origin.partition("://")[2] != host:
            return 403, "a page of another site may not ask"
        if headers.get(b"sec-fetch-site") == "cross-site":
            return 403, "a page of another site may not ask"
        if self._rules.token and path not in OPEN and not self._has_token(headers.get(b"authorization", "")):
            return 401, "the token is missing or wrong: Authorization: Bearer TOKEN"
        return None

    def _is_own(self, name: str) -> bool:
        return name in self._rules.hosts or (self._rules.addresses and is_address(name))

    def _has_token(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        wanted = (self._rules.token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted)


def is_address(name: str) -> bool:
    """Whether a host is given by its address.

    >>> is_address("192.0.2.2"), is_address("[::1]"), is_address("cats.local")
    (True, True, False)
    """
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def name_of(host: str) -> str:
    """Return a host without its port.

    >>> name_of("localhost:8000"), name_of("[::1]:8000"), name_of("Cats.local")
    ('localhost', '[::1]', 'cats.local')
    """
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() else host.lower()
