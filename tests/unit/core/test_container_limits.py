"""A container's quota and memory limit say how many workers there are, in both versions of control
groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from convladder.core import container_limits
from convladder.core.container_limits import memory_limit, processor_quota
from convladder.experiments import engines

Planted = tuple[Path, Path]
GIB = 2**30
NONE_V1 = 9223372036854771712  # what version 1 says where there is no limit


def plant(root: Path, own: str, files: Mapping[str, object]) -> Planted:
    """Write the files of control groups, and which groups a process is in."""
    for name, content in files.items():
        path = root / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    (root / "own").write_text(own)
    return root / "groups", root / "own"


V1 = "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        pytest.param("0::/\n", {"cpu.max": "250000 100000"}, 2.5, id="v2, in a container"),
        pytest.param("0::/\n", {"cpu.max": "max 100000"}, None, id="v2, no limit"),
        pytest.param(
            "0::/a/b\n",
            {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"},
            1,
            id="v2, above",
        ),
        pytest.param(
            "0::/a/b\n",
            {"a/cpu.max": "400000 100000", "a/b/cpu.max": "50000 100000"},
            0.5,
            id="v2, least",
        ),
        pytest.param(
            "0::/kubepods/x\n", {"cpu.max": "300000 100000"}, 3, id="v2, the machine's path"
        ),
        pytest.param("0::/../../x\n", {"cpu.max": "300000 100000"}, 3, id="v2, a path outside"),
        pytest.param(
            V1,
            {"cpu,cpuacct/cpu.cfs_quota_us": 150000, "cpu,cpuacct/cpu.cfs_period_us": 50000},
            3,
            id="v1",
        ),
        pytest.param(
            V1,
            {"cpu/docker/ab/cpu.cfs_quota_us": 150000, "cpu/docker/ab/cpu.cfs_period_us": 100000},
            1.5,
            id="v1, own",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000},
            None,
            id="v1, no limit",
        ),
        pytest.param("0::/\n" + V1, {"unified/cpu.max": "200000 100000"}, 2, id="both"),
        pytest.param("0::/\n", {"cpu.max": ""}, None, id="an empty file"),
        pytest.param("0::/\n", {"cpu.max": "many 0"}, None, id="no numbers"),
        pytest.param(
            "", {"cpu.max": "200000 100000"}, 2, id="a process that does not know its groups"
        ),
        pytest.param("", {}, None, id="no groups"),
    ],
)
def test_the_quota_is_the_least_on_the_way_to_the_root(
    own: str, files: dict[str, object], quota: float | None, tmp_path: Path
) -> None:
    assert processor_quota(*plant(tmp_path, own, files)) == quota


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        pytest.param("0::/\n", {"memory.max": 2 * GIB}, 2 * GIB, id="v2"),
        pytest.param("0::/\n", {"memory.max": "max"}, None, id="v2, no limit"),
        pytest.param(
            "0::/a/b\n", {"a/memory.max": GIB, "a/b/memory.max": 4 * GIB}, GIB, id="v2, least"
        ),
        pytest.param(V1, {"memory/memory.limit_in_bytes": 3 * GIB}, 3 * GIB, id="v1"),
        pytest.param(V1, {"memory/memory.limit_in_bytes": NONE_V1}, None, id="v1, no limit"),
    ],
)
def test_the_memory_limit_is_the_least_too(
    own: str, files: dict[str, object], limit: int | None, tmp_path: Path
) -> None:
    assert memory_limit(*plant(tmp_path, own, files)) == limit


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("50000 100000", 1), ("299000 100000", 2), ("max 100000", 8), ("9900000 100000", 8)],
)
def test_the_cores_are_as_many_as_the_quota_has_in_whole(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant(tmp_path, "0::/\n", {"cpu.max": quota})
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert container_limits.cores(*planted) == expected


def test_what_a_process_finds_of_its_own_groups_is_usable() -> None:
    assert container_limits.cores() >= 1
    assert container_limits.memory() is None or container_limits.memory() > 2**20


@pytest.mark.parametrize(("gibibytes", "expected"), [(0.25, 1), (2, 2), (4, 4), (64, 8), (None, 8)])
def test_workers_that_train_are_as_many_as_there_is_memory_for(
    gibibytes: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = None if gibibytes is None else int(gibibytes * GIB)
    monkeypatch.setattr(container_limits, "cores", lambda: 8)
    monkeypatch.setattr(container_limits, "memory", lambda: memory)
    with engines.engine_at(None) as engine:
        assert engine.jobs == expected
    with engines.engine_at(None, jobs=7) as engine:
        assert engine.jobs == 7
