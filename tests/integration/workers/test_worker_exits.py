"""Why a worker has ended: a kill for memory, a crash of a library, or an exit."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest

from convladder.core import worker_exits
from convladder.core.tasks import Died, Finished, Task
from convladder.core.worker_exits import KEPT_LINES, LastLines, kills_for_memory, own_words, reason
from convladder.core.worker_pool import run_tasks
from convladder.experiments import climbing
from convladder.results import folders
from convladder.results.folders import TrialKey
from deadly import abort, abort_deep, be_killed, chatter, crash, leave
from limits import HANG

NO_MEMORY = "out of memory: use fewer --jobs"
BAD_ALLOC = [
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "  what():  std::bad_alloc",
]


def died(*tasks: Task) -> list[Died]:
    return [event for event in run_tasks(tasks, jobs=1) if isinstance(event, Died)]


@pytest.fixture(autouse=True)
def as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVLADDER_DEBUG", raising=False)


def test_a_crash_is_told_with_the_words_of_the_library() -> None:
    said = "F tensorflow/core/framework/tensor.cc:852] Check failed: 1 == NumElements() (1 vs. 0)"
    (event,) = died(Task(0, abort, (f"some warning\n{said}\n",)))
    assert event.expected
    assert event.error == (
        f'its process ended with status -6 (SIGABRT: a library aborted; its last message: "{said}")'
    )
    assert NO_MEMORY not in event.error
    lines = event.details.splitlines()
    assert lines[:3] == ["its last output:", "some warning", said]
    assert any(line.startswith("Fatal Python error: Aborted") for line in lines), (
        "where Python was is kept too"
    )
    assert any("in abort" in line for line in lines)
    assert lines[-1] == event.error


def test_a_crash_for_want_of_memory_is_told_as_that() -> None:
    (event,) = died(Task(0, abort, ("\n".join(BAD_ALLOC) + "\n",)))
    assert NO_MEMORY in event.error
    assert 'its last message: "what():  std::bad_alloc"' in event.error


def test_a_crash_without_words_is_told_by_its_signal() -> None:
    (event,) = died(Task(0, crash))
    assert (
        "status -11 (SIGSEGV: a library crashed without a message, or out of memory" in event.error
    )
    assert "in crash" in event.details


def test_an_exit_is_told_as_one() -> None:
    (event,) = died(Task(0, leave))
    assert event.error == (
        "its process ended with status 3 (it exited by itself; its last message: "
        '"the licence has expired")'
    )


@pytest.mark.parametrize(
    ("kills", "said"),
    [
        ([4, 5], "SIGKILL by the system: out of memory: use fewer"),
        ([4, 4], "SIGKILL by another program: not the system's out-of-memory killer"),
        ([None, None], "SIGKILL: possibly out of memory: use fewer"),
    ],
)
def test_a_kill_for_memory_is_told_from_another(
    kills: list[int | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = iter(kills)
    monkeypatch.setattr(worker_exits, "kills_for_memory", lambda: next(counted))
    (event,) = died(Task(0, be_killed))
    assert f"status -9 ({said}" in event.error


def test_words_of_an_earlier_task_are_not_taken_for_those_of_a_crash() -> None:
    (event,) = died(Task(0, chatter, (1,)), Task(1, crash))
    assert event.key == 1
    assert "tensorflow" not in event.error


def test_a_worker_that_says_much_is_not_held_up_and_nobody_hears_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    events = list(run_tasks([Task(0, chatter, (8,)), Task(1, chatter, (8,))], jobs=1))
    assert [event.value for event in events if isinstance(event, Finished)] == [8, 8]
    assert capfd.readouterr() == ("", "")


def test_of_much_that_a_crashed_worker_said_the_last_is_kept() -> None:
    (event,) = died(Task(0, abort, ("".join(f"line {number}\n" for number in range(10_000)),)))
    assert 'its last message: "line 9999"' in event.error
    lines = event.details.splitlines()
    assert lines[1 : KEPT_LINES + 1] == [
        f"line {number}" for number in range(10_000 - KEPT_LINES, 10_000)
    ]
    assert lines[KEPT_LINES + 1].startswith("Fatal Python error")


def test_words_are_not_lost_behind_a_deep_stack_of_calls() -> None:
    (event,) = died(Task(0, abort_deep, (60, "Check failed: it is wrong\n")))
    assert 'its last message: "Check failed: it is wrong"' in event.error
    lines = event.details.splitlines()
    assert len(lines) == 1 + 1 + KEPT_LINES + 2
    assert "in abort" in lines[4]
    assert not any(line.startswith("Extension modules") for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_readers_of_workers_end_with_them() -> None:
    def count_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count_open()
    assert (
        len(list(run_tasks([Task(n, chatter, (0,)) for n in range(4)], jobs=2, renew_after=1)))
        == 12
    )
    for reader in threading.enumerate():
        if isinstance(reader, LastLines):
            reader.join(HANG)
    assert count_open() == before


def test_with_debug_a_person_reads_it_all(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONVLADDER_DEBUG", "1")
    (event,) = died(Task(0, leave))
    assert "it exited by itself without a message" in event.error
    assert capfd.readouterr().err == "the licence has expired\n"


def test_a_trials_error_file_holds_what_its_process_wrote_and_ends_with_the_error(
    tmp_path: Path,
) -> None:
    key = TrialKey("lenet5", 0)
    (event,) = died(Task(key, abort, ("Check failed: it is wrong\n",)))
    climbing._take(event, tmp_path, lambda event: None)
    lines = folders.error_file(folders.trial_folder(tmp_path, key)).read_text().splitlines()
    assert "Check failed: it is wrong" in lines
    assert lines[-1] == event.error


def test_own_words_come_before_where_python_was() -> None:
    dump = [
        "Fatal Python error: Aborted",
        "Current thread 0x01 (most recent call first):",
        '  File "x.py"',
    ]
    assert own_words([*BAD_ALLOC, *dump]) == "what():  std::bad_alloc"
    assert own_words(dump) == ""
    assert (
        own_words(["Traceback (most recent call last):", "ImportError: no keras"])
        == "ImportError: no keras"
    )


@pytest.mark.parametrize(
    "line",
    [
        "I0000 00:00:1796013525.025606   15985 port.cc:153] oneDNN custom operations are on.",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        (
            "2026-11-30 04:38:49.123456: I tensorflow/core/util/port.cc:113] oneDNN custom "
            "operations are on"
        ),
        "2026-11-30 04:38:49.123456: W tensorflow/core/framework/op.cc:1] something is slow",
    ],
)
def test_what_tensorflow_tells_on_the_way_is_no_reason(line: str) -> None:
    assert own_words([line]) == ""
    assert own_words(["Check failed: it is wrong", line]) == "Check failed: it is wrong"


@pytest.mark.parametrize(
    "said",
    [
        BAD_ALLOC[-1],
        "[low_level_alloc.cc : 599] RAW: mmap error: 12",
        "Resource temporarily unavailable",
    ],
)
def test_how_libraries_tell_that_they_got_no_memory_is_known(said: str) -> None:
    assert f"status -6 ({NO_MEMORY}" in reason(-signal.SIGABRT, [said], None)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (-signal.SIGILL, "SIGILL: a library uses instructions that this processor does not have"),
        (-signal.SIGBUS, "SIGBUS: a file in use was truncated, or its disk is full or failing"),
        (-signal.SIGTERM, "SIGTERM: another program ended it"),
        (-60, "signal 60: another program ended it"),
        (0xC0000005, "SIGSEGV: a library crashed without a message"),  # of Windows
        (0xC0000017, NO_MEMORY),
        (1, "it exited by itself without a message"),
    ],
)
def test_each_way_to_end_is_told(status: int, said: str) -> None:
    assert f"status {status} ({said}" in reason(status, [], None)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        (
            {
                "proc/self/cgroup": "0::/user/app",
                "sys/fs/cgroup/user/app/memory.events": "oom 3\noom_kill 2\n",
            },
            2,
        ),
        ({"proc/self/cgroup": "0::/host/only", "sys/fs/cgroup/memory.events": "oom_kill 1\n"}, 1),
        (
            {
                "proc/self/cgroup": "4:memory,hugetlb:/app\n0::/",
                "sys/fs/cgroup/memory/app/memory.oom_control": "under_oom 0\noom_kill 7\n",
                "proc/vmstat": "oom_kill 9\n",
            },
            7,
        ),
        ({"proc/self/cgroup": "1:cpu:/\n0::/", "proc/vmstat": "pgfault 5\noom_kill 9\n"}, 9),
        ({"proc/vmstat": "pgfault 5\n"}, None),  # of an old kernel
        ({"proc/self/cgroup": "nothing known"}, None),
        ({}, None),  # of another system
    ],
)
def test_the_kernel_is_asked_where_it_counts(
    files: dict[str, str], count: int | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert kills_for_memory(tmp_path) == count
