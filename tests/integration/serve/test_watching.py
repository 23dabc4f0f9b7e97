"""`convladder watch`: pages of a folder and a stream of news, and nothing else of the disk."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from convladder.core import extras
from convladder.core.errors import ExperimentError
from convladder.deploy.serve import launch, watching
from convladder.deploy.serve.access import LOCAL, Rules
from convladder.deploy.serve.watching import Watching, create_watching_app
from convladder.report.live.rendering import render_waiting
from limits import HANG
from served import Served, serving

PAGE = '<!doctype html><meta name="generator" content="convladder, format 1">{}'
SECRET = "a person's own"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A climb with pages of ours, and files beside them that are nobody's business."""
    climb, outside = tmp_path / "climb", tmp_path / "outside"
    for place in (climb / "plots", climb / "trials/lenet5/seed-0/plots", climb / "own/plots"):
        place.mkdir(parents=True)
    for page in ("live.html", "report.html", "trials/lenet5/seed-0/report.html"):
        (climb / page).write_text(PAGE.format(page))
    for picture in ("plots", "trials/lenet5/seed-0/plots", "own/plots"):
        (climb / picture / "ladder.png").write_bytes(b"\x89PNG of ours")
    for name in ("climb.json", ".hidden.html", "notes.html", "own/report.html", "plots/a.txt"):
        (climb / name).write_text(SECRET)
    outside.mkdir()
    (outside / "report.html").write_text(PAGE.format(SECRET))
    (climb / "linked").symlink_to(outside)
    (climb / "trials/live.html").symlink_to(outside / "report.html")
    return climb


def client_of(folder: Path) -> httpx.AsyncClient:
    app = create_watching_app(Watching(folder, render_waiting), Rules(LOCAL))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", timeout=HANG
    )


def ask(folder: Path, path: str, **headers: str) -> httpx.Response:
    async def asking() -> httpx.Response:
        async with client_of(folder) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asking())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/live.html", "text/html; charset=utf-8"),
        ("/report.html", "text/html; charset=utf-8"),
        ("/plots/ladder.png", "image/png"),
        ("/trials/lenet5/seed-0/report.html", "text/html; charset=utf-8"),
        ("/trials/lenet5/seed-0/plots/ladder.png", "image/png"),
    ],
)
def test_pages_and_their_pictures_are_given_out(folder: Path, path: str, kind: str) -> None:
    found = ask(folder, path)
    own = folder / (path.strip("/") or "live.html")
    assert (found.status_code, found.content) == (200, own.read_bytes())
    assert found.headers["content-type"] == kind
    assert found.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in found.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/climb.json",
        "/.hidden.html",
        "/notes.html",
        "/own/report.html",
        "/own/plots/ladder.png",
        "/plots/a.txt",
        "/plots",
        "/trials/live.html",
        "/linked/report.html",
        "/../outside/report.html",
        "/%2e%2e/outside/report.html",
        "/trials/..%2f..%2foutside/report.html",
        "/plots/..%5c..%5creport.html",
        "/%2fetc/report.html",
        "/report.html%00.png",
    ],
)
def test_no_other_file_is_read(folder: Path, path: str) -> None:
    found = ask(folder, path)
    assert found.status_code == 404
    assert found.json() == {"error": "convladder has no page at this path"}


def test_a_path_is_not_followed_out_of_the_folder(folder: Path) -> None:
    watched = Watching(folder, render_waiting)
    outside = folder.parent / "outside" / "report.html"
    for path in ("../outside/report.html", str(outside), "linked/report.html", "", "/", "."):
        assert watched.find(path) is None


def test_what_has_not_begun_is_waited_for(tmp_path: Path) -> None:
    found = ask(tmp_path / "later", "/")
    assert found.status_code == 200
    assert 'data-state="waiting"' in found.text
    assert str(tmp_path / "later") in found.text


def test_a_report_without_a_live_page_is_shown(folder: Path) -> None:
    (folder / "live.html").unlink()
    found = ask(folder, "/")
    assert (found.status_code, found.headers["location"]) == (307, "/report.html")


def test_another_host_or_site_may_not_ask(folder: Path) -> None:
    assert ask(folder, "/", host="evil.example.org").status_code == 403
    assert ask(folder, "/live.html", origin="http://evil.example.org").status_code == 403


def test_nothing_is_taken(folder: Path) -> None:
    async def asking() -> list[int]:
        async with client_of(folder) as client:
            return [
                (await client.request(method, "/live.html")).status_code
                for method in ("POST", "PUT", "DELETE")
            ]

    assert asyncio.run(asking()) == [405, 405, 405]


def test_the_stream_tells_of_each_page_and_what_time_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    watched = Watching(folder, render_waiting)

    async def listen() -> list[str]:
        told: list[str] = []
        async for event in watching._news(watched):
            told.append(event)
            if event.startswith("event: page") and len(told) == 2:
                (folder / "live.html").write_text(PAGE.format("another"))
            elif len(told) == 3:
                (folder / "live.html").unlink()
            elif len(told) == 4:
                watched.end()
        return told

    told = asyncio.run(asyncio.wait_for(listen(), HANG))
    assert told[0].startswith("event: time\ndata: 1")
    assert told[1:] == ["event: page\ndata: new\n\n"] * 3


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "convladder", "watch", "climb.unfinished", "--port", "0"]
    with serving(command, cwd=tmp_path) as running:
        yield running


def test_it_says_how_to_reach_it_and_ends_at_once_with_ctrl_c(
    watched: Served, tmp_path: Path
) -> None:
    with httpx.stream("GET", f"{watched.url}/events", timeout=HANG) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: time"
        (tmp_path / "climb").mkdir()
        (tmp_path / "climb/live.html").write_text(PAGE.format("begun"))
        assert "begun" in httpx.get(watched.url, timeout=HANG).text  # of the run, finished or not
        watched.process.send_signal(signal.SIGINT)
        assert list(lines)[-1] == ""
    assert watched.process.wait(HANG) == 0
    port = watched.port
    assert watched.said().splitlines() == [
        f"watching climb on http://127.0.0.1:{port} (press Ctrl-C to stop)",
        "to see it on another machine, run there: "
        f"ssh -L {port}:127.0.0.1:{port} HOST (HOST is this machine)",
    ]


def refused(*words: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "convladder", "watch", *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr


def test_what_cannot_be_watched_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file is a file: give the folder of a climb" in refused("file", cwd=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in refused("c", "-p", port, cwd=tmp_path)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(ExperimentError, match=r"pip install 'convladder\[serve\]'"):
        launch.watch(tmp_path, launch.Place("127.0.0.1", 0, ()), render_waiting, print)
