"""What a live page says of a rung is what the report will say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from convladder.core.ladder import load_ladder
from convladder.core.metrics import metric_named
from convladder.results import folders
from convladder.results.folders import TrialKey
from convladder.results.interim import InterimStandings
from convladder.results.saved_climb import SavedClimb
from convladder.results.saved_run import SavedRun
from made_runs import make_climb, share_right

RUNGS = ["lenet5", "max-pooling", "same-padding", "more-conv-layers", "batch-norm"]
FOLDS = 3


def climb_of(folder: Path, rungs: int, metric: str, folds: int | None = None) -> SavedClimb:
    """Make a climb of so many rungs; the first has a seed more than the others."""
    ladder = load_ladder("classic").part(RUNGS[:rungs])
    ladder = ladder.__class__(
        ladder.name, ladder.title, ladder.about, {**ladder.base, "metric": metric}, ladder.rungs
    )
    right: Mapping[TrialKey, object] = {
        TrialKey(rung.name, seed, fold): share_right(0.7 + 0.04 * place, 60, 31 * seed + place)
        for place, rung in enumerate(ladder.rungs)
        for seed in range(3 + (place == 0))
        for fold in (range(folds) if folds else [None])
    }
    return SavedClimb(make_climb(folder / "climb", right, ladder))  # type: ignore[arg-type]


def standings_of(climb: SavedClimb, metric: str) -> InterimStandings:
    found = InterimStandings(metric_named(metric))
    for key in [TrialKey(*each) for each in climb.about["trials"]]:
        found.add(key, SavedRun(folders.trial_folder(climb.folder, key)))
    return found


@pytest.mark.parametrize("metric", ["accuracy", "macro-f1", "log-loss", "recall@cat", "auroc"])
@pytest.mark.parametrize(("rungs", "folds"), [(2, None), (5, None), (2, FOLDS)])
def test_its_intervals_are_those_of_the_report(
    tmp_path: Path, rungs: int, folds: int | None, metric: str
) -> None:
    climb = climb_of(tmp_path, rungs, metric, folds)
    interim = standings_of(climb, metric)
    while interim.unread:
        interim.read_next()
    for name, standing in climb.standings.items():
        found = interim.estimate(name)
        assert found is not None
        for figure in ("mean", "low", "high"):
            own, reported = getattr(found, figure), getattr(standing.estimate, figure)
            assert own == pytest.approx(reported, abs=1e-12), (name, figure)
        of_rung = [value for key, value in interim.values.items() if key.rung == name]
        assert of_rung == pytest.approx(standing.run_values)


def test_a_rung_has_an_interval_once_all_of_its_seeds_are_read(tmp_path: Path) -> None:
    interim = standings_of(climb_of(tmp_path, 2, "accuracy"), "accuracy")
    assert len(interim.values) == 7
    read = 0
    while interim.estimate("max-pooling") is None:
        interim.read_next()
        read += 1
    assert read == 7
    assert not interim.unread


def test_a_seed_without_all_its_folds_is_in_no_interval(tmp_path: Path) -> None:
    climb = climb_of(tmp_path, 1, "accuracy", FOLDS)
    keys = [TrialKey(*each) for each in climb.about["trials"]]
    interim = InterimStandings(metric_named("accuracy"))
    for key in keys[: FOLDS + 1]:
        interim.add(key, SavedRun(folders.trial_folder(climb.folder, key)))
    interim.read_next()
    assert not interim.unread
    assert len(interim.values) == FOLDS + 1
    found = interim.estimate("lenet5")
    assert found is not None
    assert found.seeds == 1
