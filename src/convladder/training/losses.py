"""What a network's logits cost in training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from convladder.core.settings.train import Train


class TrainingLoss:
    """Mean cross-entropy of a batch, with smoothed labels (Szegedy et al. 2015) and class weights.

    class_weights : what the loss of an image of each class counts, `(classes,)`; None: all the
        same.
    shares : whether targets are shares of each class, `(batch, classes)`, as of mixed images.
    """

    def __init__(
        self,
        classes: int,
        class_weights: NDArray[np.float32] | None = None,
        *,
        label_smoothing: float = 0,
        shares: bool = False,
    ) -> None:
        self._classes, self._shares = classes, shares or label_smoothing > 0
        self._weights = None if class_weights is None else ops.convert_to_tensor(class_weights)
        self._sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._smooth = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing
        )

    def targets(self, labels: Any) -> Any:
        """Return what a batch's labels `(batch,)` come to: themselves, or shares of each class."""
        return ops.one_hot(labels, self._classes) if self._shares else labels

    def __call__(self, targets: Any, logits: Any) -> Any:
        """Return the loss of a batch, given targets and logits `(batch, classes)`."""
        if not self._shares:
            weights = None if self._weights is None else ops.take(self._weights, targets)
            return self._sparse(targets, logits, sample_weight=weights)
        weights = None if self._weights is None else ops.sum(targets * self._weights, axis=1)
        return self._smooth(targets, logits, sample_weight=weights)


def class_weights(
    settings: Train, labels: NDArray[np.int32], classes: int
) -> NDArray[np.float32] | None:
    """Return the weight of each class in the loss, `(classes,)`; None where all are equal."""
    if settings.class_weight is None:
        return None
    found = np.unique(labels)
    weights = np.zeros(classes, np.float32)
    weights[found] = compute_class_weight(settings.class_weight, classes=found, y=labels)
    return weights
