"""A climb that looks at its results on the way: killed, resumed, given more seeds, out of time."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convladder as cl
from convladder.core import defaults, files
from convladder.core.errors import ExperimentError, RunError
from convladder.core.tasks import Event, Started
from convladder.evaluation import stopping
from convladder.experiments import climb_folder, looking

SMALL: dict[str, Any] = {
    "rungs": ["lenet5", "max-pooling"],
    "epochs": 1,
    "changes": {"model.filters": [4], "model.dense": [8]},
    "jobs": 1,
    "quiet": True,
}


@pytest.fixture(scope="module")
def images() -> cl.Dataset:
    return cl.load("digits", limit=160, changes={"data.classes": ["0", "1"]})


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    """Look at two, three and four seeds, and give up nothing: what is undecided goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(defaults, "LOOKS", (2, 3, 4))
        patch.setattr(stopping, "FUTILE", 0.0)
        yield patch


@pytest.fixture(scope="module")
def whole(
    images: cl.Dataset, patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> cl.Climb:
    del patch
    return cl.climb(images, out=tmp_path_factory.mktemp("looks") / "whole", **SMALL)


def looks_of(folder: Path) -> list[tuple[list[int], list[str] | None]]:
    about = files.read_json(folder / "climb.json")
    return [(look["seeds"], look["rungs"]) for look in about["looks"]]


def predictions_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("trials/*/*/predictions.csv"))
    }


def test_rungs_with_an_open_question_get_more_seeds(whole: cl.Climb) -> None:
    (claim,) = whole.against_parent
    expected = 4 if claim.difference.verdict == "undecided" else claim.difference.seeds
    assert whole.standings["lenet5"].estimate.seeds == expected == claim.difference.seeds
    assert looks_of(whole.folder)[0] == ([0, 1], ["lenet5", "max-pooling"])
    assert whole.missing == 0


def test_a_climb_killed_at_a_look_decides_the_same_afterwards(
    whole: cl.Climb, images: cl.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, calls = looking.decide, itertools.count()

    def killed(*arguments: Any) -> Any:
        if next(calls) == 1:
            raise RuntimeError("killed")
        return decide(*arguments)

    monkeypatch.setattr(looking, "decide", killed)
    folder = whole.folder.with_name("killed")
    with pytest.raises(RuntimeError, match="killed"):
        cl.climb(images, out=folder, **SMALL)
    again = cl.climb(images, out=folder, **SMALL)
    assert looks_of(folder) == looks_of(whole.folder)
    assert predictions_of(folder) == predictions_of(whole.folder)
    assert again.headline() == whole.headline()


def test_a_finished_climb_is_left_as_it_is(whole: cl.Climb, images: cl.Dataset) -> None:
    before = looks_of(whole.folder)
    written = {path: path.stat().st_mtime_ns for path in whole.folder.glob("trials/*/*/*")}
    cl.climb(images, out=whole.folder, **SMALL)
    assert looks_of(whole.folder) == before
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_more_seeds_afterwards_are_paid_for(
    images: cl.Dataset, tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    del patch
    cl.climb(images, out=tmp_path / "fixed", seeds=2, **SMALL)
    more = cl.climb(images, out=tmp_path / "fixed", seeds=3, **SMALL)
    assert [(look.planned, look.share) for look in more.looks] == [
        (True, pytest.approx(0.85)),
        (False, pytest.approx(0.075)),
    ]
    assert "Looks with 3 seeds were not planned" in more.headline()


def test_a_climb_ends_when_its_time_is_up(images: cl.Dataset, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"before every rung had 2 seeds: .* a longer --time"):
        cl.climb(images, out=tmp_path / "short", seconds=0.01, **SMALL)
    climbed = cl.climb(images, out=tmp_path / "short", seconds=600, **SMALL)
    assert climbed.missing == 0
    assert 0 < files.read_json(climbed.folder / "climb.json")["seconds"] < 600


def test_the_time_taken_outlives_a_kill_between_two_looks(
    images: cl.Dataset, patch: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del patch
    folder, seen, note = tmp_path / "timed", list[float](), climb_folder.note_failure

    def noting(event: Event, *rest: Any) -> Any:
        if isinstance(event, Started):
            seen.append(files.read_json(folder / "climb.json")["seconds"])
        return note(event, *rest)

    monkeypatch.setattr(climb_folder, "note_failure", noting)
    cl.climb(images, out=folder, seconds=600, **SMALL)
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert 0 < seen[1] < seen[3], "within the first look, of two rungs and two seeds"


@pytest.mark.parametrize("more", [{"seeds": 3}, {"folds": 5}])
def test_a_time_chooses_the_seeds_itself(images: cl.Dataset, more: dict[str, int]) -> None:
    with pytest.raises(ExperimentError, match="--time chooses how many seeds there are"):
        cl.climb(images, seconds=60, **more, **SMALL)


def test_fewer_seeds_do_not_make_a_look_complete(images: cl.Dataset, tmp_path: Path) -> None:
    climbed = cl.climb(images, out=tmp_path / "five", seeds=3, **SMALL)
    folder = climbed.folder
    shutil.rmtree(folder / "trials/lenet5/seed-2")  # as if it had been stopped before
    assert cl.Climb(folder).complete_looks == []
    fewer = cl.climb(images, out=folder, seeds=2, **SMALL)
    assert fewer.complete_looks == []
    assert fewer.missing == 1
    assert "trials are missing for the first look, which is at 3 seeds" in fewer.headline()
    (claim,) = fewer.against_parent
    assert claim.difference.verdict == "no comparison"
    again = cl.climb(images, out=folder, seeds=3, **SMALL)
    assert again.looked == [3]
    assert again.headline() == climbed.headline()


def test_more_time_adds_no_look_and_that_is_said(
    images: cl.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = SMALL | {"quiet": False}
    cl.climb(images, out=tmp_path / "fixed", seeds=2, **SMALL)
    cl.climb(images, out=tmp_path / "fixed", seconds=3600, **loud)
    assert "more time adds none, and --seeds N adds seeds" in capsys.readouterr().err


def test_other_seeds_or_rungs_than_those_of_the_looks_are_refused(
    whole: cl.Climb, images: cl.Dataset
) -> None:
    with pytest.raises(RunError, match="was begun with seed 0: give --seed 0"):
        cl.climb(images, out=whole.folder, seed=100, **SMALL)
    more = SMALL | {"rungs": ["lenet5", "max-pooling", "same-padding"]}
    with pytest.raises(RunError, match="so same-padding cannot be added"):
        cl.climb(images, out=whole.folder, **more)


def test_after_more_seeds_than_usual_the_usual_command_is_no_other_climb(
    images: cl.Dataset, tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    del patch
    cl.climb(images, out=tmp_path / "many", seeds=5, **SMALL)
    again = cl.climb(images, out=tmp_path / "many", **SMALL)
    assert again.looked == [5]


def test_a_climb_with_a_fixed_number_of_seeds_is_told_of(
    images: cl.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As versions before this one made them, where nothing else was asked."""
    del patch
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(defaults, "SEEDS", 2)
    fixed = cl.climb(images, seeds=2, **SMALL)
    other = cl.climb(images, **SMALL | {"quiet": False})
    assert other.folder != fixed.folder
    said = " ".join(capsys.readouterr().err.split())
    assert f"{fixed.folder} is a climb of these rungs with 2 seeds each" in said
    assert "to resume it, give --seeds 2" in said
