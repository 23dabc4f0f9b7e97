"""How each format of FORMATS is made of a bundle, and what it predicts in its own runtime.

All of it runs in worker processes, one for making and one for predicting, so that a runtime meets a
file alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convladder.core import backend
from convladder.core.container_limits import cores
from convladder.core.errors import BundleError
from convladder.core.privacy import silence_onnxruntime
from convladder.core.worker import Emit
from convladder.data.decoding.image_form import Pixels
from convladder.deploy.onnx_graph import with_probabilities
from convladder.experiments import inference
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.graph_check import IMAGES, PROBABILITIES
from convladder.results.bundle.predictor import BATCH, open_session

if TYPE_CHECKING:
    import keras

Probabilities = NDArray[np.float32]
Predict = Callable[[Pixels], Probabilities]


@dataclass(frozen=True)
class Runtime:
    """What writes an export, in int8 if given images to calibrate on, and what predicts with it."""

    write: Callable[[Bundle, Path, Pixels | None], None]
    load: Callable[[Path], Predict]


@dataclass(frozen=True)
class Predicted:
    """What a network made of images, `(N, classes)`, and its milliseconds per image.

    Images are predicted in batches of BATCH.
    """

    probabilities: Probabilities
    milliseconds: float


def make(
    kind: str, bundle: Path, out: Path, calibration: Pixels | None, images: Pixels, emit: Emit
) -> Predicted:
    """Make an export, and predict images with the trained network in Keras; a task for a worker.

    With `calibration`, images `(N, height, width, channels)` too, the export is in int8.
    """
    del emit
    backend.use_tensorflow()
    opened = Bundle(bundle)
    RUNTIMES[kind].write(opened, out, calibration)
    return _predicted(_keras_predict(network_of(opened)), images)


def predict_exported(kind: str, path: Path, images: Pixels, emit: Emit) -> Predicted:
    """Predict with an export in its own runtime; a task for a worker."""
    del emit
    backend.use_tensorflow()
    return _predicted(RUNTIMES[kind].load(path), images)


def network_of(bundle: Bundle) -> keras.Model:
    """Build a bundle's network, up to probabilities. Raises BundleError if weights do not fit."""
    contents = bundle.contents
    try:
        network = inference.restore(
            contents.experiment.model,
            contents.image_form.shape,
            len(contents.class_names),
            contents.pixel_statistics,
            bundle.weights,
        )
    except (KeyError, ValueError) as error:
        raise BundleError(
            f"the weights in {bundle.path} do not match its settings: {error}"
        ) from None
    return with_probabilities(network, contents.temperature)


def _predicted(predict: Predict, images: Pixels) -> Predicted:
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    predict(batches[0])  # what it compiles or reserves
    begun = time.perf_counter()
    found = np.concatenate([predict(batch) for batch in batches])
    return Predicted(found, 1000 * (time.perf_counter() - begun) / len(images))


def _keras_predict(network: keras.Model) -> Predict:
    def predict(images: Pixels) -> Probabilities:
        return np.asarray(network.predict_on_batch(images.astype(np.float32)))

    return predict


def _write_onnx(bundle: Bundle, out: Path, calibration: Pixels | None) -> None:
    if calibration is None:
        out.write_bytes(bundle.graph)
        return
    import onnx
    import onnxruntime
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    silence_onnxruntime(onnxruntime)

    images = np.broadcast_to(calibration, (*calibration.shape[:3], 3))
    with tempfile.TemporaryDirectory() as folder:
        given, fused = Path(folder) / "given.onnx", Path(folder) / "fused.onnx"
        given.write_bytes(bundle.graph)
        quant_pre_process(given, fused, skip_symbolic_shape=True)
        # of the network alone: what comes before it has them in its branches
        weighted = ["Conv", "Gemm", "MatMul"]
        # whose filters nearly cancel: with them in whole numbers the mean difference was five times
        # as large
        exact = [node.name for node in onnx.load(fused).graph.node if "/whitening" in node.name]
        quantization.quantize_static(
            fused,
            out,
            _Calibration(images),
            per_channel=True,
            reduce_range=True,  # processors without VNNI would overflow: weights of 7 bits
            op_types_to_quantize=weighted,
            nodes_to_exclude=exact,
        )


class _Calibration:
    """Images one after the other, as ONNX Runtime asks for them."""

    def __init__(self, images: Pixels) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Pixels] | None:
        image = next(self._images, None)
        return None if image is None else {IMAGES: image[np.newaxis]}

    def __iter__(self) -> Iterator[dict[str, Pixels]]:
        return iter(self.get_next, None)


def _load_onnx(path: Path) -> Predict:
    session = open_session(path.read_bytes(), cores(), str(path))

    def predict(images: Pixels) -> Probabilities:
        coloured = np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))
        found: Probabilities = session.run([PROBABILITIES], {IMAGES: coloured})[0]
        return found

    return predict


def _write_saved_model(bundle: Bundle, out: Path, calibration: Pixels | None) -> None:
    from convladder.models.portable import plain

    del calibration
    plain(network_of(bundle)).export(out, format="tf_saved_model", verbose=False)


def _load_saved_model(path: Path) -> Predict:
    from convladder.deploy import tensorflow

    return tensorflow.load_saved_model(path)


def _write_litert(bundle: Bundle, out: Path, calibration: Pixels | None) -> None:
    from convladder.deploy import tensorflow

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        _write_saved_model(bundle, saved, None)
        out.write_bytes(tensorflow.to_litert(saved, calibration))


def _load_litert(path: Path) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(images: Pixels) -> Probabilities:
        interpreter.resize_tensor_input(given["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images.astype(np.float32))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(found["index"]))

    return predict


def _write_keras(bundle: Bundle, out: Path, calibration: Pixels | None) -> None:
    del calibration
    from convladder.models.portable import plain

    plain(network_of(bundle)).save(out)


def _load_keras(path: Path) -> Predict:
    import keras

    return _keras_predict(keras.saving.load_model(path))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return (
        sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        if path.is_dir()
        else path.stat().st_size
    )


RUNTIMES = {
    "onnx": Runtime(_write_onnx, _load_onnx),
    "litert": Runtime(_write_litert, _load_litert),
    "savedmodel": Runtime(_write_saved_model, _load_saved_model),
    "keras": Runtime(_write_keras, _load_keras),
}
