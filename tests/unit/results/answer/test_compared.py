"""What a comparison's page says first: its title, the group to use, and how sure that is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from convladder.results.answer import of_comparison, plain
from convladder.results.comparison import RunComparison
from made_runs import make_run, share_right

IMAGES = 400


def make_groups(folder: Path, seeds: int = 4, **shares: float) -> list[Path]:
    """Write runs of groups that are right on these shares of the test images."""
    for place, (name, share) in enumerate(shares.items()):
        for seed in range(seeds):
            make_run(
                folder / name / f"seed-{seed}",
                rung=name,
                seed=seed,
                right=share_right(share, IMAGES, seed + 10 * place),
                changes={"train.learning_rate": 0.001 + place / 1000},
            )
    return [folder / name for name in shares]


def set_validation(group: Path, accuracy: float) -> None:
    for path in group.glob("*/metrics.json"):
        figures = json.loads(path.read_text())
        figures["validation"]["accuracy"] = accuracy
        path.write_text(json.dumps(figures))


@pytest.mark.parametrize(
    ("shares", "margin", "title"),
    [
        ({"a": 0.5, "b": 0.9}, None, r"b is better than a by \d\S* points"),
        ({"a": 0.9, "b": 0.5}, None, r"b is worse than a by \d\S* points"),
        ({"a": 0.7, "b": 0.7}, None, "No difference between b and a is shown"),
        ({"a": 0.7, "b": 0.7}, 30, r"b and a are equal within ±30 points"),
        ({"a": 0.5, "b": 0.9, "c": 0.95}, None, "b and c are better than a"),
        ({"a": 0.7, "b": 0.9, "c": 0.4}, None, "b is better than a, c is worse"),
        ({"a": 0.9, "b": 0.9, "c": 0.4}, None, "c is worse than a"),
        ({"a": 0.7, "b": 0.7, "c": 0.7}, None, "No difference from a is shown"),
        ({"a": 0.7, "b": 0.7, "c": 0.7}, 30, "b and c are equal to a within ±30 points"),
    ],
)
def test_the_title_says_what_was_found(
    tmp_path: Path, shares: dict[str, float], margin: float | None, title: str
) -> None:
    compared = RunComparison(make_groups(tmp_path, **shares), margin)
    of_all = f"{title} on the same 400 test images(; b is undecided)?\\."
    assert re.fullmatch(of_all, of_comparison(compared).title)


def test_what_is_undecided_is_named_after_what_is_not(tmp_path: Path) -> None:
    compared = RunComparison(make_groups(tmp_path, a=0.9, b=0.9, c=0.4))
    title = of_comparison(compared).title
    assert title == "c is worse than a on the same 400 test images; b is undecided."


def test_groups_with_one_seed_are_not_compared(tmp_path: Path) -> None:
    first, second = make_groups(tmp_path, a=0.5, b=0.9)
    answer = of_comparison(RunComparison([first, second / "seed-0"]))
    assert answer.title == "b and a cannot be compared: one of them has one seed only."
    assert "at least three seeds" in plain(*answer.cards[1].sentences)


def test_single_networks_are_no_techniques(tmp_path: Path) -> None:
    first, second = make_groups(tmp_path, seeds=1, a=0.5, b=0.9)
    answer = of_comparison(RunComparison([first, second]))
    assert answer.title.startswith("b is better than a by ")
    assert "these trained networks only" in plain(*answer.cards[1].sentences)


def test_the_best_on_validation_is_used(tmp_path: Path) -> None:
    first, second = make_groups(tmp_path, a=0.72, b=0.7)
    set_validation(first, 0.6)
    set_validation(second, 0.7)
    answer = of_comparison(RunComparison([first, second]))
    assert answer.cards[0].heading == "Use: b"
    said = plain(*answer.cards[0].sentences)
    assert "Chosen because it is best on validation (70.0 %)." in said
    assert "a did better on test" in said
    assert answer.cards[0].command is not None


def test_what_is_shown_to_be_worse_is_not_used(tmp_path: Path) -> None:
    first, second = make_groups(tmp_path, a=0.5, b=0.9)
    set_validation(first, 0.9)
    set_validation(second, 0.7)
    answer = of_comparison(RunComparison([first, second]))
    assert answer.cards[0].heading == "Use: b"
    assert "a is best on validation (90.0 %), but shown to be worse on test." in plain(
        *answer.cards[0].sentences
    )
