"""A bank that goes to another machine, here to another cache: whole, once, and under its name."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from convladder.core.errors import DataError
from convladder.data.dataset import SplitDataset
from convladder.experiments.ray import bank_transfer
from convladder.experiments.ray.bank_transfer import (
    BUSY,
    HERE,
    WANTED,
    BankManifest,
    Receiver,
    pieces,
)


@pytest.fixture
def waybill(
    few_digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BankManifest:
    """Describe a bank, in small pieces, as another machine gets to see it whose cache is empty."""
    monkeypatch.setattr(bank_transfer, "PIECE", 10_000)
    found = BankManifest.of(few_digits.bank.folder)
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path))
    return found


def send(receiver: Receiver, folder: Path, waybill: BankManifest) -> dict[str, str]:
    """Give all pieces to the receiver, and return the sums of what was sent."""
    for name, piece in pieces(folder, waybill):
        receiver.take(name, piece)
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in waybill.sizes
    }


def test_a_bank_arrives_whole(waybill: BankManifest, few_digits: SplitDataset) -> None:
    receiver = Receiver(waybill)
    assert receiver.begin() == WANTED
    receiver.finish(send(receiver, few_digits.bank.folder, waybill))
    assert waybill.folder != few_digits.bank.folder
    for name in waybill.sizes:
        assert (waybill.folder / name).read_bytes() == (few_digits.bank.folder / name).read_bytes()
    assert Receiver(waybill).begin() == HERE


def test_one_receives_while_others_wait(waybill: BankManifest) -> None:
    first, second = Receiver(waybill), Receiver(waybill)
    assert first.begin() == WANTED
    assert second.begin() == BUSY
    first.leave()
    assert second.begin() == WANTED


def test_what_came_damaged_is_refused(waybill: BankManifest, few_digits: SplitDataset) -> None:
    receiver = Receiver(waybill)
    receiver.begin()
    sums = send(receiver, few_digits.bank.folder, waybill)
    receiver.take("images.npy", np.zeros(1, np.uint8))
    with pytest.raises(DataError, match=r"images\.npy"):
        receiver.finish(sums)
    assert not waybill.is_here()


def test_another_bank_of_that_name_is_replaced(
    waybill: BankManifest, few_digits: SplitDataset
) -> None:
    shutil.copytree(few_digits.bank.folder, waybill.folder)
    (waybill.folder / "index.json").write_text("{}")
    receiver = Receiver(waybill)
    assert receiver.begin() == WANTED
    receiver.finish(send(receiver, few_digits.bank.folder, waybill))
    assert waybill.is_here()


def test_a_machine_without_room_says_so(
    waybill: BankManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(waybill.folder.anchor)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match="free some space"):
        Receiver(waybill).begin()
    monkeypatch.undo()
