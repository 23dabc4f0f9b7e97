"""Train one trial from the command line, and tell what came out and how fast it was after the first
epoch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import command
import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
asked, options = parser.parse_known_args()
with tempfile.TemporaryDirectory() as temporary:
    out = Path(temporary) / "run"
    command.run("train", asked.folder, out, options)
    images = command.count_trained(out / "experiment.json")
    history = pd.read_csv(out / "history.csv")
    metrics = json.loads((out / "metrics.json").read_text())
speed = images / history["train_seconds"].iloc[1:].median() if len(history) > 1 else None
figures = {
    "images": images,
    "parameters": metrics["price"]["parameters"],
    "epochs": len(history),
    "accuracy": metrics["test"]["accuracy"],
    "images_per_second": speed,
}
print(json.dumps(figures))
