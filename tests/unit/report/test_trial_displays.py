"""What a person reads of trials that end, at a terminal and where there is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.live import Live

from convladder.core.tasks import Event, Failed, Finished, Halted, Message, Started, Validated
from convladder.report.trial_displays import Lively, Plain
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


def test_at_a_terminal_the_trials_that_have_ended_stay_above_what_runs() -> None:
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True, highlight=False)
    second, third = TrialKey("lenet5", 1), TrialKey("lenet5", 2)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        lively = Lively(live, console)
        lively.expect(dict.fromkeys((KEY, second, third), 1.0))
        for event in (
            Started(KEY), Started(second), Message(KEY, EPOCH), Message(second, EPOCH),
            Finished(KEY, KEPT), Halted(second), Failed(third, "no memory", ""),
        ):  # fmt: skip
            lively.follow(event)
    shown = text.getvalue().splitlines()
    said = [line for line in shown if "lenet5, seed" in line]
    assert [line[line.index("lenet5") :].split("\x1b")[0].rstrip() for line in said] == [
        "lenet5, seed 0: validation accuracy 0.800",
        "lenet5, seed 1: ended after epoch 3, at 0.800 on validation",
        "lenet5, seed 2, failed: no memory",
    ]
    assert "[1/3] " in said[0]
    assert "[2/3] " in said[1]
