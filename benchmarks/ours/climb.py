"""Climb one rung from the command line, and tell what came out."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import command
import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
parser.add_argument("--out", type=Path, help="keep the climb there")
asked, options = parser.parse_known_args()
with tempfile.TemporaryDirectory() as temporary:
    out = asked.out or Path(temporary) / "climb"
    command.run("climb", asked.folder, out, options)
    trials = pd.read_csv(out / "results.csv")
    figures = {
        "images": command.count_trained(out / "climb.json"),
        "parameters": int(trials["parameters"].iloc[0]),
        "epochs": len(pd.read_csv(next(out.glob("trials/*/seed-*/history.csv")))),
        "accuracy": float(trials["test_accuracy"].mean()),
    }
print(json.dumps(figures))
