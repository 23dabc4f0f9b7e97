"""Make the pictures of docs/pictures, and the first screen that the README shows: `make pictures`.

Every page is made by the commands that a user would type, on the built-in digits, and drawn by
Chromium (apt-get install chromium chromium-driver, on Debian). `docs/page.png`, the page of the
server, is made by the test that tells the story.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browsing import opened
from page_checks import DESKTOP, PHONE, color_scheme, viewport

DOCS = Path(__file__).parent
HEIGHT = {DESKTOP: 960, PHONE: 844}  # pixels of a screen
README_SIZE = (1180, 930)
QUALITY = 88  # of WebP
RUNGS = "lenet5,smaller-kernels,batch-norm,dropout-dense"
SEEDS = 5
ENOUGH = 9  # networks of the climb, for a picture of it while it trains

CLIMB, TUNE, COMPARISON = "climbs/digits", "tunes/digits", "comparisons/digits"
BEST = f"{CLIMB}/trials/dropout-dense/seed-0"


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (DOCS / "pictures").mkdir(exist_ok=True)
        with opened(folder / "profile") as browser:
            _climb(folder, browser)
            _others(folder, browser)


def _climb(folder: Path, browser: Any) -> None:
    """Climb as `make demo` does, with a picture of the live page on the way."""
    with _started(
        folder, "climb", "digits", "--rungs", RUNGS, "--seeds", str(SEEDS), "--out", CLIMB
    ) as climbing:
        trials = folder / CLIMB / "trials"
        while climbing.poll() is None and len([*trials.glob("*/seed-*/metrics.json")]) < ENOUGH:
            time.sleep(1)
        _draw(browser, folder / CLIMB / "live.html", "live")
    page = folder / CLIMB / "report.html"
    _draw(browser, page, "climb")
    _draw(browser, page, "climb-dark", scheme="dark")
    _draw(browser, page, "climb-phone", PHONE)
    with viewport(browser, *README_SIZE), color_scheme(browser, "light"):
        browser.get(page.as_uri())
        browser.save_screenshot(str(DOCS / "first-screen.png"))


def _others(folder: Path, browser: Any) -> None:
    rungs = [
        f"{CLIMB}/trials/{rung}" for rung in ("smaller-kernels", "batch-norm", "dropout-dense")
    ]
    _make_faulty(folder / "numbers")
    _run(folder, "report", BEST)
    _run(folder, "compare", *rungs, "--out", COMPARISON)
    _run(folder, "check", "numbers", "--html", "check.html", good=(0, 1))
    _run(folder, "tune", "digits", "--trials", "8", "--epochs", "5", "--seeds", "3", "--out", TUNE)
    for name, page in (
        ("run", f"{BEST}/report.html"),
        ("compare", f"{COMPARISON}/report.html"),
        ("check", "check.html"),
        ("tune", f"{TUNE}/report.html"),
    ):
        _draw(browser, folder / page, name)


def _make_faulty(folder: Path) -> None:
    """Write some digits as files, with a copy in both splits, a broken file and an odd image."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images[:400], digits.target, strict=False)):
        path = folder / ("test" if number % 4 == 0 else "train") / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15.9).astype("uint8")).resize((32, 32)).save(path)
    (folder / "train/3/again.png").write_bytes((folder / "test/0/0000.png").read_bytes())
    (folder / "train/5/broken.png").write_bytes(b"")
    Image.new("L", (32, 32)).save(folder / "train/7/black.png")


def _run(folder: Path, *words: str, good: Sequence[int] = (0,)) -> None:
    done = subprocess.run(_command(words), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in good:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr}")


@contextmanager
def _started(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the block, and wait for its end."""
    with subprocess.Popen(_command(words), cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        if process.wait():
            sys.exit(f"{' '.join(words)} failed")


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "convladder", *words]


def _draw(
    browser: Any,
    page: Path,
    name: str,
    width: int = DESKTOP,
    scheme: Literal["light", "dark"] = "light",
) -> None:
    """Draw the first screen of a page."""
    with viewport(browser, width, HEIGHT[width]), color_scheme(browser, scheme):
        browser.get(page.as_uri())
        drawn = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    drawn.save(DOCS / "pictures" / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
