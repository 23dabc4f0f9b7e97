"""A live page as bytes: a template, and the script that reads the page again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from convladder.report import templating


def render(template: str, **values: Any) -> bytes:
    """Return a page that reads itself again."""
    script, source = templating.read_script("live.js")
    written = round(1000 * time.time())
    shown = values | {"script": script, "script_source": source, "written": written}
    return templating.render(template, **shown)


def render_waiting(folder: Path) -> bytes:
    """Return the page that is shown until something trains in a folder."""
    return render("live_waiting.html", folder=folder, tab="Waiting", state="waiting", due=0)
