"""Train from float arrays in memory, as the notebook does: fit(x, y)."""

from __future__ import annotations

import keras
import numpy as np
from keras_networks import NETWORKS, EpochTimes
from sklearn.model_selection import train_test_split
from told import Trained, arguments, load_arrays, train_with_seeds

asked = arguments(__doc__)
x, y, x_test, y_test = load_arrays(asked.folder)
x, x_test = x.astype("float32") / 255, x_test.astype("float32") / 255
x_train, x_val, y_train, y_val = train_test_split(
    x, y, test_size=asked.validation, random_state=0, stratify=y
)
del x


def train(seed: int) -> Trained:
    keras.utils.set_random_seed(seed)
    model = NETWORKS[asked.network](x_train.shape[1:], len(np.unique(y_train)))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    times = EpochTimes()
    model.fit(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        epochs=asked.epochs,
        batch_size=32,
        callbacks=[times],
        verbose=0,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return Trained(len(x_train), model.count_params(), times.seconds, accuracy)


train_with_seeds(train, asked)
