"""Train from a folder of images as Keras's guides do: image_dataset_from_directory, cached, and
fit.
"""

from __future__ import annotations

from typing import Any

import keras
from keras_networks import NETWORKS, EpochTimes
from told import Trained, arguments, train_with_seeds

asked = arguments(__doc__)


def read(part: str, **options: Any) -> Any:
    return keras.utils.image_dataset_from_directory(
        asked.folder / part,
        image_size=asked.size,
        batch_size=32,
        seed=asked.seed,
        verbose=False,
        **options,
    )


train = read("train", validation_split=asked.validation, subset="training")
validation = read("train", validation_split=asked.validation, subset="validation")
test = read("test", shuffle=False)
to_train_on, to_validate_on = (
    train.cache().prefetch(2),
    validation.cache(),
)  # decoded once, for all seeds


def train_on_folder(seed: int) -> Trained:
    keras.utils.set_random_seed(seed)
    shape = (*asked.size, 3)
    network = NETWORKS[asked.network](shape, len(train.class_names))
    model = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255), network])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    times = EpochTimes()
    model.fit(
        to_train_on,
        validation_data=to_validate_on,
        epochs=asked.epochs,
        callbacks=[times],
        verbose=0,
    )
    _, accuracy = model.evaluate(test, verbose=0)
    return Trained(len(train.file_paths), model.count_params(), times.seconds, accuracy)


train_with_seeds(train_on_folder, asked)
