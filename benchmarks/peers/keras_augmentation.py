"""Train with Keras's random layers in a tf.data map, one kind after the other, and tell how fast
each was.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras_networks import NETWORKS, EpochTimes
from told import arguments, load_arrays

AMOUNT = 0.1
KINDS = {
    "none": None,
    "brightness": layers.RandomBrightness(AMOUNT, value_range=(0, 1)),
    "rotation": layers.RandomRotation(1 / 360, fill_mode="nearest"),
    "shift": layers.RandomTranslation(AMOUNT, AMOUNT, fill_mode="nearest"),
    "shear": layers.RandomShear(AMOUNT, fill_mode="nearest"),
    "zoom": layers.RandomZoom(AMOUNT, fill_mode="nearest"),
}

asked = arguments(__doc__)
x_train, y_train, *_ = load_arrays(asked.folder)
rows = np.random.default_rng(0).permutation(len(x_train))[: asked.images]
x_train, y_train = x_train[rows].astype("float32") / 255, y_train[rows]
speeds = {}
for kind in ("none", *asked.kinds.split(",")):
    layer = KINDS[kind]
    keras.utils.set_random_seed(asked.seed)
    batches = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(rows)).batch(32)
    if layer is not None:
        batches = batches.map(
            lambda x, y, layer=layer: (layer(x, training=True), y), tf.data.AUTOTUNE
        )
    model = NETWORKS["ladder"](x_train.shape[1:], int(y_train.max()) + 1)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    times = EpochTimes()
    few = batches.take(1)
    model.fit(
        batches.prefetch(tf.data.AUTOTUNE),
        validation_data=few,
        epochs=asked.epochs,
        callbacks=[times],
        verbose=0,
    )
    speeds[kind] = len(rows) / float(np.median(times.seconds[1:] or times.seconds))
figures = {"images": len(rows), "parameters": model.count_params(), "epochs": len(times.seconds)}
print(json.dumps(figures | speeds))
