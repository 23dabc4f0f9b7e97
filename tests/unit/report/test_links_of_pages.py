"""A rung of a climb's page leads to its runs, and the page of a run back to the climb."""

from __future__ import annotations

import re
from pathlib import Path

import convladder as cl
from convladder.core import files
from convladder.core.ladder import load_ladder
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right

RUNGS = ["lenet5", "max-pooling"]


def climb_of(folder: Path) -> cl.Climb:
    right = {
        TrialKey(rung, seed): share_right(0.8, 60, seed) for rung in RUNGS for seed in range(2)
    }
    return cl.Climb(make_climb(folder, right, load_ladder("classic").part(RUNGS)))


def test_the_best_run_of_each_rung_leads_to_its_page_and_back(tmp_path: Path) -> None:
    climb = climb_of(tmp_path)
    links = re.findall(r'href="(trials/[^"]+)"', climb.report().read_text())
    assert sorted(links) == sorted(
        f"trials/{rung}/seed-{seed}/" for rung in RUNGS for seed in range(2)
    )
    assert all((climb.folder / link).is_dir() for link in links)
    page = climb.report(runs=True).read_text()
    for rung in RUNGS:
        own = climb.best_of(rung).folder / "report.html"
        assert f'href="{own.relative_to(climb.folder).as_posix()}"' in page
        assert 'href="../../../report.html"' in own.read_text()
    assert len(re.findall(r'href="trials/[^"]+/report\.html"', page)) == len(RUNGS)


def test_a_damaged_network_costs_its_own_page_alone(tmp_path: Path) -> None:
    climb = climb_of(tmp_path)
    other = next(rung for rung in RUNGS if rung != climb.shown.rung)
    (climb.best_of(other).folder / "samples.npz").unlink()
    page = climb.report(runs=True).read_text()
    assert f"trials/{climb.shown.rung}/seed-{climb.shown.seed}/report.html" in page
    assert len(re.findall(r'href="trials/[^"]+/report\.html"', page)) == 1


def test_of_equal_networks_the_one_that_is_shown_has_the_page(tmp_path: Path) -> None:
    climb = climb_of(tmp_path)
    for rung in RUNGS:
        for run in climb.standings[rung].runs:
            figures = files.read_json(run.folder / "metrics.json")
            figures["validation"] |= {"accuracy": 0.8, "log_loss": 1.0 - run.seed / 10}
            files.write_json(run.folder / "metrics.json", figures)
    climb = cl.Climb(climb.folder)
    assert climb.best_of(climb.shown.rung).folder == climb.shown.folder
    assert climb.shown.seed == 1, "which has the smaller log loss"


def test_a_comparison_is_told_without_files_that_only_its_dangers_need(tmp_path: Path) -> None:
    climb = climb_of(tmp_path)
    compared = cl.compare(*(tmp_path / "trials" / rung for rung in RUNGS))
    for run in climb.standings["lenet5"].runs:
        (run.folder / "corrupted.npz").unlink()
    assert "lenet5" in repr(compared)
