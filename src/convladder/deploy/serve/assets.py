"""The files of the page: these and no others are given out, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PAGE = FOLDER / "index.html"
KINDS = {"app.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}
