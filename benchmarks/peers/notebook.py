"""Train the notebook's last network as the notebook does, until it reaches an accuracy on test, or
for 40 epochs.

The time for looking at the test images is told as `paused`. Where the limit comes first, it ends
after that epoch and tells that it `gave_up`.
"""

from __future__ import annotations

import json
import time

import keras
import numpy as np
from keras_networks import NETWORKS
from sklearn.model_selection import train_test_split
from told import arguments, load_arrays

EPOCHS = 40

asked = arguments(__doc__)
keras.utils.set_random_seed(asked.seed)
x_train, y_train, x_test, y_test = load_arrays(asked.folder)
x_train, x_test = x_train.astype("float32") / 255, x_test.astype("float32") / 255
x_train, x_val, y_train, y_val = train_test_split(
    x_train, y_train, test_size=0.2, random_state=asked.seed
)
model = NETWORKS["dropout-conv"](x_train.shape[1:], len(np.unique(y_train)))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
started = time.perf_counter()
accuracy, paused, epochs, gave_up = 0.0, 0.0, 0, False
while epochs == 0 or (accuracy < asked.target and epochs < EPOCHS and not gave_up):
    model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=1, batch_size=32, verbose=0)
    epochs += 1
    began = time.perf_counter()
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    paused += time.perf_counter() - began
    gave_up = began - started > asked.limit and accuracy < asked.target
figures = {
    "images": len(x_train),
    "parameters": model.count_params(),
    "epochs": epochs,
    "accuracy": accuracy,
}
print(json.dumps(figures | {"paused": paused, "gave_up": gave_up}))
