"""Who may ask: hosts, origins and a token; looked at before anything of a request is read."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANY = "*"  # among origins: pages of any site
STATIC = Path(__file__).parent / "static"
# the files of the page: these and no others are given out, by name
SCRIPTS = ("app", "server", "answer", "entries", "camera", "samples")
ASSETS = {f"{name}.js": "text/javascript" for name in SCRIPTS} | {
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
OPEN = ("/healthz", "/readyz", "/", *(f"/static/{name}" for name in ASSETS))  # without a token
LARGEST_HEAD = 16 * 1024  # bytes of a request's headers
LOCAL = ("127.0.0.1", "localhost", "[::1]")
Headers = tuple[tuple[bytes, bytes], ...]
POLICY = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True)
class Rules:
    """Who may ask this server.

    hosts : names by which it is asked, without a port. token : what a request must bring, if any.
    addresses : whether it may be asked by any address too: names alone can be pointed here by
        another site.
    origins : of the pages of other sites that may ask, such as `https://app.example.org`; ANY is
        every page.
    """

    hosts: tuple[str, ...] = LOCAL
    addresses: bool = False
    token: str | None = None
    origins: tuple[str, ...] = ()

    def allow(self, origin: str | None) -> bool:
        """Whether a page of another site may ask, by its origin."""
        return origin is not None and (ANY in self.origins or origin in self.origins)


class Guard:
    """Answers 403 to a foreign host or origin, as of another page, and 401 without the token.

    Pages of the origins that are allowed get the headers of CORS with every answer, also with a
    refusal. policy : what a page may load, as a header.
    """

    def __init__(self, app: ASGIApp, rules: Rules, policy: tuple[bytes, bytes] = POLICY) -> None:
        self._app, self._rules, self._headers = app, rules, (policy, *HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        more = (*self._headers, *self._of_origin(headers.get(b"origin")))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *more]
            await send(message)

        large = sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEAD
        refusal = (431, "the headers are too large") if large else self._refusal(scope, headers)
        if refusal is None and self._asks_first(scope, headers):
            await _answer_first(headers)(scope, receive, send_with_headers)
        elif refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await _answer_refusal(*refusal)(scope, receive, send_with_headers)

    def _of_origin(self, origin: str | None) -> Headers:
        """Return the headers that let a page of an allowed origin read the answer."""
        if not self._rules.origins:
            return ()
        if origin is None or not self._rules.allow(origin):
            return ((b"vary", b"Origin"),)
        named = b"*" if ANY in self._rules.origins else origin.encode("latin-1")
        return (
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", named),
            (b"access-control-expose-headers", b"Retry-After"),
        )

    def _asks_first(self, scope: Scope, headers: dict[bytes, str]) -> bool:
        """Whether a browser asks what a page of an allowed origin may do, before it lets it."""
        asks = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        return asks and self._rules.allow(headers.get(b"origin"))

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if not self._is_own(name_of(host)):
            return (
                403,
                "this server does not accept that host name: start it with --allow-host NAME",
            )
        origin = headers.get(b"origin")
        foreign = origin is not None and origin.partition("://")[2] != host
        if (foreign or headers.get(b"sec-fetch-site") == "cross-site") and not self._rules.allow(
            origin
        ):
            return 403, "other sites may not send requests: allow the site with --allow-origin"
        if self._asks_first(scope, headers):
            return None  # browsers send no token with this
        if (
            self._rules.token
            and scope["path"] not in OPEN
            and not self._has_token(headers.get(b"authorization", ""))
        ):
            return 401, "the token is missing or wrong: Authorization: Bearer TOKEN"
        return None

    def _is_own(self, name: str) -> bool:
        return name in self._rules.hosts or (self._rules.addresses and is_address(name))

    def _has_token(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        wanted = (self._rules.token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted)


def _answer_first(headers: dict[bytes, str]) -> Response:
    """Return what a browser wants to know first: https://fetch.spec.whatwg.org/#http-cors-protocol."""
    from starlette.responses import Response

    answer = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Encoding, Content-Type",
        "Access-Control-Max-Age": "600",
    }
    # a page of the internet, of a server in here
    if b"access-control-request-private-network" in headers:
        answer["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=answer)


def _answer_refusal(status: int, why: str) -> Response:
    from starlette.responses import JSONResponse

    extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": why}, status, extra | {"Connection": "close"})


def origin_of(text: str) -> str:
    """Return an origin as browsers send it. Raises ValueError, which says why, where it is none.

    >>> origin_of("https://App.example.org:443"), origin_of("http://localhost:3000"), origin_of("*")
    ('https://app.example.org', 'http://localhost:3000', '*')
    """
    if text == ANY:
        return text
    found = urlsplit(text.removesuffix("/"))
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("it is not the origin of a page")
    if ANY in found.hostname:
        raise ValueError("browsers send full names: give each name")
    if found.path or found.query or found.fragment or found.username is not None:
        raise ValueError("an origin has only these three parts")
    if not text.isascii():
        raise ValueError("browsers send it in ASCII (xn--...)")
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    standard = {"http": 80, "https": 443}.get(found.scheme)
    port = "" if found.port in (None, standard) else f":{found.port}"
    return f"{found.scheme}://{host}{port}"


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
