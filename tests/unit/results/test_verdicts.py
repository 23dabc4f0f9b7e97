"""Verdicts in words: better, worse, equal within a margin, undecided."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import convladder as cl
from convladder.core.errors import ExperimentError, RunError
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.metrics import ACCURACY
from convladder.evaluation.differences import Difference, Verdict
from convladder.experiments import climb_folder
from convladder.experiments.climb_plan import Plan
from convladder.experiments.trial import Trial
from convladder.results import verdicts
from convladder.results.folders import TrialKey
from convladder.results.group_summary import Claim
from made_runs import make_climb, share_right

RUNGS = ("lenet5", "max-pooling", "same-padding", "more-conv-layers")
SHARES = (0.6, 0.9, 0.9, 0.75)
IMAGES = 3000


def climb_of(folder: Path, margin: float | None = None) -> cl.Climb:
    """Make a climb whose third rung is as good as the second, on the same images."""
    right = {
        TrialKey(rung, seed): share_right(share, IMAGES, seed)
        for rung, share in zip(RUNGS, SHARES, strict=True)
        for seed in range(3)
    }
    climbed = make_climb(folder, right, load_ladder("classic").part(RUNGS))
    about = json.loads((climbed / "climb.json").read_text()) | {"margin": margin}
    (climbed / "climb.json").write_text(json.dumps(about))
    return cl.Climb(climbed)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> cl.Climb:
    return climb_of(tmp_path_factory.mktemp("judged"), margin=1.0)


def test_with_a_margin_rungs_are_called_equal(judged: cl.Climb) -> None:
    found = [claim.difference for claim in judged.against_parent]
    assert [each.verdict for each in found] == ["better", "equal", "worse"]
    assert found[1].margin == 0.01
    assert found[1].p_equal is not None
    assert found[1].p_equal < 0.05
    assert judged.table()["verdict"].tolist() == ["", "better", "equal within ±1 point", "worse"]
    assert "same-padding is equal within ±1 point" in judged.headline()
    assert "so **equal within ±1 point**." in judged.reading("same-padding")


def test_without_a_margin_they_are_undecided(tmp_path: Path) -> None:
    climbed = climb_of(tmp_path)
    (_, found, _) = [claim.difference for claim in climbed.against_parent]
    assert (found.verdict, found.margin, found.p_equal) == ("undecided", None, None)
    assert "same-padding is undecided" in climbed.headline()
    assert "would be found 4 times out of 5." in climbed.reading("same-padding")


def test_all_comparisons_of_a_climb_are_one_family(judged: cl.Climb) -> None:
    """Three steps and three rungs against the start, of which one is a step: five questions."""
    assert len(judged.questions) == 5
    (step,) = [claim for claim in judged.against_parent if claim.name == "max-pooling"]
    (from_start,) = [claim for claim in judged.against_start if claim.name == "max-pooling"]
    assert step == from_start


def test_an_interval_beside_a_verdict_never_contradicts_it(judged: cl.Climb) -> None:
    for claim in [*judged.against_parent, *judged.against_start]:
        found = claim.difference
        assert found.family_low is not None
        assert found.family_high is not None
        if found.verdict == "better":
            assert found.family_low >= 0
        elif found.verdict == "worse":
            assert found.family_high <= 0
        else:
            assert found.family_low <= 0 <= found.family_high
        if found.verdict == "equal":
            assert -0.01 <= found.family_low <= found.family_high <= 0.01


def test_the_page_shows_both_intervals_and_says_what_they_hold_for(judged: cl.Climb) -> None:
    page = judged.report().read_text(encoding="utf-8")
    assert "= equal within ±1 point" in page
    assert "hold for all 5 comparisons of clean images on this page together" in page


def test_the_margin_is_settled_before_there_are_results(judged: cl.Climb) -> None:
    def settle(margin: float | None) -> float | None:
        trial = Trial("lenet5", Experiment(), None)
        plan = Plan(judged.ladder, (trial,), "", margin=margin)
        return climb_folder.settle_margin(plan, judged.folder)

    assert settle(None) == settle(1.0) == 1.0
    with pytest.raises(
        RunError, match=r"was begun with a margin of 1 points.* choose another --out"
    ):
        settle(2.0)


def test_a_new_climb_takes_the_margin_that_is_given(tmp_path: Path) -> None:
    plan = Plan(load_ladder("classic"), (), "", margin=2.0)
    assert climb_folder.settle_margin(plan, tmp_path / "new") == 2.0


@pytest.mark.parametrize("margin", [0, -1, 100, float("nan")])
def test_a_margin_that_is_no_difference_is_refused(margin: float) -> None:
    with pytest.raises(ExperimentError, match="margin must be a number of points, more than 0"):
        cl.climb("digits", margin=margin)
    with pytest.raises(ExperimentError, match="margin must be a number of points, more than 0"):
        cl.compare("a", "b", margin=margin)


@pytest.mark.parametrize(
    ("margin", "words"), [(0.01, "1 point"), (0.005, "0.5 points"), (0.02, "2 points")]
)
def test_a_margin_is_written_in_points(margin: float, words: str) -> None:
    found = Difference(0.0, margin=margin, verdict="equal")
    assert verdicts.in_words(found, ACCURACY) == f"equal within ±{words}"


def test_runs_are_compared_with_a_margin(judged: cl.Climb) -> None:
    same = [judged.folder / "trials" / rung for rung in ("max-pooling", "same-padding")]
    (claim,) = cl.compare(*same, margin=1.5).claims
    assert claim.difference.verdict == "equal"
    single = [next(place.glob("seed-*")) for place in same]
    (claim,) = cl.compare(*single, margin=5).claims
    assert claim.difference.verdict == "equal"
    assert np.isclose(claim.difference.margin or 0, 0.05)


def test_where_the_next_network_lands_is_told(judged: cl.Climb) -> None:
    standing = judged.standings["same-padding"]
    assert standing.next_network is not None
    assert standing.next_network.low < min(standing.run_values)
    assert max(standing.run_values) < standing.next_network.high
    page = judged.report().read_text(encoding="utf-8")
    assert page.count("If you train it once more, expect its accuracy to be") == len(RUNGS)
    row = judged.summary_table().set_index("rung").loc["same-padding"]
    assert (row["next_low"], row["next_high"]) == tuple(vars(standing.next_network).values())


def test_how_often_one_network_beats_one_of_the_parent_is_told(judged: cl.Climb) -> None:
    found = {claim.name: claim.beats for claim in judged.against_parent}
    assert found["max-pooling"] is not None
    assert found["more-conv-layers"] is not None
    assert found["max-pooling"].value > 0.99
    assert found["more-conv-layers"].value < 0.01
    words = (
        "Trained once each, it would beat lenet5 in 100 of 100 cases (95 % interval 100 to 100)."
    )
    assert words in judged.reading("max-pooling")


def test_one_network_says_nothing_of_the_next(tmp_path: Path) -> None:
    right = {TrialKey(rung, 0): share_right(0.6, 100, 0) for rung in RUNGS[:2]}
    climbed = cl.Climb(make_climb(tmp_path, right, load_ladder("classic").part(RUNGS[:2])))
    assert climbed.standings["lenet5"].next_network is None
    assert climbed.against_parent[0].beats is None
    assert "once more" not in climbed.report().read_text(encoding="utf-8")


def claim_of(name: str, verdict: Verdict, **more: int | None) -> Claim:
    return Claim(name, "parent", Difference(0.01, verdict=verdict, **more), {})


def test_steps_that_are_better_or_worse_on_degraded_images_are_named() -> None:
    claims = [claim_of(name, "better") for name in "abcd"]
    claims += [claim_of("e", "worse"), claim_of("f", "undecided")]
    assert verdicts.name_decided(claims, "On degraded images") == (
        "On degraded images, of 6 steps: 4 better (a, b, c and others); 1 worse (e)."
    )
    assert verdicts.name_decided(claims[5:], "On degraded images") == ""
