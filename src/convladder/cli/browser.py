"""The browser of a person who asks for it with --open."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from convladder.cli.arguments import errors

OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in your browser.")]
PATIENCE = 3.0  # seconds that a browser may take to open
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # variables, one of which Linux needs


class Opener:
    """Opens one page, if that is wanted: the live one leads to the report by itself."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def __call__(self, page: Path) -> Path:
        """Open a page, and return it."""
        if self._wanted:
            self._wanted = False
            show(page)
        return page


def show(page: Path, open_url: Callable[[str], bool] = webbrowser.open) -> None:
    """Open a page in the browser, or say that there is none; what takes long is not waited for."""
    if not _has_screen():
        _say_none(page)
        return

    def opening() -> None:
        if not open_url(page.resolve().as_uri()):
            _say_none(page)

    thread = threading.Thread(target=opening, daemon=True)
    thread.start()
    thread.join(PATIENCE)


def _has_screen() -> bool:
    """Whether a browser can be seen: one in the terminal would take that over."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, SCREENS))


def _say_none(page: Path) -> None:
    from convladder.results import folders

    folder = page.parent
    elsewhere = f". To see it on another machine: convladder watch {folder}"
    is_watched = page.name in (folders.LIVE, folders.REPORT)
    said = f"no browser was found here to open {page}{elsewhere if is_watched else ''}"
    errors.print(said, markup=False)
