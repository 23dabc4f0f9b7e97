"""Variants of the networks of keras.applications by name: other widths, other weights.

`MobileNetV2@0.35` has 0.35 of the channels of MobileNetV2. `MobileNetV2@0.35-96` is the same
network with the weights that were trained on images of 96x96. Without a size they are those that
Keras takes where it is told none, which were trained on 224x224.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from convladder.core.errors import ExperimentError
from convladder.core.formatting import unknown_name
from convladder.models.catalog import FAMILIES, OWN, Family

USUAL_SIDE = 224
MINIMALISTIC = "minimalistic"  # without squeeze and excitation, and with ReLU alone

# what Keras has weights of: a width or kind, and its parameters and FLOPs as `Family` counts them
_VARIANTS: dict[str, dict[str, tuple[float, float]]] = {
    "MobileNet": {"0.25": (0.219, 1.73), "0.5": (0.83, 6.14), "0.75": (1.83, 13.2)},
    "MobileNetV2": {
        "0.35": (0.41, 2.53),
        "0.5": (0.706, 4.1),
        "0.75": (1.38, 8.73),
        "1.3": (3.77, 20.9),
        "1.4": (4.36, 23.9),
    },
    "MobileNetV3Large": {"0.75": (1.81, 6.5), MINIMALISTIC: (1.44, 8.5)},
    "MobileNetV3Small": {"0.75": (0.583, 1.84), MINIMALISTIC: (0.441, 2.11)},
}
# pixels to a side of the images that there are weights of, beside the usual
_OTHER_SIDES = {"MobileNet": (128, 160, 192), "MobileNetV2": (96, 128, 160, 192)}


@dataclass(frozen=True)
class Variant:
    """What the name of a network's weights says.

    function : of keras.applications, with `arguments`. side : of the images that the weights were
        trained on, where there are weights of several; else none.
    """

    architecture: str
    function: str
    arguments: Mapping[str, Any]
    side: int | None


def _networks() -> dict[str, Family]:
    """Return the networks of keras.applications, each followed by its variants."""
    found = {}
    for function, family in FAMILIES.items():
        found[function] = family
        for kind, (parameters, flops) in _VARIANTS.get(function, {}).items():
            found[f"{function}@{kind}"] = replace(family, parameters=parameters, flops=flops)
    return found


NETWORKS = _networks()
# docs/decisions/101-a-variants-name-says-which-weights.md
# the names of all weights that Keras has: `NETWORKS`, and those with a size
PUBLISHED: tuple[str, ...] = tuple(
    name + side
    for name in NETWORKS
    for side in ("", *(f"-{each}" for each in _OTHER_SIDES.get(name.partition("@")[0], ())))
)


def find(name: str) -> Family:
    """Return what is known of a network of keras.applications. Raises ExperimentError."""
    if name not in NETWORKS:
        raise ExperimentError(unknown(name, [OWN, *NETWORKS], "model.architecture"))
    return NETWORKS[name]


def parse(name: str) -> Variant:
    """Return what a name says that is one of `PUBLISHED`."""
    architecture, _, size = name.partition("-")
    function, _, kind = architecture.partition("@")
    arguments: dict[str, Any] = {}
    if kind:
        arguments = {MINIMALISTIC: True} if kind == MINIMALISTIC else {"alpha": float(kind)}
    usual = USUAL_SIDE if function in _OTHER_SIDES else None
    return Variant(architecture, function, arguments, int(size) if size else usual)


def unknown(name: str, valid: Collection[str], what: str) -> str:
    """Say that a name is none of the valid ones, with that which is meant, or the nearest."""
    short = _short(name).casefold()
    named = {each.casefold(): each for each in valid}
    meant = [named[each] for each in (short, short.partition("-")[0]) if each in named]
    families = [each for each in valid if each == OWN or each in FAMILIES]
    return unknown_name(name, meant[:1] or valid, what, families)


def _short(name: str) -> str:
    """Return a name without what is usual: of `MobileNet@1.0-224` that is `MobileNet`."""
    network, _, side = name.partition("-")
    function, _, kind = network.partition("@")
    with contextlib.suppress(ValueError):
        kind = f"{float(kind):g}"
    of_kind = f"@{kind}" if kind not in ("", "1") else ""
    return function + of_kind + (f"-{side}" if side not in ("", str(USUAL_SIDE)) else "")
