"""Disk and memory, as Linux tells of processes."""

from __future__ import annotations

from pathlib import Path

from convladder.core import container_limits
from convladder.report.live import machine


def make_process(place: Path, pid: int, kilobytes: int, *children: int) -> None:
    thread = place / str(pid) / "task" / str(pid)
    thread.mkdir(parents=True)
    (thread / "children").write_text("".join(f"{child} " for child in children))
    status = f"Name:\tpython\nVmRSS:\t9999999 kB\nRssAnon:\t{kilobytes} kB\nRssFile:\t77 kB\n"
    (place / str(pid) / "status").write_text(status + "RssShmem:\t1 kB\nThreads:\t3\n")


def test_memory_is_of_a_process_and_all_that_it_started(
    tmp_path: Path, monkeypatch: object
) -> None:
    make_process(tmp_path, 10, 100, 11, 12)
    make_process(tmp_path, 11, 200)
    make_process(tmp_path, 12, 300, 13)  # 13 has ended meanwhile
    make_process(tmp_path, 14, 400)
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:  500 kB\n")
    found = machine.measure(tmp_path, tmp_path, own=10)
    assert found.memory_taken == 1024 * (100 + 200 + 300 + 3)
    assert found.memory_free in (500 * 1024, container_limits.memory_limit())
    assert found.lacks_memory
    assert found.disk_free is not None
    assert 0 < found.disk_free <= (found.disk_total or 0)


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    found = machine.measure(tmp_path / "nowhere", tmp_path, own=10)
    assert found == machine.Machine(None, None, None, None)
    assert not found.lacks_disk
    assert not found.lacks_memory


def test_this_process_takes_memory_on_linux(tmp_path: Path) -> None:
    found = machine.measure(tmp_path)
    if machine.PROCESSES.is_dir():
        assert (found.memory_taken or 0) > 2**20
