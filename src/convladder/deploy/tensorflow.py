"""What exports ask of TensorFlow by name: saved models, and their conversion for LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels


def load_saved_model(path: Path) -> Callable[[Pixels], NDArray[np.float32]]:
    """Return what predicts with a saved model that Keras exported."""
    model = tf.saved_model.load(path)
    return lambda images: np.asarray(model.serve(images.astype(np.float32)))


def to_litert(saved: Path, calibration: Pixels | None) -> bytes:
    """Return a saved model as LiteRT's flat buffer; with images to calibrate on, in int8 inside."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    if calibration is not None:

        def samples() -> Iterator[list[NDArray[np.float32]]]:
            for image in calibration:
                yield [image[np.newaxis].astype(np.float32)]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    content: bytes = converter.convert()
    return content
