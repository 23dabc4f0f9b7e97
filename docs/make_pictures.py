"""Make the picture of the first screen that the README shows, from the report of a climb.

    python docs/make_pictures.py climbs/NAME

Chromium draws it (apt-get install chromium, on Debian). `docs/page.png`, the page of the server,
is made by the test that tells the story: `make pictures` does both.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
WIDTH, HEIGHT = 1180, 930  # pixels of the first screen


def main(arguments: list[str]) -> None:
    page = Path(arguments[0]).resolve() / "report.html"
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None or not page.is_file():
        sys.exit(f"this takes Chromium, and a report: {page}")
    with tempfile.TemporaryDirectory() as profile:
        words = (
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={DOCS / 'first-screen.png'}",
        )  # fmt: skip
        subprocess.run([browser, *words, page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main(sys.argv[1:])
