"""The example beside each export: a few lines that load it and predict an image, without convladder."""

from __future__ import annotations

from convladder.bundle.schema import Form

_HEAD = '''"""Predict an image:  python example.py cat.jpg     needs  pip install {needs} pillow"""

import json
import sys
from pathlib import Path

import numpy as np
{imports}
from PIL import Image, ImageOps

here = Path(__file__).parent
image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")
'''
_TAIL = """
names = json.loads((here / "classes.json").read_text())
print(names[probabilities.argmax()], probabilities.max())
"""
_BODIES = {
    "onnx": """
model = onnxruntime.InferenceSession(here / "model.onnx")  # it takes images of any size
probabilities = model.run(None, {"images": np.asarray(image)[None]})[0][0]
""",
    "litert": """
model = Interpreter(str(here / "model.tflite"))
model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]["index"], pixels[None])
model.invoke()
probabilities = model.get_tensor(model.get_output_details()[0]["index"])[0]
""",
    "savedmodel": """
model = tf.saved_model.load(here / "model")
probabilities = model.serve(pixels[None]).numpy()[0]
""",
    "keras": """
model = keras.saving.load_model(here / "model.keras")
probabilities = model.predict(pixels[None], verbose=0)[0]
""",
}
_SILENT = 'import os\nos.environ["ORT_DISABLE_TELEMETRY"] = "1"  # without it ONNX Runtime reports to its maker'
_IMPORTS = {
    "onnx": ("onnxruntime", f"{_SILENT}\nimport onnxruntime"),
    "litert": ("ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter"),
    "savedmodel": ("tensorflow", "import tensorflow as tf"),
    "keras": ("keras tensorflow", "import keras"),
}
_FITTED = {
    "pad": "ImageOps.pad(image, ({width}, {height}), Image.Resampling.BILINEAR, color={background})",
    "crop": "ImageOps.fit(image, ({width}, {height}), Image.Resampling.BILINEAR)",
    "stretch": "image.resize(({width}, {height}), Image.Resampling.BILINEAR)",
}


def example(kind: str, form: Form) -> str:
    """Return a program of a few lines that loads an export of this format and predicts an image."""
    needs, imports = _IMPORTS[kind]
    grey = form.channels == 1
    mode = "L" if grey and kind != "onnx" else "RGB"
    text = _HEAD.format(needs=needs, imports=imports, mode=mode)
    if kind != "onnx":
        background = form.background if grey else (form.background,) * 3
        fitted = _FITTED[form.resize].format(width=form.width, height=form.height, background=background)
        text += f"pixels = np.float32({fitted}){'[..., None]' if grey else ''}\n"
    return text + _BODIES[kind] + _TAIL
