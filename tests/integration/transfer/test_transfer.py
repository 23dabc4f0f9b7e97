"""A network that begins with the layers of another: what is taken, what stays frozen, and what is
refused.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import convladder as cl
from backbone_runs import SIDE, Settle, run_of
from convladder.core import files
from convladder.core.errors import ConvladderError, DataError, ExperimentError, RunError
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.settings.data import Data
from convladder.core.settings.train import Train
from convladder.core.worker import Stopped
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.experiments.climb_plan import make_plan
from convladder.experiments.inference import load_network
from convladder.experiments.pretrained import backbones, leakage, source
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial
from convladder.models import networks, shapes
from convladder.models.convnet import Statistics
from convladder.models.layers import FixedBatchNormalization
from convladder.results import saved_run
from convladder.training import fit, steps
from convladder.training.checkpointer import FileCheckpointer, Snapshot
from convladder.training.state import TrainingState, frozen_epochs
from stops import assert_same_state, train_at_once, train_with_stops


def train(experiment: Experiment, dataset: SplitDataset) -> dict[str, Any]:
    """Return the weights of a trained network by their paths."""
    fitted = fit.fit(experiment, dataset, backbone=backbones.load(experiment.model))
    return {each.path: steps.read(each) for each in fitted.network.weights}


def changed(weights: dict[str, Any], run: saved_run.SavedRun) -> set[str]:
    """Return which of the layers' weights are others than the run's."""
    before = {each.path: steps.read(each) for each in load_network(run).weights}
    return {
        path
        for path in weights
        if "conv" in path or "norm" in path
        if (weights[path] != before[path]).any()
    }


def test_a_frozen_backbone_stays_as_it_was(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun
) -> None:
    decay = {"train.optimizer": "adamw", "train.weight_decay": 0.5}
    weights = train(settle("transfer-frozen", decay), other_digits)
    assert changed(weights, run) == set()
    assert weights["logits/bias"].any(), "the head is trained"
    assert weights["logits/kernel"].shape == (6, 2), (
        "as wide as that of the run, for the new classes"
    )


def test_a_finetuned_backbone_changes_all_but_its_moving_statistics(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun
) -> None:
    found = changed(
        train(settle("transfer-finetuned", {"train.select": "last"}), other_digits), run
    )
    assert {path.split("/")[1] for path in found} == {"kernel", "bias", "gamma", "beta"}
    assert len(found) == 8


def test_from_scratch_the_weights_are_new_and_the_preprocessing_is_the_backbones(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun
) -> None:
    experiment = settle("from-scratch", {"train.epochs": 1})
    fitted = fit.fit(experiment, other_digits, backbone=backbones.load(experiment.model))
    assert changed({each.path: steps.read(each) for each in fitted.network.weights}, run)
    about = files.read_json(run.folder / "model.json")
    assert fitted.statistics is not None
    assert list(fitted.statistics.mean) == about["statistics"][0]
    assert fitted.network.get_layer("dropout_conv_1").rate == 0.2
    assert not isinstance(fitted.network.get_layer("batch_norm_1"), FixedBatchNormalization)


def test_calling_keras_with_training_false_does_not_keep_moving_statistics_and_our_layer_does() -> (
    None
):
    inputs, values = (
        keras.Input((4, 4, 3)),
        np.random.default_rng(0).random((8, 4, 4, 3), np.float32),
    )
    theirs, ours = layers.BatchNormalization(), FixedBatchNormalization()
    for layer in (theirs, ours):
        keras.Model(inputs, layer(inputs, training=False))(values, training=True)
    assert np.any(theirs.moving_mean.numpy()), "else this layer is not needed any more"
    assert not np.any(ours.moving_mean.numpy())


class StopsAtBorder(FileCheckpointer):
    """Keeps the training after its first epoch, and stops it there, but for the second."""

    def after_epoch(self, snapshot: Snapshot) -> None:
        is_first = self.newest() is None
        self.keep(snapshot)
        if is_first:
            raise Stopped


def test_a_training_that_stops_at_the_border_comes_to_the_same_bits(
    settle: Settle, other_digits: SplitDataset, tmp_path: Path
) -> None:
    experiment = settle("transfer-finetuned", {"train.epochs": 2})
    train_at_once(experiment, other_digits, tmp_path / "once")
    backbone = backbones.load(experiment.model)
    with pytest.raises(Stopped):
        fit.fit(
            experiment, other_digits, None, StopsAtBorder(tmp_path / "stopped", every=1e6), backbone
        )
    (kept,) = (tmp_path / "stopped").glob("checkpoint-*.json")
    assert kept.stem == "checkpoint-0001-000000"
    fit.fit(
        experiment, other_digits, None, StopsAtBorder(tmp_path / "stopped", every=1e6), backbone
    )
    assert_same_state(tmp_path / "once", tmp_path / "stopped")


def test_averaged_weights_go_on_after_the_border_to_the_same_bits(
    settle: Settle, other_digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 1)
    changes = {
        "train.average_epochs": 1.0,
        "train.optimizer": "sgd",
        "train.momentum": 0.9,
        "train.epochs": 2,
    }
    experiment = settle("transfer-finetuned", changes)
    train_at_once(experiment, other_digits, tmp_path / "once")
    _, stops = train_with_stops(experiment, other_digits, tmp_path / "stopped", calls=4)
    assert stops == 1
    assert_same_state(tmp_path / "once", tmp_path / "stopped")


def test_the_rate_is_lower_once_the_backbone_is_trained_and_schedules_count_all_steps(
    settle: Settle, other_digits: SplitDataset
) -> None:
    experiment = settle("transfer-finetuned", {"train.schedule": "cosine"})
    fitted = fit.fit(experiment, other_digits, backbone=backbones.load(experiment.model))
    assert fitted.history["learning_rate"].to_numpy() / 1e-3 == pytest.approx(
        [0.854, 0.5, 0.0146, 0], abs=1e-3
    )


def test_averages_of_weights_hold_what_is_frozen_and_what_is_trained(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun
) -> None:
    averaged = {"train.average_epochs": 0.5, "train.select": "last", "train.epochs": 2}
    assert changed(train(settle("transfer-frozen", averaged), other_digits), run) == set()
    found = train(settle("transfer-finetuned", averaged), other_digits)
    assert len(changed(found, run)) == 8
    assert all(np.abs(each).max() < 10 for each in found.values())


def test_a_share_of_the_epochs_leaves_one_that_is_not_frozen() -> None:
    shares = {
        share: frozen_epochs(Train(epochs=10, frozen_share=share))
        for share in (0.0, 0.04, 0.5, 0.99, 1.0)
    }
    assert shares == {0.0: 0, 0.04: 1, 0.5: 5, 0.99: 9, 1.0: 10}


def test_patience_counts_from_where_the_backbone_is_no_longer_frozen() -> None:
    settings = Train(epochs=10, frozen_share=0.5, early_stopping=2, plateau=2)
    experiment = Experiment.model_construct(train=settings)
    course = TrainingState(history=[{"val_loss": loss} for loss in (1.0, 2.0, 2.0, 2.0, 2.0)])
    assert not course.is_over(experiment), "what comes next is another training"
    course.history += [{"val_loss": 2.0}]
    assert not course.is_over(experiment)
    assert course.losses_of_phase(settings) == [2.0]
    course.history += [{"val_loss": 2.0}]
    assert course.is_over(experiment)


def test_a_run_bears_that_its_backbone_is_gone_and_can_be_one_itself(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun, tmp_path: Path
) -> None:
    shutil.copytree(run.folder, tmp_path / "lent")
    experiment = settle("transfer-finetuned", {"train.epochs": 2}, backbone=tmp_path / "lent")
    second = run_of(experiment, other_digits, tmp_path / "second")
    shutil.rmtree(tmp_path / "lent")
    kept = {each.path: steps.read(each) for each in load_network(second).weights}
    frozen = settle("transfer-frozen", {"train.epochs": 1}, backbone=second.folder)
    third = train(frozen, other_digits)
    assert all(
        (third[path] == kept[path]).all() for path in kept if "conv" in path or "norm" in path
    )


def test_where_a_backbone_is_now_can_be_said(
    settle: Settle, run: saved_run.SavedRun, tmp_path: Path
) -> None:
    model = settle("transfer-frozen").model
    lent = shutil.copytree(run.folder, tmp_path / "lent")
    there = model.model_copy(update={"backbone": "gone"})
    with pytest.raises(ConvladderError, match="gone"):
        backbones.settled(there)
    changes = backbones.moved(there, lent, None)
    assert backbones.settled(Experiment(model=there).replace(changes).model)[
        "model.backbone"
    ] == str(lent)
    with pytest.raises(ExperimentError, match="did not start from a file of weights"):
        backbones.moved(there, None, "a.h5")


def test_a_backbone_that_was_trained_again_is_refused(
    settle: Settle, other_digits: SplitDataset, run: saved_run.SavedRun, tmp_path: Path
) -> None:
    folder = tmp_path / "lent"
    shutil.copytree(run.folder, folder)
    experiment = settle("transfer-frozen", backbone=folder)
    begun = Trial("transfer-frozen", experiment, other_digits)
    with np.load(folder / saved_run.WEIGHTS) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["conv_1/bias"] += 1
    np.savez(folder / saved_run.WEIGHTS, **arrays)
    with pytest.raises(RunError, match="have changed since this was started"):
        backbones.load(experiment.model)
    with pytest.raises(RunError, match="have changed since this was started"):
        backbones.with_backbone(experiment)
    anew = replace(begun, experiment=settle("transfer-frozen", backbone=folder))
    files.write_json(
        tmp_path / "run.unfinished" / "experiment.json",
        {
            "rung": "transfer-frozen",
            "experiment": experiment.model_dump(),
            "data": other_digits.provenance(),
            "environment": {"versions": {}, "threads": None},
        },
    )
    (tmp_path / "run.unfinished" / "checkpoint-0001-000000.json").touch()
    with pytest.raises(RunError, match="backbone_sha256 was"):
        ResumePolicy().prepare(anew, tmp_path / "run")


def test_a_backbone_that_has_seen_the_test_images_is_refused(run: saved_run.SavedRun) -> None:
    start = backbones.changes(str(run.folder), None, {}) | {
        "data.source": "digits",
        "data.limit": 140,
        "data.image_size": (SIDE, SIDE),
        "data.classes": tuple("01234567"),
    }
    said: list[str] = []
    other_split = {"data.test": 0.4}  # of what was trained on, too
    with pytest.raises(
        DataError, match=r"trained or validated on \d+ of the \d+ test images.*--on-leak keep"
    ):
        make_plan(load_ladder("transfer"), [0], start | other_split, load, said.append)
    plan = make_plan(
        load_ladder("transfer"),
        [0],
        start | other_split | {"data.on_leak": "keep"},
        load,
        said.append,
    )
    assert len([text for text in said if text.startswith("kept a leak: the backbone")]) == 1
    assert any("kept a leak" in note for note in plan.trials[-1].dataset.provenance()["notes"])
    make_plan(load_ladder("transfer"), [0], start, load)  # its own split


def test_images_that_were_seen_at_another_size_are_told(
    run: saved_run.SavedRun, tmp_path: Path
) -> None:
    """Large JPEGs are decoded at a fraction that depends on the size that is wanted."""
    random = np.random.default_rng(0)
    for name in "ab":
        for number in range(6):
            path = tmp_path / "photos" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (12, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).resize((1600, 1200), Image.Resampling.NEAREST).save(path)
    small, large = (
        load(Data(source=str(tmp_path / "photos"), image_size=(side, side), channels=channels))
        for side, channels in ((24, 1), (200, 3))
    )
    assert not np.isin(small.bank.facts["digest"], large.bank.facts["digest"]).any()
    assert np.isin(small.bank.facts["read"], large.bank.facts["read"]).all()
    seen = run_of(
        Experiment().replace({"train.epochs": 1} | small.settled()), small, tmp_path / "seen"
    )
    assert leakage.count_seen(seen, large.bank.facts) == len(small.splits.train) + len(
        small.splits.validation
    )


@pytest.mark.parametrize(
    "name", [saved_run.WEIGHTS, "model.json", "experiment.json", saved_run.SPLITS]
)
@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[: len(content) // 2]]
)
def test_a_damaged_backbone_is_named(
    run: saved_run.SavedRun,
    name: str,
    damage: Callable[[bytes], bytes],
    other_digits: SplitDataset,
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(run.folder, tmp_path / "lent"))
    (folder / name).write_bytes(damage((folder / name).read_bytes()))

    def begin() -> None:
        model = Experiment().replace(backbones.changes(str(folder), None, {})).model
        backbones.settled(model)
        leakage.check_unseen(model, other_digits)

    with pytest.raises(RunError, match=rf"{re.escape(str(folder / name))}.*damaged"):
        begin()


def test_a_backbone_whose_own_backbone_is_gone_or_is_itself_is_said(
    settle: Settle,
    first_digits: SplitDataset,
    other_digits: SplitDataset,
    run: saved_run.SavedRun,
    tmp_path: Path,
) -> None:
    lent = Path(shutil.copytree(run.folder, tmp_path / "lent"))
    begun = settle("transfer-frozen", {"train.epochs": 1}, backbone=lent)
    second = run_of(begun, other_digits, tmp_path / "second")
    model = Experiment().replace(backbones.changes(str(second.folder), None, {})).model
    said: list[str] = []
    shutil.rmtree(lent)
    leakage.check_unseen(model, other_digits, said.append)
    assert f"cannot tell what the backbone {lent} was trained on: it no longer exists" in said
    shutil.copytree(run.folder, lent)
    first = np.concatenate([first_digits.splits.train, first_digits.splits.validation])
    facts = first_digits.bank.facts[first]
    assert leakage.count_seen(second, facts) == leakage.count_seen(run, facts) > 0, (
        "by what it began with"
    )
    shutil.rmtree(lent)
    second.folder.rename(lent)  # now it begins with what lies in its own place
    model = Experiment().replace(backbones.changes(str(lent), None, {})).model
    said.clear()
    leakage.check_unseen(model, other_digits, said.append)
    assert f"cannot tell what the backbone {lent} was trained on: it no longer exists" in said


def test_settings_of_which_a_published_network_takes_no_notice_are_refused() -> None:
    with pytest.raises(
        ExperimentError, match=r"model\.filters is for networks that convladder builds"
    ):
        backbones.changes("VGG16", None, {"model.filters": [3]})
    assert backbones.changes("VGG16", None, {"model.dense": [3]})


def test_images_of_another_size_are_taken_and_of_other_channels_where_they_can_be(
    run: saved_run.SavedRun,
) -> None:
    model = Experiment().replace(backbones.changes(str(run.folder), None, {})).model
    arrays, _ = source.of_run(run).read()
    statistics = Statistics((1.0,), (1.0,))
    larger = networks.build(model, (40, 24, 1), 2, statistics)
    networks.take(larger, model.model_copy(update={"pretrained": True}), networks.Backbone(arrays))
    with pytest.raises(ExperimentError, match=r"data\.channels=1"):
        shapes.check_channels(model, 3)
    of_colours = model.model_copy(update={"channels": 3, "preprocessing": "unit"})
    repeated = networks.build(of_colours, (SIDE, SIDE, 1), 2)
    assert repeated.get_layer("conv_1").kernel.shape == (3, 3, 3, 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train.frozen_share": 0.5}, "needs model.pretrained"),
        ({"model.weights": "a.h5"}, "name its network too"),
        ({"train.frozen_share": 1.5}, "frozen_share"),
    ],
)
def test_settings_that_cannot_be_together_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        Experiment().replace(changes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ladder": "transfer"}, "--pretrained NAME"),
        ({"pretrained": "MobileNetV4"}, "did you mean 'MobileNetV2'"),
        ({"pretrained": "no/such/run"}, "there is no folder"),
        ({"weights": "a.h5"}, "give --pretrained NAME too"),
        ({"pretrained": "VGG16", "weights": "a.h5"}, "there is no file"),
    ],
)
def test_a_climb_without_a_backbone_says_what_to_give(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConvladderError, match=said):
        cl.climb("digits", quiet=True, **given)


def test_what_is_taken_from_a_run_is_not_set_otherwise(run: saved_run.SavedRun) -> None:
    with pytest.raises(
        ExperimentError, match=r"model\.padding is same here, and valid in the backbone"
    ):
        cl.climb("digits", pretrained=run.folder, changes={"model.padding": "same"}, quiet=True)
    with pytest.raises(ExperimentError, match="a run has its own weights"):
        cl.climb("digits", pretrained=run.folder, weights="a.h5", quiet=True)
    wider = backbones.changes(str(run.folder), None, {"model.dense": [9]}) | {"model.dense": [9]}
    assert backbones.with_backbone(Experiment().replace(wider)).model.dense == (9,)


def test_how_to_train_on_a_backbone_can_be_searched(
    run: saved_run.SavedRun, tmp_path: Path
) -> None:
    changes = {"data.limit": 140, "data.image_size": (SIDE, SIDE), "data.classes": ["8", "9"]}
    how: dict[str, Any] = {
        "trials": 2,
        "seeds": 1,
        "epochs": 2,
        "jobs": 1,
        "changes": changes,
        "quiet": True,
    }
    found = cl.tune("digits", pretrained=run.folder, out=tmp_path / "tuned", **how)
    assert found.default.model.backbone == str(run.folder)
    assert found.default.train.frozen_share == 0.5
    assert (found.about["space_from"], len(found.candidates)) == ("transfer", 2)
    assert "train.frozen_share" in found.settings
    with pytest.raises(
        cl.ConvladderError, match=r"model\.padding cannot be searched: its layers come from the"
    ):
        cl.tune("digits", pretrained=run.folder, space={"model.padding": ["same", "valid"]}, **how)
    with pytest.raises(
        cl.ConvladderError, match=r"transfer: train.frozen_share: .* it needs model\.pretrained"
    ):
        cl.tune("digits", "from-scratch", pretrained=run.folder, out=tmp_path / "none", **how)
