"""Climb one rung from the command line, and tell what came out."""

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
parser.add_argument("--out", type=Path, help="keep the climb there")
asked, options = parser.parse_known_args()
with tempfile.TemporaryDirectory() as temporary:
    out = asked.out or Path(temporary) / "climb"
    command = [sys.executable, "-m", "convladder", "climb", asked.folder, "--quiet", "--on-leak", "keep"]
    subprocess.run([*command, "--out", str(out), *options], check=True, stdout=sys.stderr)
    trials = pd.read_csv(out / "results.csv")
    about = json.loads((out / "climb.json").read_text())
    first = next(out.glob("trials/*/seed-*/history.csv"))
    figures = {
        "images": about["data"]["counts"]["train"],
        "parameters": int(trials["parameters"].iloc[0]),
        "epochs": len(pd.read_csv(first)),
        "accuracy": float(trials["test_accuracy"].mean()),
    }
figures["images"] = sum(figures["images"].values())
print(json.dumps(figures))
