"""What tells how cost grows and what an accelerator brings, at its smallest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from _harness import tables
from scaling import accelerator, growth


def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    growth.main(["--images", "200", "--jobs", "1", "--trials", "1", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "growth.json").read_text())
    assert [each["what"] for each in told["images"]] == ["bank", "trial", "climb"]
    assert all(each["peak_bytes"] > 0 for each in told["images"] + told["jobs"])
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_an_accelerator_is_measured_beside_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # as it will be, and is put back
    accelerator.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "accelerator.json").read_text())
    sides = told["trainings"][0]["sides"]
    assert {"accelerator", "processor"} <= sides.keys()
    assert all(side["images_per_second"] > 0 for side in sides.values())
    assert told["climbs"][0]["seconds"] > 0
    told["climbs"].append({"where": "accelerator", "jobs": 9, "failed": "memory ran out"})
    (tmp_path / "accelerator.json").write_text(json.dumps(told))
    assert "| on the accelerator | 9 | **fails**: memory ran out |" in tables.of_accelerator(
        tmp_path
    )
