"""Train from float arrays in memory, as the notebook does: fit(x, y)."""

from __future__ import annotations

import keras
import numpy as np
from keras_networks import NETWORKS, EpochTimes
from sklearn.model_selection import train_test_split
from told import arguments, load_arrays, tell

asked = arguments(__doc__)
keras.utils.set_random_seed(asked.seed)
x_train, y_train, x_test, y_test = load_arrays(asked.folder)
x_train, x_test = x_train.astype("float32") / 255, x_test.astype("float32") / 255
x_train, x_val, y_train, y_val = train_test_split(
    x_train, y_train, test_size=asked.validation, random_state=0, stratify=y_train
)
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
tell(len(x_train), model.count_params(), times.seconds, accuracy)
