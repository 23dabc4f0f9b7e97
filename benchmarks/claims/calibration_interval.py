"""How often does the interval of the calibration error hold the truth? Beside it the usual
percentile bootstrap.

    python benchmarks/claims/calibration_interval.py [SAMPLES]

The networks have logits that are too sure by a planted temperature; at temperature 1 they are
calibrated, and the truth is 0. Else it is the error on two million images.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scipy.special import softmax

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from convladder.evaluation import calibration
from planted_logits import plant

TEMPERATURES = (1.0, 1.2, 1.5, 2.0, 3.0)
IMAGES = (300, 2000)


def measure(temperature: float, images: int, seed: int) -> calibration.CalibrationError:
    """Return the calibration error of one planted network, with its interval."""
    logits, labels = plant(temperature, images, seed)
    return calibration.calibration_error(softmax(logits, axis=1), labels)


def percentile(found: calibration.CalibrationError) -> tuple[float, float]:
    """Return the percentile bootstrap's interval, which the shown one mirrors at the estimate."""
    low = 2 * found.error - found.high if found.shown else 0.0
    return max(0.0, low), max(0.0, 2 * found.error - found.low)


def main(samples: int = 150) -> None:
    print(f"{samples} samples each; share of intervals that hold the truth, of 95 % meant")
    print("temperature  images   truth   ours  percentile")
    for temperature in TEMPERATURES:
        truth = 0.0 if temperature == 1 else measure(temperature, 2_000_000, seed=samples).error
        for images in IMAGES:
            ours = usual = 0
            for seed in range(samples):
                found = measure(temperature, images, seed)
                low, high = percentile(found)
                ours += found.low <= truth <= found.high
                usual += low <= truth <= high
            print(
                f"{temperature:11}  {images:6}  {truth:.4f}  {ours / samples:5.0%}  "
                f"{usual / samples:9.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
