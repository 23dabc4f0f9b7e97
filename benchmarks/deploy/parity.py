"""Does every architecture predict the same in every format of `convladder export`?

python benchmarks/deploy/parity.py [--images 1000] [--only NAME...] [--every] [--jobs 1] [--out
benchmarks/results]

Every kind of network of the ladders, trained for two epochs on 4,000 images of the CIFAR-10 folder
(see _harness/imageset.py), and the smallest network of each family of keras.applications (--every:
all of them), with weights that were drawn. Each is exported in all formats, the trained ones also
in int8, and predicts a thousand real images in each runtime. Some forty minutes on two cores;
networks that were measured before stay in the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import convladder as cl
from _harness import imageset, results
from convladder.core import backend
from convladder.core.ladder import load_ladder
from convladder.core.settings.data import Data
from convladder.data.loading import load
from convladder.deploy import exporter, parity, runtimes
from convladder.deploy.exporter import Sample
from convladder.deploy.formats import FORMATS
from convladder.models.catalog import FAMILIES
from convladder.results.bundle.bundle import Bundle
from made_bundles import make_bundle

LADDERS = ("classic", "modern", "notebook")
SMALLEST = (
    "ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionResNetV2 InceptionV3 "
    "MobileNet MobileNetV2 MobileNetV3Small NASNetMobile ResNet50 ResNet50V2 VGG16 Xception"
).split()
TRAINING = 4000  # images
SIDE, LARGER_SIDE = 32, 76  # the larger for those that take no less than 71 or 75
OF_TRAINING = {
    "dropout_conv",
    "dropout_dense",
    "batch_norm_momentum",
}  # settings that change no graph


def of_ladders() -> list[str]:
    """Return LADDER/RUNG of each graph that there is."""
    graphs: dict[str, str] = {}
    for ladder in map(load_ladder, LADDERS):
        for rung in ladder.rungs:
            model = ladder.experiment(rung.name, {}).model
            graphs.setdefault(
                model.model_dump_json(exclude=OF_TRAINING), f"{ladder.name}/{rung.name}"
            )
    return list(graphs.values())


def measure_rung(
    ladder: str, rung: str, folder: Path, images: int, training: int
) -> list[dict[str, Any]]:
    """Train a rung for a little, and return a row a format, in int8 too."""
    settings = {"data.limit": training, "data.on_leak": "keep"}
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "run"
        run = cl.train(folder, rung, ladder=ladder, epochs=2, changes=settings, out=out, quiet=True)
        bundle = Bundle(run.bundle(Path(temporary) / "run.convladder"))
        sample = exporter.draw(bundle, load(run.experiment.data))
        whole = [
            (kind, int8)
            for kind, each in FORMATS.items()
            for int8 in (False, True)[: 1 + each.int8]
        ]
        return _measure(bundle, _first(sample, images), whole)


def measure_family(name: str, folder: Path, images: int) -> list[dict[str, Any]]:
    """Return a row a format, of a network with weights that were drawn, and the statistics of real
    images.
    """
    side = SIDE if FAMILIES[name].least_side <= SIDE else LARGER_SIDE
    dataset = load(
        Data(source=str(folder), image_size=(side, side), limit=4 * images, on_leak="keep")
    )
    pixels = dataset.bank.images[dataset.bank.rows[dataset.splits.test[:images]]]
    model = {"architecture": name, "head": "average", "dense": (), "dropout_dense": ()}
    with tempfile.TemporaryDirectory() as temporary:
        made = make_bundle(
            Path(temporary) / "x.convladder",
            model,
            dataset.bank.form,
            pixels[:128],
            dataset.class_names,
        )
        sample = exporter.draw(made, dataset)
        return _measure(made, _first(sample, images), [(kind, False) for kind in FORMATS])


def _first(sample: Sample, images: int) -> Sample:
    return Sample(sample.images[:images], sample.labels[:images], sample.calibration)


def _measure(
    bundle: Bundle, sample: Sample, asked: Sequence[tuple[str, bool]]
) -> list[dict[str, Any]]:
    return [
        {"format": kind, "int8": int8} | _measure_one(bundle, sample, kind, int8)
        for kind, int8 in asked
    ]


def _measure_one(bundle: Bundle, sample: Sample, kind: str, int8: bool) -> dict[str, Any]:
    calibration = sample.calibration if int8 else None
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / FORMATS[kind].file
        try:
            original = runtimes.make(kind, bundle.path, out, calibration, sample.images, print)
            exported = runtimes.predict_exported(kind, out, sample.images, print)
        except Exception as error:  # a result too: this one cannot be exported so
            return {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        sizes = runtimes.size_of(out), sum(each.nbytes for each in bundle.weights.values())
    found = parity.measure(original, exported, sample.labels, sizes=sizes, bound=None, int8=int8)
    return found.as_json()


def measure(name: str, folder: Path, images: int, training: int) -> list[dict[str, Any]]:
    """Return the rows of a network, by the name of its family or LADDER/RUNG."""
    backend.use_tensorflow()
    if name in FAMILIES:
        return measure_family(name, folder, images)
    return measure_rung(*name.split("/"), folder, images, training)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=parity.IMAGES)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="a family, or LADDER/RUNG")
    parser.add_argument("--every", action="store_true", help="all networks of keras.applications")
    parser.add_argument(
        "--jobs", type=int, default=1, help="networks at a time, each in a process of its own"
    )
    parser.add_argument("--smallest", action="store_true", help="a few images: to try it")
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    every = [*of_ladders(), *(FAMILIES if asked.every else SMALLEST)]
    make, images, training = imageset.cifar10, asked.images, TRAINING
    if asked.smallest:
        make, images, training = imageset.few, 32, 200
    folder, path = make(imageset.workspace()), asked.out / "parity.json"
    kept = json.loads(path.read_text())["networks"] if path.exists() else {}
    spawn = multiprocessing.get_context(
        "spawn"
    )  # a process for a network: Keras gives little memory back
    with ProcessPoolExecutor(asked.jobs, spawn, max_tasks_per_child=1) as pool:
        pending: dict[Future[list[dict[str, Any]]], str] = {
            pool.submit(measure, name, folder, images, training): name
            for name in asked.only or every
        }
        for done in as_completed(pending):
            name = pending[done]
            kept[name] = done.result()
            print(name, *(_said(each) for each in kept[name]), sep="\n  ", flush=True)
            ordered = {each: kept[each] for each in (*of_ladders(), *FAMILIES) if each in kept}
            results.write_json(
                path, {"images": images, "networks": ordered, **results.circumstances()}
            )


def _said(row: dict[str, Any]) -> str:
    what = row["format"] + (" int8" if row["int8"] else "")
    return f"{what}: " + (
        row.get("failed") or f"largest {row['largest']:.1e}, mean {row['mean']:.1e}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
