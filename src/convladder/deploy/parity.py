"""Does an export predict what the network predicts? Measured on real images, and judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.deploy.file_parity import FromFiles
from convladder.deploy.runtimes import Predicted
from convladder.evaluation import mcnemar
from convladder.evaluation.differences import Difference
from convladder.evaluation.intervals import Proportion, proportion

IMAGES = 1000
BOUND = 1e-4  # of the largest difference of a probability, in float32
BOUND_INT8 = 0.05  # of the mean difference of the largest probability, in int8


# docs/decisions/072-an-export-is-compared-in-processes-of-its-own.md
@dataclass(frozen=True)
class Parity:
    """An export beside the network that it was made of, on the same images.

    largest, mean : difference of a probability; the mean is of the largest one of each image. same
        : the share of equal predictions. accuracy_lost : of the original less that of the export,
        on labelled test images.
    bytes, original_bytes : of the export, and of the network's weights. milliseconds : for an
        image, in batches.
    files : how the export's example and the product read and answer files; None where that was not
        compared.
    """

    images: int
    largest: float
    mean: float
    same: Proportion
    original_accuracy: Proportion
    accuracy: Proportion
    accuracy_lost: Difference
    bytes: int
    original_bytes: int
    milliseconds: float
    original_milliseconds: float
    bound: float
    int8: bool
    files: FromFiles | None = None

    @property
    def network_holds(self) -> bool:
        """Whether the difference is within the bound: the largest, or in int8 the mean."""
        return (self.mean if self.int8 else self.largest) <= self.bound

    @property
    def files_hold(self) -> bool:
        """Whether files are read and answered alike, as far as that was compared."""
        return self.files is None or self.files.holds(self.bound, int8=self.int8)

    @property
    def holds(self) -> bool:
        """Whether the export predicts what the network predicts, from pixels and from files."""
        return self.network_holds and self.files_hold

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self) | {"holds": self.holds}


def measure(
    original: Predicted,
    exported: Predicted,
    labels: NDArray[np.integer[Any]],
    *,
    sizes: tuple[int, int],
    bound: float | None,
    int8: bool,
) -> Parity:
    """Compare what both predict of the same images; `labels` are those of the first, which test.

    `sizes` are the bytes of the export, and of the weights.
    """
    here, there = (
        original.probabilities.astype(np.float64),
        exported.probabilities.astype(np.float64),
    )
    predicted, again = here.argmax(axis=1), there.argmax(axis=1)
    rows = np.arange(len(here))
    tested = slice(len(labels))
    right, right_again = predicted[tested] == labels, again[tested] == labels
    networks = {"original": right[np.newaxis], "export": right_again[np.newaxis]}
    (lost,) = mcnemar.compare(networks, [("original", "export")])
    return Parity(
        images=len(here),
        largest=float(np.abs(here - there).max()),
        mean=float(np.abs(here - there)[rows, predicted].mean()),
        same=proportion(int((predicted == again).sum()), len(here)),
        original_accuracy=proportion(int(right.sum()), len(right)),
        accuracy=proportion(int(right_again.sum()), len(right)),
        accuracy_lost=lost,
        bytes=sizes[0],
        original_bytes=sizes[1],
        milliseconds=exported.milliseconds,
        original_milliseconds=original.milliseconds,
        bound=bound if bound is not None else BOUND_INT8 if int8 else BOUND,
        int8=int8,
    )
