"""Which commands make sense next, after a climb, a run, a search and a comparison."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convladder.core.ladder import Ladder, load_ladder
from convladder.results import commands, next_steps
from convladder.results.comparison import RunComparison
from convladder.results.folders import TrialKey, error_file, trial_folder
from convladder.results.saved_climb import SavedClimb
from made_runs import make_climb, make_run, share_right

RUNGS = ("lenet5", "max-pooling")
PAIR = load_ladder("classic").part(RUNGS)
Runs = Mapping[TrialKey, Any]


def climb_of(folder: Path, runs: Runs, command: str, ladder: Ladder = PAIR) -> SavedClimb:
    make_climb(folder, runs, ladder)
    about = json.loads((folder / "climb.json").read_text())
    about["environment"] |= {"command": command, "jobs": 1}
    (folder / "climb.json").write_text(json.dumps(about))
    return SavedClimb(folder)


def runs_of(shares: Sequence[float], seeds: int, images: int = 100, spread: float = 0.0) -> Runs:
    """Return trials whose accuracies are these; seeds scatter by the spread, up and down."""
    return {
        TrialKey(rung, seed): share_right(share + spread * (-1) ** seed, images, 10 * number + seed)
        for number, (rung, share) in enumerate(zip(RUNGS, shares, strict=True))
        for seed in range(seeds)
    }


def commands_of(steps: Sequence[next_steps.NextStep]) -> list[list[str]]:
    return [shlex.split(step.command) for step in steps]


def test_a_decided_climb_leads_to_its_best_network(tmp_path: Path) -> None:
    climb = climb_of(tmp_path / "my climb", runs_of((0.4, 0.95), 5, 500), "convladder climb pets")
    assert climb.against_parent[0].difference.verdict == "better"
    run = str(climb.shown.folder)
    assert commands_of(next_steps.of_climb(climb)) == [
        ["convladder", "explain", run],
        ["convladder", "bundle", run, "-o", f"pets-{climb.best}.convladder"],
    ]
    assert f"'{run}'" in next_steps.of_climb(climb)[0].command, "its path has a space"


def test_more_seeds_are_the_same_command_in_the_same_folder(tmp_path: Path) -> None:
    command = "convladder climb pets --time 2h --epochs 5 --out elsewhere --json -q"
    climb = climb_of(tmp_path, runs_of((0.6, 0.64), 4, 2000, 0.03), command)
    needed = climb.against_parent[0].difference.seeds_needed
    first, *others = next_steps.of_climb(climb)
    assert first.command == commands.written(
        *["climb", "pets", "--epochs", 5, "--seeds", needed, "--out", tmp_path]
    )
    assert first.why.startswith("more seeds may decide max-pooling (about ")
    assert [words[1] for words in commands_of(others)] == ["explain", "bundle"]


def test_folds_are_a_new_climb(tmp_path: Path) -> None:
    """Seeds hardly differ, and the images are few; they have no test split of their own."""
    draw = np.random.default_rng(0)
    runs = {}
    for rung, share in zip(RUNGS, (0.68, 0.77), strict=True):
        right = draw.permutation(150) < share * 150
        for seed in range(5):
            runs[TrialKey(rung, seed)] = right ^ share_right(0.01, 150, seed)
    climb_of(tmp_path, runs, "convladder climb pets --seeds 5 --out first")
    about = json.loads((tmp_path / "climb.json").read_text())
    counts = {"train": {"cat": 925, "dog": 925}, "test": {"cat": 75, "dog": 75}}
    about["data"] |= {"own_splits": ["train"], "counts": counts}
    (tmp_path / "climb.json").write_text(json.dumps(about))
    first, *_ = next_steps.of_climb(SavedClimb(tmp_path))
    assert first.command == "convladder climb pets --folds 5"
    assert first.why.startswith("cross-validation may decide max-pooling (about ")


@pytest.mark.parametrize("command", ["(in a notebook)", "python mine.py", "", "unclosed '"])
def test_where_no_command_is_known_a_plan_says_what_would_decide(
    tmp_path: Path, command: str
) -> None:
    climb = climb_of(tmp_path, runs_of((0.6, 0.64), 4, 2000, 0.03), command)
    first, *_ = next_steps.of_climb(climb)
    assert first.command == f"convladder plan {tmp_path}"


def test_one_seed_leads_to_more_and_to_no_best(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, runs_of((0.6, 0.9), 1), "convladder climb pets --seeds 1")
    (step,) = next_steps.of_climb(climb)
    assert step.command == f"convladder climb pets --seeds 3 --out {tmp_path}"


def test_missing_and_failed_trials_come_first(tmp_path: Path) -> None:
    missing = {TrialKey("max-pooling", seed): () for seed in (3, 4)}
    climb_of(tmp_path, runs_of((0.6, 0.6), 3) | missing, "convladder climb pets --fresh")
    error_file(trial_folder(tmp_path, TrialKey("max-pooling", 4))).write_text("out of memory\n")
    step, *others = next_steps.of_climb(SavedClimb(tmp_path))
    assert step.command == f"convladder climb pets --out {tmp_path}"
    assert step.why == "finishes the climb: 1 trial missing and 1 trial failed"
    assert [words[1] for words in commands_of(others)] == ["explain", "bundle"]


def test_a_climb_of_one_rung_is_used(tmp_path: Path) -> None:
    one = load_ladder("classic").part(["lenet5"])
    runs = {TrialKey("lenet5", 0): share_right(0.6, 50, 0)}
    climb = climb_of(tmp_path, runs, "convladder climb pets", one)
    assert [words[1] for words in commands_of(next_steps.of_climb(climb))] == ["explain", "bundle"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("path/to/my pets.zip", "my-pets-lenet5.convladder"),
        ("hf:user/beans", "beans-lenet5.convladder"),
        ("..", "lenet5.convladder"),
        ("Blüten", "Blüten-lenet5.convladder"),
    ],
)
def test_a_bundle_is_named_by_images_and_rung(tmp_path: Path, source: str, name: str) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.5, 20, 0), source=source)
    assert next_steps.bundle_name(run) == name


def search_of(folder: Path, test: SavedClimb | None, **about: Any) -> Any:
    environment = {"command": "convladder tune pets --time 30m --fresh"}
    return SimpleNamespace(
        folder=folder,
        about={"environment": environment, "exhausted": False} | about,
        found=4 if test is not None else None,
        climb=test,
        candidates=pd.DataFrame(index=range(30)),
    )


def test_a_search_that_found_nothing_goes_on(tmp_path: Path) -> None:
    (step,) = next_steps.of_search(search_of(tmp_path, None))
    assert step.command == f"convladder tune pets --trials 60 --out {tmp_path}"
    assert next_steps.of_search(search_of(tmp_path, None, exhausted=True)) == []


@pytest.mark.parametrize(
    ("shares", "verdict", "verbs", "used"),
    [
        ((0.4, 0.9), "better", ["explain", "bundle"], "max-pooling"),
        ((0.9, 0.4), "worse", ["explain", "bundle"], "lenet5"),
        ((0.6, 0.6), "undecided", ["plan", "explain", "bundle"], "max-pooling"),
    ],
)
def test_a_search_leads_to_what_it_found_unless_that_is_worse(
    tmp_path: Path, shares: tuple[float, float], verdict: str, verbs: list[str], used: str
) -> None:
    test = climb_of(tmp_path / "climb", runs_of(shares, 4, 500), "convladder tune pets")
    assert test.against_parent[0].difference.verdict == verdict
    steps = commands_of(next_steps.of_search(search_of(tmp_path, test)))
    assert [words[1] for words in steps] == verbs
    assert f"/{used}/" in steps[-1][2]


def test_a_search_whose_test_is_not_finished_is_resumed(tmp_path: Path) -> None:
    missing = {TrialKey("max-pooling", 3): ()}
    runs = runs_of((0.4, 0.9), 3) | missing
    test = climb_of(tmp_path / "climb", runs, "convladder tune pets")
    (step,) = next_steps.of_search(search_of(tmp_path, test))
    assert step.command == f"convladder tune pets --time 30m --out {tmp_path}"


def test_a_comparison_leads_to_the_best_on_validation(tmp_path: Path) -> None:
    for number, rung in enumerate(RUNGS):
        make_run(tmp_path / rung, rung=rung, seed=number, right=share_right(0.7, 50, number))
    metrics = tmp_path / "max-pooling" / "metrics.json"
    figures = json.loads(metrics.read_text())
    other = json.loads((tmp_path / "lenet5" / "metrics.json").read_text())
    other["validation"]["accuracy"] = figures["validation"]["accuracy"] / 2
    (tmp_path / "lenet5" / "metrics.json").write_text(json.dumps(other))
    compared = RunComparison([tmp_path / rung for rung in RUNGS])
    steps = commands_of(next_steps.of_comparison(compared))
    assert [words[2] for words in steps] == [str(tmp_path / "max-pooling")] * 2
