"""Predict test images with a bundle: one by one, and in batches."""

from __future__ import annotations

import numpy as np

import convladder as cl
from _harness import timed

images = np.load("images.npy")
predictor = cl.Predictor.open("made.convladder")
timed.tell(images, predictor.probabilities)
