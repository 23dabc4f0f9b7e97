"""Decode a folder of images with Pillow in one process into one array, as users without a framework
do.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folders", type=Path, nargs="+")
parser.add_argument("--size", type=int, required=True)
asked = parser.parse_args()
paths = sorted(path for folder in asked.folders for path in folder.rglob("*.jpg"))
images = np.empty((len(paths), asked.size, asked.size, 3), np.uint8)
for row, path in enumerate(paths):
    with Image.open(path) as image:
        images[row] = np.asarray(
            image.convert("RGB").resize((asked.size, asked.size), Image.Resampling.BILINEAR)
        )
print(json.dumps({"images": len(images), "shape": images.shape[1:]}))
