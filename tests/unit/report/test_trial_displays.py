"""What a person reads of trials that end, where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from convladder.core.tasks import Event, Finished, Halted, Message, Validated
from convladder.report.trial_displays import Plain
from convladder.results.folders import TrialKey

KEY = TrialKey("lenet5", 0)
KEPT = Validated(0.8, "accuracy")
EPOCH = {
    "epoch": 3.0,
    "epochs": 5.0,
    "val_accuracy": 0.7,
    "kept": 0.8,
    "images_per_second": 1.0,
}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [Message(KEY, EPOCH), Finished(KEY, KEPT)],
            "validation accuracy 0.800",
        ),
        ([Finished(KEY, KEPT)], "validation accuracy 0.800"),
        (
            [Finished(KEY, "the loss was not a number")],
            "cannot be trained: the loss was not a number",
        ),
        ([Message(KEY, EPOCH), Halted(KEY)], "ended after epoch 3, at 0.800 on validation"),
        ([Halted(KEY)], "ended"),
    ],
)
@pytest.mark.parametrize(("expected", "count"), [({KEY: 1.0}, "[1/1] "), ({}, "")])
def test_a_trial_that_ends_has_the_figure_that_counts(
    events: list[Event], said: str, expected: dict[TrialKey, float], count: str
) -> None:
    text = io.StringIO()
    plain = Plain(Console(file=text, width=200))
    plain.expect(expected)
    for event in events:
        plain.follow(event)
    assert text.getvalue().splitlines()[-1] == f"{count}lenet5, seed 0: {said}"
