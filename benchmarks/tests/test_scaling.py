"""What tells how cost grows and what an accelerator brings, at its smallest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from _harness import tables
from scaling import growth

MEASURE_ACCELERATOR = """
import sys
import in_process
from scaling import accelerator
with in_process.everything():
    accelerator.main(["--smallest", "--out", sys.argv[1]])
"""


@pytest.mark.usefixtures("in_this_process")
def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    growth.main(["--images", "100", "--jobs", "1", "--trials", "1", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "growth.json").read_text())
    assert [each["what"] for each in told["images"]] == ["bank", "trial", "climb"]
    assert all(each["peak_bytes"] > 0 for each in told["images"] + told["jobs"])
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_an_accelerator_is_measured_beside_the_processor(tmp_path: Path) -> None:
    """In a process of its own: Keras may compute with TensorFlow in this one."""
    pytest.importorskip("jax")
    on_jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", MEASURE_ACCELERATOR, str(tmp_path)]
    subprocess.run(command, env=os.environ | on_jax | paths, check=True)
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
