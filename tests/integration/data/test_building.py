"""How a bank is built: resumed, once for several processes; a decoder that hangs costs one file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from convladder.core.errors import DataError
from convladder.core.places import cache_folder
from convladder.data.bank import cache as banks
from convladder.data.bank import chunk_decoding, chunks, decode_worker
from convladder.data.decoding.image_form import LIMITS, ImageForm, Pixels
from convladder.data.source import Listing, Record, Source
from images_made import MakeFolder
from limits import HANG

FORM = ImageForm(16, 16, 3)


def pixels_of(record: Record) -> Pixels:
    """Make the image of a record: noise that depends on its path."""
    seed = int(record.path.rpartition("/")[2])
    return np.random.default_rng(seed).integers(0, 256, FORM.shape, dtype=np.uint8)


def make_source(fetch: Callable[[Record], Pixels], images: int = 40, **more: object) -> Source:
    records = tuple(Record(f"{'ab'[number % 2]}/{number}", number % 2) for number in range(images))
    return Source("made", "test", str(fetch), lambda: Listing(("a", "b"), records), fetch, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 8)
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 0)


def hang_at(path: str, record: Record) -> Pixels:
    if record.path == path:
        time.sleep(600)
    return pixels_of(record)


def crash_at(path: str, record: Record) -> Pixels:
    if record.path == path:
        os.kill(os.getpid(), signal.SIGSEGV)
    return pixels_of(record)


def eat_at(path: str, record: Record) -> Pixels:
    if record.path == path:
        np.ones(8 * decode_worker.MEMORY, dtype=np.uint8)
    return pixels_of(record)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (crash_at, "crashed"),
        pytest.param(
            eat_at,
            "too-large",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's"),
        ),
    ],
)
def test_a_decoder_that_fails_badly_costs_one_file(
    fault: Callable[..., Pixels], reason: str
) -> None:
    bank = banks.open_bank(make_source(partial(fault, "b/13")), FORM)
    assert [(each.path, each.reason) for each in bank.rejections] == [("b/13", reason)]
    assert len(bank.records) == 39
    for record, row in zip(bank.records, bank.rows, strict=True):
        assert np.array_equal(bank.images[row], pixels_of(record))


def test_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # workers import their own module: the shorter patience has to reach them
    (tmp_path / "sitecustomize.py").write_text(
        "import convladder.data.bank.decode_worker as d; d.SECONDS = 0.5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    bank = banks.open_bank(make_source(partial(hang_at, "a/20")), FORM)
    assert [(each.path, each.reason) for each in bank.rejections] == [("a/20", "timeout")]
    assert len(bank.records) == 39


def test_an_interrupted_build_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 10**9)
    fetched: list[str] = []

    def fetch(record: Record, *, until: int) -> Pixels:
        if len(fetched) == until:
            raise KeyboardInterrupt
        fetched.append(record.path)
        return pixels_of(record)

    source = make_source(partial(fetch, until=21))
    with pytest.raises(KeyboardInterrupt):
        banks.open_bank(source, FORM)
    again = Source("made", "test", source.fingerprint, source.listing, partial(fetch, until=10**9))
    fetched.clear()
    bank = banks.open_bank(again, FORM)
    assert len(fetched) == 40 - 16  # two chunks of eight were done
    assert all(np.array_equal(bank.images[row], pixels_of(bank.records[row])) for row in bank.rows)
    assert [path.name for path in bank.folder.glob("chunk-*")] == []


def test_a_chunk_whose_pixels_were_damaged_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 10**9)

    def stop_late(record: Record) -> Pixels:
        if record.path.endswith("/30"):
            raise KeyboardInterrupt
        return pixels_of(record)

    source = make_source(stop_late)
    with pytest.raises(KeyboardInterrupt):
        banks.open_bank(source, FORM)
    folder = max(
        (cache_folder() / "banks").glob(".*.building"), key=lambda path: path.stat().st_mtime
    )
    images = np.load(folder / decode_worker.PIXELS, mmap_mode="r+")
    images[3] += 1
    images.flush()
    bank = banks.open_bank(
        Source("made", "test", source.fingerprint, source.listing, pixels_of), FORM
    )
    assert all(np.array_equal(bank.images[row], pixels_of(bank.records[row])) for row in bank.rows)


def test_what_only_this_process_can_fetch_is_decoded_by_the_others_too() -> None:
    here = os.getpid()

    def fetch(record: Record) -> Pixels:
        assert os.getpid() == here
        return pixels_of(record)

    bank = banks.open_bank(make_source(fetch, picklable=False), FORM)
    assert all(np.array_equal(bank.images[row], pixels_of(bank.records[row])) for row in bank.rows)


def test_two_processes_build_a_bank_once(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 30, "dog": 30})
    code = (
        "import sys, time\nfrom convladder.data.bank import decode_worker\nfrom "
        "convladder.data.loading import load\n"
        "decode = decode_worker.open_picture\n"
        "def slowly(*words, **options):\n"
        "    time.sleep(0.02)\n    print('decoded', flush=True)\n    return decode(*words, "
        "**options)\n"
        "decode_worker.open_picture = slowly\n"
        "print(load(sys.argv[1]).bank.fingerprint)\n"
    )
    command = [sys.executable, "-c", code, str(root)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [process.communicate()[0].split() for process in started]
    assert lines[0][-1] == lines[1][-1]
    assert sorted(line.count("decoded") for line in lines) == [0, 60]


def test_a_waiting_process_is_told_how_far_the_other_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 10**9)
    monkeypatch.setattr(banks, "WAIT", 0.02)
    begun, waiting = threading.Event(), threading.Event()

    def fetch(record: Record) -> Pixels:
        begun.set()
        if record.path.endswith("/20"):
            assert waiting.wait(HANG)
        return pixels_of(record)

    source = make_source(fetch, picklable=False)
    first = threading.Thread(target=banks.open_bank, args=(source, FORM))
    first.start()
    seen: list[int] = []

    def follow(what: str, done: int, total: int) -> None:
        assert (what, total) == ("waiting for another convladder process", 40)
        seen.append(done)
        if done:
            waiting.set()

    assert begun.wait(HANG)
    bank = banks.open_bank(source, FORM, progress=follow)
    first.join()
    assert len(bank.records) == 40
    assert max(seen) > 0


def test_a_full_disk_is_told_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(DataError, match=r"No space left on device.*free some space"):
        banks.open_bank(make_source(pixels_of), FORM)


def test_large_contents_are_sent_in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 512)
    monkeypatch.setattr(chunks, "SENT_BYTES", 5 * 16 * 16 * 3)
    held = []
    fetch_all = decode_worker.fetch_all
    for module in (chunks, chunk_decoding):
        monkeypatch.setattr(
            module,
            "fetch_all",
            lambda fetch, records: held.append(len(records)) or fetch_all(fetch, records),
        )
    bank = banks.open_bank(make_source(pixels_of, picklable=False), FORM)
    assert len(bank.records) == 40
    assert max(held) <= chunks.SAMPLE


def test_a_file_of_many_scans_is_no_light_one() -> None:
    assert not chunk_decoding._is_heavy(b"\xff\xd8" + b"\xff\xda" * 10, LIMITS)
    assert chunk_decoding._is_heavy(b"\xff\xd8" + b"\xff\xda" * 1000, LIMITS)


def test_clearing_the_cache_leaves_a_build_at_work_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))  # other tests still need theirs
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 10**9)

    def fetch(record: Record) -> Pixels:
        if record.path.endswith("/20"):
            banks.clear_banks()
        return pixels_of(record)

    bank = banks.open_bank(make_source(fetch, picklable=False), FORM)
    assert all(np.array_equal(bank.images[row], pixels_of(bank.records[row])) for row in bank.rows)


def test_a_source_that_fails_says_so() -> None:
    def fetch(record: Record) -> Pixels:
        raise DataError("the server is gone")

    with pytest.raises(DataError, match="the server is gone"):
        banks.open_bank(make_source(fetch, picklable=False), FORM)


def test_few_images_are_cut_into_small_chunks_so_that_all_processes_have_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 512)
    assert [chunks.chunk_size(images) for images in (5, 60, 6_400, 1_000_000)] == [8, 8, 100, 512]
