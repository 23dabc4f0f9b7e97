"""Load a .keras file and predict with `model.predict`: one picture (--picture), or many images,
timed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from _harness import timed

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture")
asked = parser.parse_args()
model = keras.saving.load_model("made.keras")
if asked.picture:
    pixels = np.asarray(Image.open(asked.picture).convert("RGB"))
    names = json.loads(Path("classes.json").read_text())
    print(json.dumps({"class": names[model.predict(pixels[None], verbose=0)[0].argmax()]}))
else:
    timed.tell(
        np.load("images.npy"), lambda images: model.predict(images, batch_size=64, verbose=0)
    )
