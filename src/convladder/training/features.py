"""What frozen layers make of images: computed once, and looked up in the place of the images."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.settings.model import Model
from convladder.data.decoding.image_form import Pixels
from convladder.models import head, networks
from convladder.models.networks import Backbone
from convladder.training import backend
from convladder.training.batches import Prefetcher
from convladder.training.lookup import GatherVectors

ANY_CLASSES = 2  # features are of the layers before the classes
BATCH = 64  # images: more take more memory, and no less time


@dataclass(frozen=True)
class Features:
    """The vectors `(N, features)`, float32, of some images of a bank.

    places : for each row of the bank's images, `(rows,)`, which of the vectors is its own.
    """

    vectors: NDArray[np.float32]
    places: NDArray[np.int32]

    def of_rows(self) -> keras.Model:
        """Return what turns rows `(batch,)` of the bank into vectors `(batch, features)`."""
        rows = keras.Input((), dtype="int32", name="rows")
        return keras.Model(rows, GatherVectors(self.vectors, self.places)(rows))

    def predict_logits(self, network: keras.Model, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what the last layers of a network make of rows of the bank: `(rows, classes)`."""
        source = self.of_rows()
        model = keras.Model(source.input, head.classifier_of(network)(source.output))
        return backend.predict(model, rows.astype(np.int32), Prefetcher(self.vectors[:0]))


def classify(network: keras.Model, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the last layers of a network make of vectors `(N, features)`: `(N, classes)`."""
    logits: NDArray[np.float32] = head.classifier_of(network).predict_on_batch(vectors)
    return logits


class Extractor:
    """Turns images into features: a network with the weights of a backbone, up to its vector."""

    def __init__(self, model: Model, backbone: Backbone, shape: tuple[int, int, int]) -> None:
        network = networks.build(model, shape, ANY_CLASSES, backbone.statistics)
        networks.take(network, model, backbone)
        layers = head.features_of(network)
        self.size = int(layers.output_shape[-1])
        self._predict = backend.predictor(layers)

    def compute(self, images: Pixels, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the features `(N, size)` of images `(images, height, width, channels)`, 0 to 255.

        rows : of which of the images; None: of all.
        """
        wanted = np.arange(len(images)) if rows is None else rows
        parts = [
            np.asarray(self._predict(images[wanted[start : start + BATCH]]))
            for start in range(0, len(wanted), BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.size), np.float32)
