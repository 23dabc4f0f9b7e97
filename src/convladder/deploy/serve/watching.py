"""The application that shows what trains in a folder: its pages, and a stream that tells of news.

It reads and gives out pages that convladder wrote into that folder, their pictures, and no other
file. It writes nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.exceptions import HTTPException

from convladder.deploy.serve.access import Guard, Rules
from convladder.results import folders, outputs

LOOK_SECONDS = 0.5  # between two looks at the page
TIME_SECONDS = 15.0  # after which the stream says what time it is
# pages bring a policy of their own for what they load
POLICY = (
    b"content-security-policy",
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of a path: no hidden file, no way upwards

Version = tuple[int, int] | None  # of a file: when it was written, and its size
Waiting = Callable[[Path], bytes]


@dataclass
class Watching:
    """A folder that is watched, which need not be there yet.

    waiting : makes the page that is shown until then.
    """

    folder: Path
    waiting: Waiting
    is_ending: bool = False

    def end(self) -> None:
        """Have all streams end."""
        self.is_ending = True

    @property
    def version(self) -> Version:
        """Which page there is now; None where there is none."""
        try:
            found = (self.folder / folders.LIVE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def find(self, path: str) -> Path | None:
        """Return the file of a request, if it is a page of ours or a picture of one."""
        parts = path.split("/")
        found = self.folder.joinpath(*parts)
        if not all(map(_PART.fullmatch, parts)) or not found.is_file():
            return None
        inside = [self.folder.joinpath(*parts[: number + 1]) for number in range(len(parts))]
        if any(each.is_symlink() for each in inside):
            return None
        if found.suffix == ".png" and found.parent.name == "plots":
            page = found.parent.with_name(folders.REPORT)
        elif found.name in (folders.LIVE, folders.REPORT):
            page = found
        else:
            return None
        return found if page.is_file() and outputs.is_page(page) else None


def create_watching_app(watching: Watching, rules: Rules) -> FastAPI:
    """Return the application that shows what trains in a folder."""
    app = FastAPI(title="convladder", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, rules=rules, policy=POLICY)
    app.add_exception_handler(HTTPException, _answer_other)  # type: ignore[arg-type]

    @app.get("/")
    async def first() -> Response:
        """Show what trains, or its report where an older version trained."""
        if page := watching.find(folders.LIVE):
            return HTMLResponse(page.read_bytes())
        if watching.find(folders.REPORT):
            return RedirectResponse(f"/{folders.REPORT}")
        return HTMLResponse(watching.waiting(watching.folder))

    @app.get("/events")
    async def events() -> Response:
        """Tell when there is another page, and what time it is here."""
        return StreamingResponse(_news(watching), media_type="text/event-stream")

    @app.get("/{path:path}")
    async def file(path: str) -> Response:
        found = watching.find(path)
        if found is None:
            raise HTTPException(404)
        kind = "image/png" if found.suffix == ".png" else "text/html; charset=utf-8"
        return Response(found.read_bytes(), media_type=kind)

    return app


async def _news(watching: Watching) -> AsyncIterator[str]:
    """Yield server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    told: Version | str = "nothing yet"
    spoke = 0.0
    while not watching.is_ending:
        version, now = watching.version, time.time()
        if now - spoke > TIME_SECONDS:
            yield _event("time", str(round(1000 * now)))
            spoke = now
        if version != told:
            yield _event("page", "new")
            told = version
        await asyncio.sleep(LOOK_SECONDS)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


async def _answer_other(request: Request, error: HTTPException) -> JSONResponse:
    why = "convladder has no page at this path" if error.status_code == 404 else error.detail
    return JSONResponse({"error": why}, error.status_code, error.headers)
