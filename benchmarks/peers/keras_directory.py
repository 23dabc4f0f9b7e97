"""Train from a folder of images as Keras's guides do: image_dataset_from_directory, cached, and fit."""

from __future__ import annotations

from typing import Any

import keras
from keras_networks import NETWORKS, EpochTimes
from told import arguments, tell

asked = arguments(__doc__)


def read(part: str, **options: Any) -> Any:
    return keras.utils.image_dataset_from_directory(
        asked.folder / part, image_size=asked.size, batch_size=32, seed=asked.seed, verbose=False, **options
    )


keras.utils.set_random_seed(asked.seed)
train = read("train", validation_split=asked.validation, subset="training")
validation = read("train", validation_split=asked.validation, subset="validation")
test = read("test", shuffle=False)

shape = (*asked.size, 3)
network = NETWORKS[asked.network](shape, len(train.class_names))
model = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255), network])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
times = EpochTimes()
model.fit(
    train.cache().prefetch(2),
    validation_data=validation.cache(),
    epochs=asked.epochs,
    callbacks=[times],
    verbose=0,
)
_, accuracy = model.evaluate(test, verbose=0)
tell(len(train.file_paths), model.count_params(), times.seconds, accuracy)
