"""Decode a folder of images into the bank, or find it there, and look at one."""

from __future__ import annotations

import argparse
import json

from convladder.core.settings.data import Data
from convladder.data.loading import load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
parser.add_argument("--size", type=int)
asked = parser.parse_args()
size = (asked.size, asked.size) if asked.size else None
copies = "exact" if asked.size else "near"  # the photographs here are parts of two
dataset = load(Data(source=asked.folder, image_size=size, on_leak="keep", copies=copies))
pixels = dataset.bank.images[dataset.bank.rows[dataset.splits.train[0]]]
print(json.dumps({"images": len(dataset.bank.records), "shape": pixels.shape}))
