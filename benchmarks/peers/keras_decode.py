"""Read a folder of images once with image_dataset_from_directory."""

from __future__ import annotations

import argparse
import json

import keras

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folders", nargs="+")
parser.add_argument("--size", type=int, required=True)
asked = parser.parse_args()
read = 0
for folder in asked.folders:
    dataset = keras.utils.image_dataset_from_directory(
        folder, image_size=(asked.size, asked.size), verbose=False, shuffle=False
    )
    for images, _ in dataset:
        read += len(images)
print(json.dumps({"images": read, "shape": images.shape[1:].as_list()}))
