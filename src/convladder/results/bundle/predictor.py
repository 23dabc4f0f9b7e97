"""Predict with a bundle: ONNX Runtime, and the same decoder as in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convladder.core.container_limits import cores
from convladder.core.errors import BundleError, ExperimentError, UnreadableImage
from convladder.core.privacy import silence_onnxruntime
from convladder.data.decoding.image_form import Limits, Pixels
from convladder.data.decoding.images import decode, open_picture
from convladder.data.decoding.intensity import Values
from convladder.data.decoding.picture import fit
from convladder.evaluation import conformal
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.container import refusal
from convladder.results.bundle.graph_check import IMAGES, PROBABILITIES

BATCH = 64  # images that are computed together, and whose pixels are held

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class PredictionSet:
    """The classes that an image may be of, the most probable first.

    coverage : the share of images like the test images whose true class is among them.
    """

    classes: tuple[str, ...]
    coverage: float


@dataclass(frozen=True)
class Prediction:
    """What a bundle says of an image.

    top : the most probable classes with their probabilities, the first of them predicted.
    unsure : whether that is below the bundle's threshold, or there is a warning.
    warning : why the image does not fit those that the network was trained on.
    prediction_set : the classes that the image may be of; None where the bundle promises none.
    """

    top: tuple[tuple[str, float], ...]
    unsure: bool
    warning: str | None = None
    prediction_set: PredictionSet | None = None

    @property
    def class_name(self) -> str:
        """The most probable class."""
        return self.top[0][0]

    @property
    def confidence(self) -> float:
        """The probability of that class."""
        return self.top[0][1]


def open_session(graph: bytes, threads: int, name: str) -> Any:
    """Return ONNX Runtime's session of a checked graph. Raises BundleError on refusal."""
    import onnxruntime

    silence_onnxruntime(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads
    # by content it may take another
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise refusal(name, f"ONNX Runtime says {error}") from None


Outcome = Prediction | UnreadableImage  # of an image file


@dataclass(frozen=True)
class Decoded:
    """An image's pixels in the bundle's form, and why they may not fit the training images."""

    pixels: Pixels
    warning: str | None = None


class Predictor:
    """A bundle at work: its `class_names`, and probabilities of images.

    Parameters
    ----------
    bundle
        The bundle.
    threads
        Number of threads that compute; None takes one per core.

    Raises
    ------
    BundleError
        ONNX Runtime refuses the bundle's graph.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Make ready; `threads` that compute are one a core by default."""
        self.bundle = bundle
        self.contents = bundle.contents
        self.class_names = bundle.contents.class_names
        self.form = bundle.contents.image_form
        self._session = open_session(bundle.graph, threads or cores(), str(bundle.path))

    @classmethod
    def open(cls, path: str | Path, threads: int | None = None) -> Self:
        """Open the bundle in a file.

        Parameters
        ----------
        path
            The file.
        threads
            Number of threads that compute; None takes one per core.

        Returns
        -------
        Predictor
            The bundle, ready to predict.

        Raises
        ------
        BundleError
            The file is no bundle, is damaged, or has anything in it that a bundle does not have.
        """
        return cls(Bundle(path), threads)

    def decode(self, content: bytes | Values) -> Pixels:
        """Decode an image as training did.

        Parameters
        ----------
        content
            A file's bytes, or pixels `(H, W)` or `(H, W, C)`.

        Returns
        -------
        ndarray
            uint8 `(height, width, channels)`, in the bundle's form.

        Raises
        ------
        UnreadableImage
            It is no image, or one that cannot be read; `reason` is a short code.
        """
        return decode(content, self.form, self.contents.limits)

    def try_to_decode(
        self, content: bytes | Values, limits: Limits | None = None
    ) -> Decoded | UnreadableImage:
        """Decode an image as `decode` does, or return why that cannot be.

        Parameters
        ----------
        content
            A file's bytes, or pixels `(H, W)` or `(H, W, C)`.
        limits
            How large a file may be; None takes the bundle's own limits.

        Returns
        -------
        Decoded or UnreadableImage
            The pixels and a warning if they do not fit the training images; or the error.
        """
        try:
            picture = open_picture(content, self.form, limits or self.contents.limits)
            return Decoded(fit(picture, self.form), picture.misfit(self.form))
        except UnreadableImage as error:
            return error
        except MemoryError:
            return UnreadableImage("too-large", "there is not enough memory for it")

    def probabilities(self, images: Pixels | Sequence[Pixels]) -> Probabilities:
        """Return the probabilities of images, after temperature.

        Parameters
        ----------
        images
            uint8 `(N, H, W)`, `(N, H, W, 1)` or `(N, H, W, 3)` of any size, which the graph brings
            to the form that the network wants; or a sequence of such without N.

        Returns
        -------
        ndarray
            float32 `(N, classes)`, in the order of `class_names`.

        Raises
        ------
        ExperimentError
            They are not such images.
        BundleError
            The graph fails, or gives no probabilities.
        """
        if isinstance(images, np.ndarray):
            return self._run(images)
        sizes = {np.shape(image)[:2] for image in images}
        if len(sizes) > 1:
            return np.concatenate([self._run(np.asarray(image)[np.newaxis]) for image in images])
        return self._run(np.stack(images)) if len(images) else self._none()

    def read(
        self,
        probabilities: Probabilities,
        top: int = 1,
        warnings: Sequence[str | None] | None = None,
    ) -> list[Prediction]:
        """Say what probabilities mean.

        Parameters
        ----------
        probabilities
            `(N, classes)`, as `probabilities` returns them.
        top
            Number of the most probable classes to name.
        warnings
            Those of the images, as they were decoded, one per image or None; an answer with one is
            unsure.

        Returns
        -------
        list of Prediction
            One per image.
        """
        threshold = self.contents.selection.threshold
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        warned, held = warnings or [None] * len(order), self._sets(probabilities)
        found = []
        for row, best, warning, among in zip(probabilities, order, warned, held, strict=True):
            named = tuple((self.class_names[place], float(row[place])) for place in best)
            low = threshold is None or not row[best[0]] >= threshold
            found.append(Prediction(named, low or bool(warning), warning, among))
        return found

    def _sets(self, probabilities: Probabilities) -> list[PredictionSet] | list[None]:
        """Return the prediction set of each image, if the bundle promises any."""
        sets = self.contents.prediction_sets
        if sets is None or sets.least_probability is None:
            return [None] * len(probabilities)
        return [
            PredictionSet(classes, sets.wanted)
            for classes in conformal.possible_classes(
                probabilities, self.class_names, sets.least_probability
            )
        ]

    def _run(self, images: NDArray[Any]) -> Probabilities:
        batch = np.asarray(images)
        if batch.ndim == 3:
            batch = batch[..., np.newaxis]
        if (
            batch.dtype != np.uint8
            or batch.ndim != 4
            or batch.shape[3] not in (1, 3)
            or not all(batch.shape[1:3])
        ):
            raise ExperimentError(
                "images are uint8 of the shape (N, height, width), (N, height, width, 1) or (N, "
                f"height, width, 3); got {batch.dtype} {batch.shape} (Predictor.decode turns "
                "files and other arrays into these)"
            )
        if not len(batch):
            return self._none()
        coloured = np.ascontiguousarray(np.broadcast_to(batch, (*batch.shape[:3], 3)))
        parts = [coloured[start : start + BATCH] for start in range(0, len(coloured), BATCH)]
        return np.concatenate([self._compute(part) for part in parts])

    def _compute(self, part: Pixels) -> Probabilities:
        """Return what the graph makes of images. Raises BundleError for no probabilities."""
        try:
            found: Probabilities = self._session.run([PROBABILITIES], {IMAGES: part})[0]
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise BundleError(f"the graph of {self.bundle.path} fails: {error}") from None
        if found.shape != (len(part), len(self.class_names)) or not np.isfinite(found).all():
            raise BundleError(
                f"the graph of {self.bundle.path} does not give every image its probabilities"
            )
        return found

    def _none(self) -> Probabilities:
        return np.zeros((0, len(self.class_names)), np.float32)
