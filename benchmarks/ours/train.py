"""Train one trial from the command line, and tell what came out and how fast it was after the first epoch."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
asked, options = parser.parse_known_args()
with tempfile.TemporaryDirectory() as temporary:
    out = Path(temporary) / "run"
    command = [sys.executable, "-m", "convladder", "train", asked.folder, "--quiet", "--on-leak", "keep"]
    subprocess.run([*command, "--out", str(out), *options], check=True, stdout=sys.stderr)
    history = pd.read_csv(out / "history.csv")
    about = json.loads((out / "experiment.json").read_text())
    metrics = json.loads((out / "metrics.json").read_text())
images = sum(about["data"]["counts"]["train"].values())
figures = {
    "images": images,
    "parameters": metrics["price"]["parameters"],
    "epochs": len(history),
    "accuracy": metrics["test"]["accuracy"],
    "images_per_second": images / history["train_seconds"].iloc[1:].median(),
}
print(json.dumps(figures))
