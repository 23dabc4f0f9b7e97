"""The example beside each export: it loads the export and predicts image files, without convladder.

Its rules are the product's own: the folder `decoder` reads files (see `standalone_decoder`),
`export.json` has the form of images, the classes, the threshold below which an answer is *unsure*,
and the probability from which on a class is in the prediction set. One with a warning is unsure
too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convladder.results.bundle.schema import Contents

FORMAT = 1  # of export.json

_HEAD = '''"""Predict image files:  python example.py cat.jpg dog.png
Needs:  pip install {needs} numpy pillow

It reads files by the rules of training (folder decoder). It says `unsure` below the threshold
(export.json), and of a picture that does not fit the training images. In export.json,
`threshold_basis` is `guaranteed` where the threshold gives the accuracy wanted in 95 of 100
networks, and `as-seen` where it gave it on validation, without a guarantee. Classes in brackets are
the prediction set: the true class is among these in so many percent of images like the test images.
"""

import json
{first}import sys
from pathlib import Path
{before}
import numpy as np
{imports}

from decoder.errors import UnreadableImage
from decoder.file_bytes import read_file
from decoder.image_form import ImageForm, Limits
from decoder.images import open_picture
from decoder.picture import fit

here = Path(__file__).parent
export = json.loads((here / "export.json").read_text("utf-8"))
form, limits = ImageForm.read(export["form"]), Limits(**export["limits"])
'''
_TAIL = '''

def answer(content):
    """Say of an image file: class, probability, whether unsure, warning, possible classes."""
    picture = open_picture(content, form, limits)
    found = probabilities(fit(picture, form))
    best, threshold = found.argmax(), export["threshold"]
    low, warning = threshold is None or not found[best] >= threshold, picture.misfit(form)
    return export["classes"][best], found[best], low or bool(warning), warning, possible(found)


def possible(found):
    """Return the classes that an image may be of, the likeliest first; none without sets."""
    sets = export["prediction_sets"]
    if not sets or sets["least_probability"] is None:
        return []
    size = max(1, int((found >= np.float32(sets["least_probability"])).sum()))
    return [export["classes"][place] for place in np.argsort(-found, kind="stable")[:size]]


def among(classes):
    """Name the possible classes where there is more than one, the first four of many."""
    if len(classes) < 2:
        return ""
    named = classes if len(classes) < 6 else [*classes[:4], f"{len(classes) - 4:,} others"]
    share = f"{100 * export['prediction_sets']['wanted']:g} %"
    return f"  ({share}: {', '.join(named[:-1])} or {named[-1]})"


def main(paths):
    """Print a line for each file; return the exit status, 1 where one could not be read."""
    sys.stdout.reconfigure(errors="replace")
    failed, width = 0, min(60, max(map(len, paths), default=0))
    for path in paths:
        try:
            name, probability, unsure, warning, classes = answer(read_file(Path(path), limits))
            more = among(classes)
            more += "  unsure" * unsure + (f"  warning: {warning}" if warning else "")
            said = f"{name} {probability:.3f}{more}"
        except UnreadableImage as error:
            failed, said = 1, f"not read: {error}"
        print(f"{path:{width}}  {said}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
'''
_SILENT = (
    '\nos.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: it would report to its '
    "maker\n"
)


@dataclass(frozen=True)
class Example:
    """What the example of one format has of its own.

    needs : packages to install. imports, body : code. before : what comes before the imports.
    """

    needs: str
    imports: str
    body: str
    before: str = ""


EXAMPLES = {
    "onnx": Example(
        "onnxruntime",
        "import onnxruntime",
        '''model = onnxruntime.InferenceSession(here / "model.onnx")


def probabilities(pixels):
    """Return the probability of each class, of uint8 pixels (height, width, channels)."""
    coloured = np.broadcast_to(pixels, (*pixels.shape[:2], 3))  # grey images, too
    return model.run(None, {"images": np.ascontiguousarray(coloured[None])})[0][0]
''',
        _SILENT,
    ),
    "litert": Example(
        "ai-edge-litert",
        "from ai_edge_litert.interpreter import Interpreter",
        '''model = Interpreter(str(here / "model.tflite"))
model.allocate_tensors()
(given,), (found,) = model.get_input_details(), model.get_output_details()


def probabilities(pixels):
    """Return the probability of each class, of uint8 pixels (height, width, channels)."""
    model.set_tensor(given["index"], np.float32(pixels)[None])
    model.invoke()
    return model.get_tensor(found["index"])[0]
''',
    ),
    "savedmodel": Example(
        "tensorflow",
        "import tensorflow as tf",
        '''model = tf.saved_model.load(here / "model")


def probabilities(pixels):
    """Return the probability of each class, of uint8 pixels (height, width, channels)."""
    return model.serve(np.float32(pixels)[None]).numpy()[0]
''',
    ),
    "keras": Example(
        "keras tensorflow",
        "import keras",
        '''model = keras.saving.load_model(here / "model.keras")


def probabilities(pixels):
    """Return the probability of each class, of uint8 pixels (height, width, channels)."""
    return model.predict(np.float32(pixels)[None], verbose=0)[0]
''',
    ),
}


def example(kind: str) -> str:
    """Return a short program that loads an export of this format and predicts image files."""
    own = EXAMPLES[kind]
    first = "import os\n" if own.before else ""
    head = _HEAD.format(needs=own.needs, imports=own.imports, first=first, before=own.before)
    return head + own.body + _TAIL


def settings(contents: Contents) -> dict[str, Any]:
    """Return what `export.json` holds: all that the example needs beside the model.

    Probabilities are after the temperature already: it is part of every exported model.
    """
    return {
        "format": FORMAT,
        "classes": contents.class_names,
        "form": contents.form.model_dump(mode="json"),
        "limits": vars(contents.limits),
        "threshold": contents.selection.threshold,
        "threshold_basis": contents.selection.basis,
        "accuracy_wanted": contents.selection.wanted,
        "prediction_sets": contents.prediction_sets
        and contents.prediction_sets.model_dump(include={"wanted", "least_probability"}),
    }
