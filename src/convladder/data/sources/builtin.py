"""Data sets by name: `digits` comes with scikit-learn; Keras downloads and caches the others."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.core.errors import DataError

if TYPE_CHECKING:
    from convladder.data.source import Source
    from convladder.data.sources.arrays import ArraySet

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
_FASHION = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
_CIFAR100 = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus "
    "butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch "
    "crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo "
    "keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain "
    "mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain "
    "plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone "
    "television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
).split()

_Header = tuple[int, int, str]  # height, width, mode
_DIGITS_HEADER = (8, 8, "L")
_KERAS_SETS: dict[str, tuple[_Header, tuple[str, ...] | None]] = {
    "mnist": ((28, 28, "L"), None),
    "fashion_mnist": ((28, 28, "L"), tuple(_FASHION)),
    "cifar10": ((32, 32, "RGB"), tuple(_CIFAR10)),
    "cifar100": ((32, 32, "RGB"), tuple(_CIFAR100)),
}

NAMES = ("digits", *_KERAS_SETS)


def open_named(name: str) -> Source:
    """Open one of NAMES. Nothing is loaded or downloaded before the listing is asked for."""
    if name == "digits":
        return _lazy(name, _load_digits, _DIGITS_HEADER)
    header, class_names = _KERAS_SETS[name]
    return _lazy(name, lambda: _load_keras_set(name, class_names), header)


def _lazy(name: str, load: Callable[[], ArraySet], header: _Header) -> Source:
    from convladder.data.decoding.picture import Header
    from convladder.data.source import NAMED_SET, Source

    arrays = cache(load)
    return Source(
        name=name,
        kind=NAMED_SET,
        fingerprint=f"{name} 1",
        listing=lambda: arrays().listing(),
        fetch=lambda record: arrays().fetch(record),
        headers=lambda: [Header(*header)],
        picklable=False,
    )


def _load_digits() -> ArraySet:
    """1,797 handwritten digits of 8x8 pixels in 17 grey levels (UCI, Alpaydin and Kaynak 1998)."""
    import numpy as np
    from sklearn.datasets import load_digits

    from convladder.data.sources.arrays import ArraySet

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return ArraySet("digits", {"": (images, digits.target)})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let no library write to standard error, even below Python: TensorFlow greets on import."""
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _load_keras_set(name: str, class_names: tuple[str, ...] | None) -> ArraySet:
    from convladder.data.sources.arrays import ArraySet

    with _quiet():
        import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # the download's progress is no result
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras wraps every network failure in a bare Exception
        raise DataError(
            f"could not download {name} ({error}): check the connection, or use 'digits' or a "
            "folder of images"
        ) from error
    return ArraySet(name, {"train": (x_train, y_train), "test": (x_test, y_test)}, class_names)
