"""What loads a server and compares exports, at its smallest."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import page
from deploy import load, parity

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_the_server_is_loaded_beside_keras(tmp_path: Path) -> None:
    load.main(["--smallest", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "load.json").read_text())["servers"]
    assert list(told) == [load.OURS, load.PEER]
    assert all(
        each["answers_per_second"] > 0
        for server in told.values()
        for each in server["closed"].values()
    )
    assert "| convladder | 64 |" in page.fill("<!-- table: load -->\n<!-- end -->", tmp_path)


def test_parity_is_measured_of_a_trained_network_and_of_a_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(jobs: int, *of_processes: Any, **more: Any) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(jobs)

    monkeypatch.setattr(parity, "ProcessPoolExecutor", threads)
    networks = ["classic/lenet5", "MobileNetV3Small"]
    parity.main(["--smallest", "--out", str(tmp_path), "--only", *networks])
    told = json.loads((tmp_path / "parity.json").read_text())["networks"]
    assert [len(told[name]) for name in networks] == [6, 4]
    assert all(each["holds"] for rows in told.values() for each in rows)
    assert "| classic/lenet5 |" in page.fill("<!-- table: parity -->\n<!-- end -->", tmp_path)
