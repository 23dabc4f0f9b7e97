"""What the settings of a network say before it is built, by arithmetic alone: no Keras here."""

from __future__ import annotations

from itertools import zip_longest

from convladder.core.errors import ExperimentError
from convladder.core.settings.model import Model
from convladder.models import catalog, variants

POOL = 2
PATCH = 2  # pixels to a side that a whitening first layer looks at


def smallest_side(settings: Model) -> int:
    """Return the least height and width that leave one pixel after the last pooling."""
    if settings.architecture != catalog.OWN:
        return variants.find(settings.architecture).least_side
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
        if settings.architecture != catalog.OWN:
            raise ExperimentError(
                f"images of {height}x{width} are too small for {settings.architecture}: the "
                f"smallest size is {smallest}x{smallest} (--image-size {smallest})"
            )
        raise ExperimentError(
            f"images of {height}x{width} are too small for {len(settings.filters)} convolutions of "
            f"{settings.kernel_size}x{settings.kernel_size} with {settings.padding} padding: "
            f"the smallest size is {smallest}x{smallest} (--image-size {smallest})"
        )


def check_channels(settings: Model, channels: int) -> None:
    """Raise ExperimentError where images have colours and the layers are made for grey ones."""
    if settings.channels == 1 and channels != 1:
        raise ExperimentError(
            "the backbone was trained on grey images, but these have colours: give --set "
            "data.channels=1"
        )


# docs/decisions/030-flops-count-two-for-a-multiply-accumulate.md
def count_flops(settings: Model, shape: tuple[int, int, int], classes: int) -> int:
    """Return the FLOPs for one image `(height, width, channels)`, as `cost.measure` counts.

    Of a network of keras.applications this is an estimate, from its FLOPs at another size.
    """
    height, width, channels = shape
    if settings.architecture != catalog.OWN:
        return variants.find(settings.architecture).estimate_flops(height, width)
    channels = settings.channels or channels
    flops = height * width * channels * (1 if settings.preprocessing == "unit" else 2)
    lost = settings.kernel_size - 1 if settings.padding == "valid" else 0
    if settings.whitening:
        seen, channels = PATCH**2 * channels, 2 * PATCH**2 * channels
        flops += height * width * channels * (2 * seen + 1)
    normalized = 2 if settings.batch_norm else 0
    for filters, blocks in zip_longest(settings.filters, settings.residual, fillvalue=0):
        height, width = height - lost, width - lost
        products = settings.kernel_size**2 * channels
        # with bias and ReLU
        flops += height * width * filters * (2 * products + 1 + normalized + 1)
        height, width, channels = height // POOL, width // POOL, filters
        values = height * width * channels
        flops += values * POOL**2
        excited = _excited(values, channels, settings.squeeze) if settings.squeeze else 0
        # two ReLU, and the sum
        block = 2 * values * (2 * 9 * channels + 1 + normalized) + 3 * values + excited
        flops += excited * (not settings.residual) + blocks * block
    inputs = height * width * channels
    if settings.head == "average":
        flops, inputs = flops + inputs, channels
    for units in settings.dense:
        flops += units * (2 * inputs + 1 + 1)
        inputs = units
    return flops + classes * (2 * inputs + 1)


def _excited(values: int, channels: int, ratio: int) -> int:
    """Return the FLOPs of squeeze and excitation: means, two dense layers, and weighing."""
    units = max(1, channels // ratio)
    return values + units * (2 * channels + 2) + channels * (2 * units + 1 + 1) + values
