"""What the weights of another network bring, by the number of images: no download, a run is the
backbone.

    python benchmarks/accuracy/transfer.py [--apart CLASS CLASS] [--size usual|middle|smallest]
    [--jobs N] [--out FOLDER]

A network is trained on eight classes of CIFAR-10. For the other two, automobiles and trucks if no
others are asked for, each rung of the ladder `transfer` is trained on 20, 100 and 500 images a
class: from scratch, with the backbone frozen, and with it fine-tuned. Each of five seeds draws
images of its own, 15 % of which are for validation; all are tested on the same 2,000 images. The
number of epochs is fixed in advance, and the last one is kept. Some quarter of an hour on two
cores. CIFAR-10 as in _harness/imageset.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

import convladder as cl
from _harness import imageset, results
from accuracy import transfer_plot
from convladder.core import container_limits, defaults
from convladder.core.tasks import Failed, Finished, Task
from convladder.core.worker import Emit
from convladder.core.worker_pool import Pool
from convladder.data import loading
from convladder.evaluation import statistics
from convladder.experiments.climb_plan import make_plan
from convladder.experiments.pretrained import backbones
from convladder.experiments.trial import Trial

NAMES = (
    "airplane automobile bird cat deer dog frog horse ship truck".split()
)  # of CIFAR-10, in its order
RENEW_AFTER = 12
Apart = tuple[int, int]
RUNGS = ("from-scratch", "transfer-frozen", "transfer-finetuned")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    pretraining : images of the eight classes, and epochs. images : of each of the two, with epochs:
        about as many steps for few as for many.
    """

    folder: Any
    rung: str
    pretraining: tuple[int, int]
    images: dict[int, int]
    seeds: int


SIZES = {
    "usual": Size(imageset.cifar10, "dropout-conv", (16_000, 15), {20: 150, 100: 60, 500: 30}, 5),
    "middle": Size(imageset.cifar10, "batch-norm", (8_000, 12), {20: 60, 100: 30, 500: 15}, 2),
    "smallest": Size(imageset.few, "batch-norm", (100, 1), {8: 2}, 1),
}


def measure_correct(trial: Trial, emit: Emit) -> NDArray[np.bool_]:
    """Train, and return which test images are right, `(images,)`; a task."""
    from convladder.training import fit

    del emit
    data = trial.dataset
    fitted = fit.fit(trial.experiment, data, backbone=backbones.load(trial.experiment.model))
    logits = fit.predict_logits(fitted.network, data.bank, data.splits.test)
    right: NDArray[np.bool_] = logits.argmax(axis=1) == data.bank.labels[data.splits.test]
    return right


def pretrain(size: Size, arrays: dict[str, Any], apart: Apart, folder: Path) -> cl.Run:
    """Train a network on all classes but two."""
    images, epochs = size.pretraining
    parts = {}
    for part in ("train", "test"):
        kept = ~np.isin(arrays[f"y_{part}"], apart)
        parts |= {f"x_{part}": arrays[f"x_{part}"][kept], f"y_{part}": arrays[f"y_{part}"][kept]}
    np.savez(folder / "eight.npz", **parts)
    changes = {"data.limit": images, "data.on_leak": "drop"}
    return cl.train(
        folder / "eight.npz", size.rung, epochs=epochs, changes=changes, out=folder / "backbone"
    )


def trials_of(
    size: Size, arrays: dict[str, Any], apart: Apart, backbone: Path, folder: Path
) -> Iterator[tuple[int, Trial]]:
    """Yield the number of images a class, and a trial on so many that its seed has drawn."""
    ladder = cl.load_ladder(defaults.PRETRAINED_LADDER)
    test = np.isin(arrays["y_test"], apart)
    for images, epochs in size.images.items():
        for seed in range(size.seeds):
            drawn = draw(arrays["y_train"], apart, images, seed)
            path = folder / f"two-{images}-{seed}.npz"
            train = {"x_train": arrays["x_train"][drawn], "y_train": arrays["y_train"][drawn]}
            np.savez(path, **train, x_test=arrays["x_test"][test], y_test=arrays["y_test"][test])
            changes = backbones.changes(str(backbone), None, {}) | {
                "data.source": str(path),
                # copies in CIFAR-10 itself: all are tested on all of its images
                "data.on_leak": "keep",
                "train.epochs": epochs,
                "train.select": "last",
            }
            plan = make_plan(ladder, [seed], changes, loading.load)
            yield from ((images, trial) for trial in plan.trials)


