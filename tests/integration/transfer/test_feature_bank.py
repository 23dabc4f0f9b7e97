"""What a frozen backbone makes of images is computed once, and training on it comes to the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convladder as cl
from backbone_runs import SIDE, Settle
from convladder.core.experiment import Experiment
from convladder.core.places import cache_folder
from convladder.core.worker import Stopped
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.experiments.corrupted_images import CorruptedImages
from convladder.experiments.inference import load_network
from convladder.experiments.pretrained import backbones, feature_bank
from convladder.experiments.pretrained.feature_bank import FeatureBank
from convladder.models import head, networks
from convladder.results import saved_run
from convladder.training import fit
from convladder.training.checkpointer import FileCheckpointer, Snapshot


def silent(text: str) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_bank, "cache_folder", lambda: tmp_path / "cache")


def bank_of(experiment: Experiment, dataset: SplitDataset) -> FeatureBank:
    found = FeatureBank.of(experiment, dataset)
    assert found is not None
    return found


def features_by_network(experiment: Experiment, dataset: SplitDataset) -> Any:
    """Return what the backbone makes of all images of the bank, computed as for predictions."""
    backbone = backbones.load(experiment.model)
    assert backbone is not None
    network = networks.build(experiment.model, dataset.bank.form.shape, 2, backbone.statistics)
    networks.take(network, experiment.model, backbone)
    return fit.predictor(head.features_of(network))(np.asarray(dataset.bank.images))


def test_features_are_those_of_the_backbone(settle: Settle, other_digits: SplitDataset) -> None:
    experiment = settle("transfer-frozen")
    bank = bank_of(experiment, other_digits)
    found = bank.read(silent)
    assert found is not None
    expected = features_by_network(experiment, other_digits)
    assert np.abs(found.vectors[found.places[bank.rows]] - expected[bank.rows]).max() < 1e-5
    assert found.vectors.std(axis=0).max() > 0


@pytest.mark.parametrize("rung", ["transfer-frozen", "transfer-finetuned"])
def test_training_on_features_comes_to_the_same(
    rung: str, settle: Settle, other_digits: SplitDataset
) -> None:
    experiment = settle(rung, {"model.dropout_dense": [0.3], "train.average_epochs": 1})
    backbone = backbones.load(experiment.model)
    features = bank_of(experiment, other_digits).read(silent)
    whole = fit.fit(experiment, other_digits, backbone=backbone)
    banked = fit.fit(experiment, other_digits, backbone=backbone, features=features)
    for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert banked.history[column].to_numpy() == pytest.approx(
            whole.history[column].to_numpy(), abs=1e-4
        )
    members = other_digits.splits.test
    assert banked.predict_logits(other_digits.bank, members) == pytest.approx(
        whole.predict_logits(other_digits.bank, members), abs=1e-3
    )
    assert (banked.features is None) == (rung == "transfer-finetuned")


def test_parts_that_are_there_are_not_made_again(
    settle: Settle, other_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = bank_of(settle("transfer-frozen"), other_digits)
    monkeypatch.setattr(feature_bank, "PART_FLOPS", 1e6)
    parts = bank.missing
    assert len(parts) > 2
    bank.make(parts[1], silent)
    before = bank._path(parts[1]).stat().st_mtime_ns
    assert bank.missing == [part for part in parts if part != parts[1]]
    bank.make(parts[1], silent)
    assert bank._path(parts[1]).stat().st_mtime_ns == before
    first = bank.read(silent)
    assert first is not None
    assert bank.missing == []
    assert not [*bank.folder.glob("0*.npy")], "the parts are joined"
    monkeypatch.setattr(FeatureBank, "make", None)
    again = bank_of(settle("transfer-frozen", {"train.learning_rate": 0.1}), other_digits).read(
        silent
    )
    assert again is not None
    assert np.array_equal(first.vectors, again.vectors)


def test_another_backbone_head_or_split_has_features_of_its_own(
    settle: Settle, other_digits: SplitDataset
) -> None:
    experiment = settle("transfer-frozen")
    folder = bank_of(experiment, other_digits).folder
    others = [{"model.head": "average"}, {"model.backbone_sha256": "0" * 64}]
    for changes in others:
        assert bank_of(experiment.replace(changes), other_digits).folder != folder
    assert bank_of(experiment.replace({"seed": 1}), other_digits).folder == folder


@pytest.mark.parametrize(
    ("rung", "changes"),
    [
        ("from-scratch", {}),
        ("transfer-frozen", {"augmentation.flip": True}),
        ("transfer-frozen", {"augmentation.mixup": 0.2}),
        ("transfer-frozen", {"train.frozen_share": 0.0}),
    ],
)
def test_what_needs_the_images_has_none(
    rung: str, changes: dict[str, Any], settle: Settle, other_digits: SplitDataset
) -> None:
    assert FeatureBank.of(settle(rung, changes), other_digits) is None


def test_without_room_the_backbone_is_used_each_time(
    settle: Settle, other_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_bank, "KEPT", 10)
    assert bank_of(settle("transfer-frozen"), other_digits).read(silent) is None


def test_a_damaged_file_is_made_again(settle: Settle, other_digits: SplitDataset) -> None:
    bank = bank_of(settle("transfer-frozen"), other_digits)
    before = bank.read(silent)
    assert before is not None
    expected, file = np.array(before.vectors), bank.folder / feature_bank.ALL
    file.write_bytes(file.read_bytes()[:200])
    after = bank.read(silent)
    assert after is not None
    assert np.array_equal(after.vectors, expected)


def test_a_cache_that_cannot_be_written_is_done_without(
    settle: Settle, other_digits: SplitDataset, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("no folder")
    assert bank_of(settle("transfer-frozen"), other_digits).read(silent) is None


def test_a_training_goes_on_with_features_or_without(
    settle: Settle, other_digits: SplitDataset, tmp_path: Path
) -> None:
    experiment = settle("transfer-frozen", {"train.epochs": 4})
    backbone = backbones.load(experiment.model)
    features = bank_of(experiment, other_digits).read(silent)
    whole = fit.fit(experiment, other_digits, backbone=backbone)

    class Stops(FileCheckpointer):
        """Stops after the second epoch."""

        def after_epoch(self, snapshot: Snapshot) -> None:
            self.keep(snapshot)
            if snapshot().course["history"][-1]["epoch"] == 2:
                raise Stopped

    with pytest.raises(Stopped):
        fit.fit(experiment, other_digits, None, Stops(tmp_path, every=1e6), backbone, features)
    keeper = FileCheckpointer(tmp_path, every=1e6)
    resumed = fit.fit(experiment, other_digits, None, keeper, backbone)
    assert resumed.history["val_loss"].to_numpy() == pytest.approx(
        whole.history["val_loss"].to_numpy(), abs=1e-4
    )


def test_clearing_removes_features_alone(settle: Settle, other_digits: SplitDataset) -> None:
    bank = bank_of(settle("transfer-frozen"), other_digits)
    bank.read(silent)
    other = bank.folder.parent / "notes"
    other.mkdir()
    feature_bank.clear()
    assert not bank.folder.exists()
    assert other.is_dir()


def test_the_runs_of_a_climb_predict_as_their_networks_do(
    run: saved_run.SavedRun, other_digits: SplitDataset, tmp_path: Path
) -> None:
    climb = cl.climb(
        "digits",
        rungs=["transfer-frozen"],
        pretrained=run.folder,
        seeds=2,
        changes={
            "data.limit": 140,
            "data.image_size": (SIDE, SIDE),
            "data.classes": ["8", "9"],
            "train.epochs": 2,
        },
        out=tmp_path / "climb",
        jobs=2,
        quiet=True,
    )
    settings = climb.best_run.experiment
    place = bank_of(settings, load(settings.data)).folder.name
    assert (cache_folder() / "features" / place / feature_bank.ALL).exists()
    for each in climb.standings["transfer-frozen"].runs:
        network = load_network(each)
        logits = fit.predict_logits(network, other_digits.bank, other_digits.splits.test)
        names = np.array(other_digits.class_names)
        assert each.tested["predicted"].tolist() == names[logits.argmax(axis=1)].tolist()
        degraded = CorruptedImages.of(other_digits)
        for place, name in enumerate(each.corrupted.recipe.names):
            images = np.concatenate([pixels for _, pixels in degraded.batches(name, 3)])
            labels = other_digits.bank.labels[other_digits.splits.test[degraded.rows]]
            expected = fit.predictor(network)(images).argmax(axis=1) == labels
            assert (each.corrupted.correct[place, 2] == expected).all()
