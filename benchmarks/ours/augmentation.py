"""Train with each augmentation of the classic ladder alone, and tell how fast each was."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from convladder.core.ladder import load_ladder
from convladder.core.settings.data import Data
from convladder.data.loading import load
from convladder.experiments.preview import measure_cost
from convladder.training.fit import fit

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
parser.add_argument("--images", type=int)
parser.add_argument("--kinds", type=lambda text: text.split(","))
parser.add_argument("--epochs", type=int, default=3)
asked = parser.parse_args()
dataset = load(Data(source=asked.folder, on_leak="keep"))
train = np.random.default_rng(0).permutation(np.sort(dataset.splits.train))[: asked.images]
few = dataset.splits.validation[:32]
dataset = replace(dataset, splits=replace(dataset.splits, train=train, validation=few))
ladder = load_ladder("classic")
plain = ladder.experiment("dropout-conv").replace({"train.epochs": asked.epochs})
amounts = ladder.rung("augmentation").change
speeds = {}
for kind in ("none", *asked.kinds):
    changes = {key: amount for key, amount in amounts.items() if key.endswith(f".{kind}")}
    history = fit(plain.replace(changes), dataset).history
    seconds = history["train_seconds"].iloc[1:] if asked.epochs > 1 else history["train_seconds"]
    speeds[kind] = len(train) / float(seconds.median())
parameters = measure_cost(plain, dataset.bank.form.shape, len(dataset.class_names)).parameters
print(
    json.dumps({"images": len(train), "parameters": parameters, "epochs": len(history), **speeds})
)
