"""How cost grows with images and with jobs: time and memory of bank, trial and climb.

python benchmarks/scaling/growth.py [--images 1000 10000 50000 500000] [--jobs 1 2 4 8] [--out
benchmarks/results]

Half an hour on four cores, most of it for the 500,000. Images of 32 x 32 are made by a formula and
written as JPEG files into a zip, once. The climb is of four seeds of LeNet-5 with two epochs; for
the jobs, of eight and 10,000 images.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, results
from _harness.generated import CLASSES
from _harness.programs import Side, run
from scaling import growth_plot
from speed.rows import decode, lenet5

OF_JOBS = 10_000  # images


def make_zip(images: int, folder: Path) -> Path:
    """Return a zip of so many JPEG files in ten class folders, made if it is not there."""
    path = folder / f"generated-{images}.zip"
    if not path.exists():
        made = path.with_suffix(".part")
        with ProcessPoolExecutor() as pool, zipfile.ZipFile(made, "w") as archive:
            for number, content in enumerate(
                pool.map(imageset.encode, range(images), chunksize=500)
            ):
                archive.writestr(f"class-{number % CLASSES}/{number}.jpg", content)
        made.rename(path)
    return path


def measure_images(images: int, trials: int, workspace: Path) -> list[dict[str, Any]]:
    """Return the time and the memory of a bank, a trial on it and a climb of so many trials."""
    path = str(make_zip(images, workspace))
    sides = {
        "bank": decode(path),
        "trial": Side("trial", "ours/train.py", (path, "--rung", "lenet5", "--epochs", "2")),
        "climb": Side("climb", "ours/climb.py", lenet5(path, trials, epochs=2)),
    }
    with tempfile.TemporaryDirectory(dir=workspace) as kept:
        return [
            _measure(side, Path(kept), what=what, images=images) for what, side in sides.items()
        ]


def measure_jobs(
    jobs: list[int], images: int, trials: int, workspace: Path
) -> list[dict[str, Any]]:
    """Return the time and the memory of such a climb by the number of its jobs."""
    path = str(make_zip(images, workspace))
    with tempfile.TemporaryDirectory(dir=workspace) as kept:
        run(decode(path), Path(kept))
        return [
            _measure(
                Side(
                    "climb",
                    "ours/climb.py",
                    (*lenet5(path, trials, epochs=2), "--jobs", str(number)),
                ),
                Path(kept),
                what="jobs",
                jobs=number,
                images=images,
            )
            for number in jobs
        ]


def _measure(side: Side, kept: Path, **about: Any) -> dict[str, Any]:
    figures = run(side, kept, memory=True)
    told = about | {"seconds": figures["seconds"], "peak_bytes": figures["peak_bytes"]}
    print(told, file=sys.stderr, flush=True)
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000, 50_000, 500_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument(
        "--trials", type=int, default=8, help="of the climb by jobs; half of it by images"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    workspace = imageset.workspace()
    by_images = [
        each
        for images in asked.images
        for each in measure_images(images, max(1, asked.trials // 2), workspace)
    ]
    by_jobs = measure_jobs(asked.jobs, min(OF_JOBS, max(asked.images)), asked.trials, workspace)
    told = {"images": by_images, "jobs": by_jobs, "trials": asked.trials, **results.circumstances()}
    results.write_json(asked.out / "growth.json", told)
    growth_plot.draw(told, asked.out / "growth.png")


if __name__ == "__main__":
    main(sys.argv[1:])
