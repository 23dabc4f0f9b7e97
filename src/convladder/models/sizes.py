"""What the settings of a network say before it is built, by arithmetic alone: no Keras here."""

from __future__ import annotations

from convladder.config import Model
from convladder.errors import ExperimentError

POOL = 2


def smallest_side(settings: Model) -> int:
    """Return the least height and width that leave one pixel after the last pooling."""
    side = 1
    for _ in settings.filters:
        side *= POOL
        if settings.padding == "valid":
            side += settings.kernel_size - 1
    return side


def check_size(settings: Model, height: int, width: int) -> None:
    """Raise ExperimentError where images are too small for so many convolutions and poolings."""
    smallest = smallest_side(settings)
    if min(height, width) < smallest:
        raise ExperimentError(
            f"images of {height}x{width} are too small for {len(settings.filters)} convolutions of "
            f"{settings.kernel_size}x{settings.kernel_size} with {settings.padding} padding: "
            f"the smallest size is {smallest}x{smallest} (--image-size {smallest})"
        )


def count_flops(settings: Model, shape: tuple[int, int, int], classes: int) -> int:
    """Return the FLOPs for one image `(height, width, channels)`, as `cost.measure` counts a network's."""
    height, width, channels = shape
    flops = height * width * channels * (1 if settings.preprocessing == "unit" else 2)
    lost = settings.kernel_size - 1 if settings.padding == "valid" else 0
    for filters in settings.filters:
        height, width = height - lost, width - lost
        products = settings.kernel_size**2 * channels
        of_value = 2 * products + 1 + 1 + (2 if settings.batch_norm else 0)  # with bias and ReLU
        flops += height * width * filters * of_value
        height, width, channels = height // POOL, width // POOL, filters
        flops += height * width * channels * POOL**2
    inputs = height * width * channels
    for units in settings.dense:
        flops += units * (2 * inputs + 1 + 1)
        inputs = units
    return flops + classes * (2 * inputs + 1)
