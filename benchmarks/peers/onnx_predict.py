"""Predict with ONNX Runtime by hand: Keras's own export of the network, float32 pixels in batches
of 64.
"""

from __future__ import annotations

import keras
import numpy as np
import onnxruntime

from _harness import timed

BATCH = 64
model = keras.saving.load_model("made.keras")
model(np.zeros((1, *model.input.shape[1:]), np.float32))
model.export("by-hand.onnx", format="onnx", verbose=False)
session = onnxruntime.InferenceSession("by-hand.onnx")
name = session.get_inputs()[0].name


def predict(images: np.ndarray) -> np.ndarray:
    parts = [
        images[start : start + BATCH].astype(np.float32) for start in range(0, len(images), BATCH)
    ]
    return np.concatenate([session.run(None, {name: part})[0] for part in parts])


timed.tell(np.load("images.npy"), predict)
