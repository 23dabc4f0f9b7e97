"""What is measured: each row some work of users, our way to do it, and the programs that they have
now.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from _harness import imageset
from _harness.programs import Ratio, Row, Side
from convladder.core import backend, container_limits
from convladder.core.formatting import plural

OURS = "convladder"
DIRECTORY, ARRAYS, TORCH = "Keras, image_dataset_from_directory", "Keras, fit(x, y)", "PyTorch loop"
MAPPED, PILLOW, ONE_PASS = (
    "Keras layers in tf.data",
    "Pillow, one process",
    "image_dataset_from_directory, one pass",
)
IMPORT = "import keras"
PREDICT, COMPILED, BY_HAND = (
    "Keras, model.predict",
    "TensorFlow, a compiled call",
    "ONNX Runtime by hand",
)
NOTEBOOK = "the notebook's last network, fit(x, y)"
AUGMENTATIONS = ("brightness", "rotation", "shift", "shear", "zoom")


@dataclass(frozen=True)
class Size:
    """How much of each work is done.

    seeds : of a climb that has eight at full size. kinds : of augmentation, each on so many
        `augmented` images.
    same_accuracy : whether it can be compared.
    """

    images: Callable[[Path], Path]
    rounds: int
    long_rounds: int = 1
    seeds: int = 8
    epochs: int = 2
    steady_epochs: int = 2
    batch_norm_epochs: int = 2
    kinds: tuple[str, ...] = AUGMENTATIONS
    augmented: int = 2_000
    photographs: int = 60
    predicted: int = 1_000
    target: float = 0.5
    target_epochs: int = 2
    patience: float = math.inf  # seconds that the other side may train for the target
    same_accuracy: bool = True


SIZES = {
    "smallest": Size(
        imageset.few,
        rounds=1,
        seeds=1,
        epochs=1,
        batch_norm_epochs=1,
        kinds=AUGMENTATIONS[:1],
        augmented=64,
        photographs=6,
        predicted=40,
        target=0,
        target_epochs=1,
        same_accuracy=False,
    ),
    "usual": Size(imageset.cifar10, rounds=2),
    "full": Size(
        imageset.cifar10,
        rounds=5,
        long_rounds=5,
        steady_epochs=5,
        augmented=10_000,
        photographs=500,
        target=0.7,
        target_epochs=4,
        patience=600,
    ),
}


def time_of(peer: str, wanted: float, figure: str = "seconds") -> Ratio:
    return Ratio(peer, (peer, figure), (OURS, figure), wanted)


def speed_over(peer: str, wanted: float) -> Ratio:
    return Ratio(peer, (OURS, "images_per_second"), (peer, "images_per_second"), wanted)


def climb(size: Size, workspace: Path) -> Row:
    folder, epochs = str(size.images(workspace)), ("--epochs", str(size.epochs))
    return Row(
        "climb",
        f"{size.seeds} seeds of LeNet-5, {size.epochs} epochs each, from a folder, with nothing "
        "in the cache",
        (
            Side(OURS, "ours/climb.py", lenet5(folder, size.seeds, size.epochs), cache="fresh"),
            Side(DIRECTORY, "peers/keras_directory.py", (folder, *epochs), times=size.seeds),
        ),
        (time_of(DIRECTORY, 3),),
        rounds=size.rounds,
        accuracy_within=0.05,
    )


def climb_again(size: Size, workspace: Path) -> Row:
    folder, epochs = str(size.images(workspace)), ("--epochs", str(size.epochs))
    return Row(
        "climb-again",
        f"the same, {size.epochs} epochs each, with the images decoded before",
        (
            Side(OURS, "ours/climb.py", lenet5(folder, size.seeds, size.epochs)),
            Side(ARRAYS, "peers/keras_arrays.py", (folder, *epochs), times=size.seeds),
        ),
        (time_of(ARRAYS, 7),),
        rounds=size.rounds,
        accuracy_within=0.05,
        first=(decode(folder),),
    )


def trial(size: Size, workspace: Path) -> Row:
    folder, epochs = str(size.images(workspace)), ("--epochs", str(size.steady_epochs))
    return Row(
        "trial",
        "one LeNet-5 trial on all cores, images per second after the first epoch",
        (
            Side(OURS, "ours/train.py", (folder, "--rung", "lenet5", *epochs)),
            Side(ARRAYS, "peers/keras_arrays.py", (folder, *epochs)),
            Side(DIRECTORY, "peers/keras_directory.py", (folder, *epochs)),
            Side(TORCH, "peers/torch_loop.py", (folder, *epochs), needs="torch"),
        ),
        (speed_over(ARRAYS, 3.5), speed_over(DIRECTORY, 1.2), speed_over(TORCH, 1)),
        rounds=size.rounds,
        accuracy_within=0.1,
        first=(decode(folder),),
    )


def batch_norm(size: Size, workspace: Path) -> Row:
    folder, number, seeds = (
        str(size.images(workspace)),
        size.batch_norm_epochs,
        half_the_seeds(size),
    )
    epochs = ("--epochs", str(number))
    ours = (folder, "--ladder", "notebook", "--rungs", "batch-norm", "--seeds", str(seeds), *epochs)
    theirs = (folder, "--network", "batch-norm", *epochs)
    return Row(
        "batch-norm",
        f"{seeds} seeds of the notebook's batch-norm network, {plural(number, 'epoch')} each, to "
        "the end",
        (
            Side(OURS, "ours/climb.py", (*ours, "--set", "data.validation=0.15")),
            Side(ARRAYS, "peers/keras_arrays.py", theirs, times=seeds, made=1),
            Side(TORCH, "peers/torch_loop.py", theirs, times=seeds, made=1, needs="torch"),
        ),
        (time_of(ARRAYS, 2), time_of(TORCH, 1.2)),
        rounds=size.long_rounds,
        accuracy_within=0.1,
        first=(decode(folder),),
    )


def augmentation(size: Size, workspace: Path) -> Row:
    images = ("--images", str(size.augmented), "--epochs", str(size.steady_epochs))
    asked = (str(size.images(workspace)), *images, "--kinds", ",".join(size.kinds))
    slowed = [
        Ratio(f"{kind}: ours with it / without", (OURS, kind), (OURS, "none"), 0.7)
        for kind in size.kinds
    ]
    theirs = [
        Ratio(f"{kind}: Keras's with it / without", (MAPPED, kind), (MAPPED, "none"))
        for kind in size.kinds
    ]
    plain = Ratio("none: Keras in tf.data", (OURS, "none"), (MAPPED, "none"))
    beside = [Ratio(f"{kind}: {MAPPED}", (OURS, kind), (MAPPED, kind), 2) for kind in size.kinds]
    return Row(
        "augmentation",
        "each augmentation of the classic ladder on its network, images per second",
        (
            Side(
                OURS, "ours/augmentation.py", asked, environment={backend.ONEDNN: "1"}
            ),  # as workers have it
            Side(MAPPED, "peers/keras_augmentation.py", asked),
        ),
        (*slowed, *theirs, plain, *beside),
        rounds=size.rounds,
        first=(decode(asked[0]),),
    )


def decoding(size: Size, workspace: Path) -> Row:
    folder, cores = size.images(workspace), container_limits.cores()
    parts = tuple(str(folder / part) for part in ("train", "test"))
    return Row(
        "decoding",
        "a folder of small JPEG files to a bank, with the search for copies",
        (
            Side(OURS, "ours/bank.py", (str(folder),), cache="fresh"),
            Side(PILLOW, "peers/pillow_decode.py", (*parts, "--size", "32")),
            Side(ONE_PASS, "peers/keras_decode.py", (*parts, "--size", "32")),
        ),
        (time_of(PILLOW, 0.8 * cores), time_of(ONE_PASS, 1)),
        rounds=size.rounds,
        same=("images", "shape"),
    )


def photographs(size: Size, workspace: Path) -> Row:
    folder = str(imageset.photographs(workspace, size.photographs))
    return Row(
        "photographs",
        f"{size.photographs} photographs of 12 megapixels to 224 pixels",
        (
            Side(OURS, "ours/bank.py", (folder, "--size", "224"), cache="fresh"),
            Side(PILLOW, "peers/pillow_decode.py", (folder, "--size", "224")),
            Side(ONE_PASS, "peers/keras_decode.py", (folder, "--size", "224")),
        ),
        (time_of(PILLOW, 0.8 * container_limits.cores()), time_of(ONE_PASS, 3.5)),
        rounds=size.rounds,
        same=("images", "shape"),
    )


def second_start(size: Size, workspace: Path) -> Row:
    folder = str(size.images(workspace))
    return Row(
        "second-start",
        "until the images are ready, the program's own start included",
        (
            Side("first start", "ours/bank.py", (folder,), cache="fresh"),
            Side("second start", "ours/bank.py", (folder,)),
        ),
        (Ratio("first / second", ("first start", "seconds"), ("second start", "seconds"), 20),),
        kind="wait",
        rounds=size.rounds,
        same=("images",),
        first=(decode(folder),),
    )


def commands(size: Size, workspace: Path) -> Row:
    folder, made = str(size.images(workspace)), "climb"  # where all of the row's programs start
    return Row(
        "commands",
        "what a person waits for at the command line",
        (
            Side("--help", "-m", ("convladder", "--help")),
            Side("report", "-m", ("convladder", "report", made)),
            Side(IMPORT, "-c", ("import keras",)),
        ),
        (
            Ratio("import keras / --help", (IMPORT, "seconds"), ("--help", "seconds"), 15),
            Ratio("import keras / report", (IMPORT, "seconds"), ("report", "seconds"), 3),
        ),
        kind="wait",
        same=(),
        rounds=size.rounds,
        first=(
            Side("climb", "ours/climb.py", (*lenet5(folder, seeds=1, epochs=1), "--out", made)),
        ),
    )


def memory(size: Size, workspace: Path) -> Row:
    folder, trials = str(size.images(workspace)), half_the_seeds(size)
    ours = (*lenet5(folder, trials, epochs=1), "--jobs", str(trials))
    return Row(
        "memory",
        f"{trials} LeNet-5 trials at a time, memory at its peak (proportional set sizes of all "
        "processes)",
        (
            Side(OURS, "ours/climb.py", ours),
            Side(ARRAYS, "peers/keras_arrays.py", (folder, "--epochs", "1"), together=trials),
        ),
        (time_of(ARRAYS, 2, figure="peak_bytes"),),
        rounds=size.rounds,
        accuracy_within=0.1,
        first=(decode(folder),),
        memory=True,
    )


def target(size: Size, workspace: Path) -> Row:
    folder = str(size.images(workspace))
    recipe = ("train.precision=bfloat16", "train.schedule=cosine", "train.warmup=0.1")
    ours = (
        "--rung",
        "batch-norm",
        "--epochs",
        str(size.target_epochs),
        *(f"--set={each}" for each in recipe),
    )
    goal = ("--target", str(size.target), "--limit", str(size.patience))
    return Row(
        "target",
        f"from a folder to a test accuracy of {size.target}, a seed a round",
        (
            Side(OURS, "ours/train.py", (folder, *ours, "--seed", "{round}"), cache="fresh"),
            Side(NOTEBOOK, "peers/notebook.py", (folder, *goal, "--seed", "{round}")),
        ),
        (Ratio(NOTEBOOK, (NOTEBOOK, "seconds"), (OURS, "seconds"), 3),),
        kind="accuracy",
        rounds=size.long_rounds,
        same=(),
        at_least=size.target,
    )


def predict(size: Size, workspace: Path) -> Row:
    same = Ratio(BY_HAND, (OURS, "images_per_second"), (BY_HAND, "images_per_second"), 1)
    return Row(
        "predict",
        f"a trained LeNet-5 on {size.predicted} test images: one at a time, and in batches of 64",
        (
            Side(OURS, "ours/predict.py"),
            Side(PREDICT, "peers/keras_predict.py"),
            Side(COMPILED, "peers/keras_call.py"),
            Side(BY_HAND, "peers/onnx_predict.py"),
        ),
        (
            one_image(PREDICT, 50),
            one_image(COMPILED),
            one_image(BY_HAND),
            replace(speed_over(PREDICT, 1), name=f"batches: {PREDICT}"),
            replace(speed_over(COMPILED, 1), name=f"batches: {COMPILED}"),
            replace(same, name=f"batches: {BY_HAND}"),
        ),
        rounds=size.rounds,
        same=("images", "predicted"),
        first=(bundle(size, workspace),),
    )


def one_image(peer: str, wanted: float | None = None) -> Ratio:
    return Ratio(f"one image: {peer}", (peer, "milliseconds"), (OURS, "milliseconds"), wanted)


def predict_cold(size: Size, workspace: Path) -> Row:
    return Row(
        "predict-cold",
        "one picture, from the start of the program to its class",
        (
            Side(OURS, "-m", ("convladder", "predict", "made.convladder", "picture.jpg", "--json")),
            Side(PREDICT, "peers/keras_predict.py", ("--picture", "picture.jpg")),
        ),
        (time_of(PREDICT, 8),),
        kind="wait",
        rounds=size.rounds,
        same=("class",),
        first=(bundle(size, workspace),),
    )


def bundle(size: Size, workspace: Path) -> Side:
    """Return what leaves a bundle, a .keras file and images where the row's programs start."""
    images = ("--images", str(size.predicted), "--epochs", "1")
    return Side(
        "bundle", "ours/bundle.py", (str(size.images(workspace)), "--rung", "lenet5", *images)
    )


def decode(folder: str) -> Side:
    return Side("decode", "ours/bank.py", (folder,))


def lenet5(folder: str, seeds: int, epochs: int) -> tuple[str, ...]:
    """Return what ours/climb.py takes for so many seeds of LeNet-5."""
    return folder, "--rungs", "lenet5", "--seeds", str(seeds), "--epochs", str(epochs)


def half_the_seeds(size: Size) -> int:
    return max(1, size.seeds // 2)


ROWS: dict[str, Callable[[Size, Path], Row]] = {
    "climb": climb,
    "climb-again": climb_again,
    "trial": trial,
    "batch-norm": batch_norm,
    "augmentation": augmentation,
    "decoding": decoding,
    "photographs": photographs,
    "second-start": second_start,
    "commands": commands,
    "memory": memory,
    "predict": predict,
    "predict-cold": predict_cold,
    "target": target,
}
