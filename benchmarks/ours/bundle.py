"""Train a little, and leave what the programs of a row predict with: a bundle, a .keras file, and
test images.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import command
import numpy as np
from PIL import Image

from convladder.core.worker_pool import call
from convladder.deploy import runtimes

BUNDLE, KERAS, IMAGES, PICTURE, CLASSES = (
    Path("made.convladder"),
    Path("made.keras"),
    Path("images.npy"),
    Path("picture.jpg"),
    Path("classes.json"),
)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--images", type=int, default=1000)
asked, options = parser.parse_known_args()
if not BUNDLE.exists():
    with tempfile.TemporaryDirectory() as temporary:
        run = Path(temporary) / "run"
        command.run("train", str(asked.folder), run, options)
        command.run_plainly("bundle", str(run), "-o", str(BUNDLE))
    paths = sorted((asked.folder / "test").glob("*/*.jpg"))[: asked.images]
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    np.save(IMAGES, pixels)
    PICTURE.write_bytes(paths[0].read_bytes())
    CLASSES.write_text(json.dumps(sorted(path.name for path in (asked.folder / "test").iterdir())))
    call(runtimes.make, "keras", BUNDLE.absolute(), KERAS.absolute(), None, pixels[:64])
print(json.dumps({"bytes": BUNDLE.stat().st_size}))
