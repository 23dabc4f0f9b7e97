"""The optimizer of an experiment, and how its learning rate changes from step to step."""

from __future__ import annotations

from typing import Any, assert_never

import keras

from convladder.core.optimizers import OPTIMIZERS
from convladder.core.settings.train import Train

# Loshchilov and Hutter decay all; biases and scales are better left
NOT_DECAYED = ["bias", "gamma", "beta"]


class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule for an optimizer that begins after so many of its steps, times a factor."""

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int, factor: float
    ) -> None:
        super().__init__()
        self._schedule, self._steps, self._factor = schedule, steps, factor

    def __call__(self, step: Any) -> Any:
        return self._factor * self._schedule(step + self._steps)


def build(
    settings: Train, steps: int, *, after: int = 0, factor: float = 1.0
) -> keras.optimizers.Optimizer:
    """Return the optimizer for a training of so many steps an epoch.

    Where weights are averaged, it keeps their moving average (Polyak and Juditsky 1992).

    Parameters
    ----------
    after
        How many epochs were trained before, with another: schedules count them. What that kept of
        gradients is not taken over: Adam allows for how long it has kept it, and takes steps that
        are three times too large where that and what it keeps disagree.
    factor
        What the learning rate is multiplied by.
    """
    rate = _rate(settings, settings.epochs * steps)
    if isinstance(rate, float):
        rate *= factor
    elif after or factor != 1:
        rate = Later(rate, after * steps, factor)
    kind = OPTIMIZERS[settings.optimizer]
    given: dict[str, Any] = {name: getattr(settings, name) for name in kind.settings}
    given = {name: value for name, value in given.items() if value}
    if settings.average_epochs:
        given |= {"use_ema": True, "ema_momentum": _momentum(settings.average_epochs, steps)}
    optimizer = getattr(keras.optimizers, kind.keras)(rate, **given)
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer


# docs/decisions/042-averaged-weights-are-kept-by-keras-optimizer.md
def _momentum(epochs: float, steps: int) -> float:
    """Return the momentum of a moving average whose mean age is so many epochs."""
    return 1 - 1 / max(1.0, epochs * steps)


def _rate(settings: Train, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate, or its schedule over the steps (Loshchilov and Hutter 2016)."""
    match settings.schedule:
        case "constant":
            return settings.learning_rate
        case "cosine":
            return _cosine(settings, steps)
        case unknown:
            assert_never(unknown)


def _cosine(settings: Train, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    rising = min(round(settings.warmup * steps), steps - 1)
    if not rising:
        return keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / rising,
        steps - rising,
        warmup_target=settings.learning_rate,
        warmup_steps=rising,
    )
