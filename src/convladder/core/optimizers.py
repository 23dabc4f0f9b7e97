"""The optimizers that `train.optimizer` may name: a new one is a line here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimizer:
    """An optimizer of Keras.

    keras : its class in `keras.optimizers`. settings : what it takes of `train`, beside the
    learning rate, under the same names in Keras.
    """

    name: str
    keras: str
    settings: tuple[str, ...] = ()


OPTIMIZERS = {
    each.name: each
    for each in (
        Optimizer("adam", "Adam"),
        Optimizer("adamw", "Adam", ("weight_decay",)),  # Keras's Adam is AdamW where weights decay
        Optimizer("sgd", "SGD", ("momentum", "nesterov", "weight_decay")),
    )
}
SETTINGS = tuple(dict.fromkeys(name for each in OPTIMIZERS.values() for name in each.settings))


def takers(setting: str) -> str:
    """Name the optimizers that take a setting.

    >>> takers("weight_decay")
    'adamw and sgd'
    """
    return " and ".join(name for name, each in OPTIMIZERS.items() if setting in each.settings)


def refusal(name: str, given: Iterable[str]) -> str:
    """Say which of the given settings an optimizer does not take; nothing where it takes all.

    >>> refusal("adam", ["momentum"])
    'momentum is for optimizer sgd; got adam'
    """
    refused = [each for each in given if each not in OPTIMIZERS[name].settings]
    return f"{refused[0]} is for optimizer {takers(refused[0])}; got {name}" if refused else ""