def draw(labels: NDArray[np.int32], apart: Apart, images: int, seed: int) -> NDArray[np.int64]:
    """Draw so many images of each of the two classes."""
    random = np.random.default_rng([seed, images])
    return np.sort(
        np.concatenate(
            [random.permutation(np.flatnonzero(labels == label))[:images] for label in apart]
        )
    )


def run(found: list[tuple[int, Trial]], jobs: int) -> dict[tuple[str, int], NDArray[np.bool_]]:
    """Train all, and return by rung and number of images which test images each seed has right."""
    right: dict[tuple[str, int], dict[int, NDArray[np.bool_]]] = {}
    keys = {(trial.rung, images, trial.experiment.seed): trial for images, trial in found}
    tasks = [Task(key, measure_correct, (trial,)) for key, trial in keys.items()]
    for event in Pool(tasks, jobs=jobs, renew_after=RENEW_AFTER).events():
        if isinstance(event, Failed):
            raise SystemExit(event.details)
        if isinstance(event, Finished):
            rung, images, seed = event.key
            right.setdefault((rung, images), {})[seed] = event.value
            print(
                f"{rung}, {images} images, seed {seed}: {event.value.mean():.3f}",
                file=sys.stderr,
                flush=True,
            )
    return {key: np.stack([each[seed] for seed in sorted(each)]) for key, each in right.items()}


def summarise(right: dict[tuple[str, int], NDArray[np.bool_]], seeds: int) -> list[dict[str, Any]]:
    """Return for each number of images and rung its accuracy, and what it has over from scratch."""
    rows = []
    questions = [(rung, RUNGS[0]) for rung in RUNGS[1:]]
    counts = sorted({images for _, images in right})
    for images in counts:
        tables = {rung: right[rung, images] for rung in RUNGS}
        found = statistics.compare(
            tables, questions, dict.fromkeys(RUNGS, range(seeds)), len(questions) * len(counts)
        )
        gains = dict(zip(RUNGS[1:], map(asdict, found), strict=True))
        for rung in RUNGS:
            estimate = asdict(statistics.estimate(tables[rung]))
            each = [float(table.mean()) for table in tables[rung]]
            about = {"rung": rung, "images": images, "each": sorted(each), "gain": gains.get(rung)}
            rows.append(estimate | about)
    return rows


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="usual")
    parser.add_argument(
        "--apart", nargs=2, choices=NAMES, default=["automobile", "truck"], metavar="CLASS"
    )
    parser.add_argument("--jobs", type=int, default=container_limits.cores())
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    if asked.size != "usual" and asked.out == results.RESULTS:
        parser.error(f"nothing is published of the {asked.size} size: give another --out")
    size, source = SIZES[asked.size], SIZES[asked.size].folder(imageset.workspace())
    with tempfile.TemporaryDirectory() as name, np.load(source / imageset.ARRAYS) as file:
        folder, arrays = Path(name), dict(file)
        apart = (NAMES.index(asked.apart[0]), NAMES.index(asked.apart[1]))
        backbone = pretrain(size, arrays, apart, folder)
        found = list(trials_of(size, arrays, apart, backbone.folder, folder))
        right = run(found, asked.jobs)
        told = {
            "size": asked.size,
            "apart": asked.apart,
            "rung": size.rung,
            "pretraining": {
                "images": size.pretraining[0],
                "epochs": size.pretraining[1],
                "accuracy": backbone.metrics["test"]["accuracy"],
            },
            "epochs": {str(images): epochs for images, epochs in size.images.items()},
            "seeds": size.seeds,
            "tested": len(found[0][1].dataset.splits.test),
            "rows": summarise(right, size.seeds),
            **results.circumstances(),
        }
    results.write_json(asked.out / "transfer.json", told)
    transfer_plot.draw(told, asked.out / "transfer.png")
    print(json.dumps(told["rows"], indent=2))


if __name__ == "__main__":
    import transfer  # workers find the task under this name

    transfer.main(sys.argv[1:])
