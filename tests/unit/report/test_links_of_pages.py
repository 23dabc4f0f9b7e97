"""A rung of a climb's page leads to its runs, and the page of a run back to the climb."""

from __future__ import annotations

import re
from pathlib import Path

import convladder as cl
from convladder.core.ladder import load_ladder
from convladder.results.folders import TrialKey
from made_runs import make_climb, share_right

RUNGS = ["lenet5", "max-pooling"]


def test_the_best_run_of_each_rung_leads_to_its_page_and_back(tmp_path: Path) -> None:
    right = {
        TrialKey(rung, seed): share_right(0.8, 60, seed) for rung in RUNGS for seed in range(2)
    }
    climb = cl.Climb(make_climb(tmp_path, right, load_ladder("classic").part(RUNGS)))
    links = re.findall(r'href="(trials/[^"]+)"', climb.report().read_text())
    assert sorted(links) == sorted(
        f"trials/{rung}/seed-{seed}/" for rung in RUNGS for seed in range(2)
    )
    assert all((climb.folder / link).is_dir() for link in links)
    page = climb.report(runs=True).read_text()
    for standing in climb.standings.values():
        own = standing.best_run.folder / "report.html"
        assert f'href="{own.relative_to(climb.folder).as_posix()}"' in page
        assert 'href="../../../report.html"' in own.read_text()
    assert len(re.findall(r'href="trials/[^"]+/report\.html"', page)) == len(RUNGS)
