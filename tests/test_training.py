from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convladder.config import Augmentation, Experiment
from convladder.data.dataset import Dataset
from convladder.errors import TrainingError
from convladder.training import augment, feed, fit

NO_IMAGES = np.zeros((1, 2, 2, 1), dtype=np.uint8)


def experiment(**changes: Any) -> Experiment:
    return Experiment().replace(
        {"train.epochs": 2} | {key.replace("__", "."): value for key, value in changes.items()}
    )


def probe(seed: int = 3, height: int = 12, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (4, height, width, 1)).astype("float32")


def apply(settings: dict[str, float], images: np.ndarray, seed: int = 0) -> np.ndarray:
    for layer in augment.build(Augmentation(**settings), seed):
        images = layer(images, training=True)
    return np.asarray(images)


def test_no_augmentation_is_no_layer() -> None:
    assert augment.build(Augmentation(), 0) == []


def test_augmentation_is_for_training_only() -> None:
    images = probe()
    for layer in augment.build(Augmentation(shift=0.2, brightness=0.5), 0):
        assert np.array_equal(layer(images, training=False), images)


def test_brightness_multiplies_each_image_within_bounds() -> None:
    images = np.full((64, 4, 4, 1), 100, dtype="float32")
    bright = apply({"brightness": 0.1}, images)
    factors = bright[:, 0, 0, 0] / 100
    assert factors.min() >= 0.9 - 1e-6
    assert factors.max() <= 1.1 + 1e-6
    assert factors.std() > 0.02
    assert np.allclose(bright, bright[:, :1, :1])


def test_brightness_stays_within_pixels() -> None:
    assert apply({"brightness": 0.5}, np.full((32, 4, 4, 1), 250, dtype="float32")).max() <= 255


@pytest.mark.parametrize("settings", [{"rotation": 20.0}, {"shift": 0.3}, {"shear": 0.3}, {"zoom": 0.3}])
def test_each_change_moves_pixels_and_repeats_the_edge(settings: dict[str, float]) -> None:
    images = probe()
    moved = apply(settings, images)
    assert moved.shape == images.shape
    assert not np.allclose(moved, images, atol=1)
    flat = np.full((8, 12, 12, 1), 77, dtype="float32")
    assert np.allclose(apply(settings, flat), 77, atol=1e-3)


def test_a_shift_moves_by_at_most_its_share() -> None:
    images = np.zeros((200, 11, 11, 1), dtype="float32")
    images[:, 5, 5] = 1
    rows, columns = np.mgrid[0:11, 0:11] - 5
    moved = apply({"shift": 0.2}, images)[..., 0]
    offsets = np.stack([(moved * rows).sum(axis=(1, 2)), (moved * columns).sum(axis=(1, 2))])
    assert np.abs(offsets).max() <= 0.2 * 11 + 1e-3
    assert offsets.std(axis=1).min() > 0.8


def test_rotation_shear_and_zoom_keep_the_centre() -> None:
    images = np.zeros((20, 11, 11, 1), dtype="float32")
    images[:, 5, 5] = 1
    moved = apply({"rotation": 30.0, "shear": 0.2, "zoom": 0.2}, images)
    assert np.allclose(moved[:, 5, 5], 1, atol=1e-4)


def test_augmentation_depends_on_the_seed() -> None:
    settings = {"shift": 0.2, "brightness": 0.2}
    assert np.array_equal(apply(settings, probe(), seed=1), apply(settings, probe(), seed=1))
    assert not np.array_equal(apply(settings, probe(), seed=1), apply(settings, probe(), seed=2))


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    order = feed.epoch_order(4, 2, 1000)
    assert sorted(order) == list(range(1000))
    assert np.array_equal(order, feed.epoch_order(4, 2, 1000))
    assert not np.array_equal(order, feed.epoch_order(4, 3, 1000))
    assert not np.array_equal(order, feed.epoch_order(5, 2, 1000))


def test_the_batches_of_an_epoch_follow_its_order() -> None:
    rows, labels = np.arange(10, 80), np.arange(70, dtype=np.int32)
    batches = feed.TrainingBatches(rows, labels, feed.Ahead(NO_IMAGES), batch_size=32, seed=1)
    for epoch in (0, 5):
        batches.on_epoch_begin(epoch)
        seen = [(np.asarray(x), np.asarray(y)) for x, y in batches.dataset]
        assert [len(x) for x, _ in seen] == [32, 32, 6]
        order = feed.epoch_order(1, epoch, 70)
        assert np.array_equal(np.concatenate([x for x, _ in seen]), rows[order])
        assert np.array_equal(np.concatenate([y for _, y in seen]), labels[order])


def test_shuffling_once_repeats_the_first_order() -> None:
    rows, labels = np.arange(40), np.zeros(40, dtype=np.int32)
    batches = feed.TrainingBatches(rows, labels, feed.Ahead(NO_IMAGES), batch_size=40, seed=1, shuffle_once=True)
    orders = []
    for epoch in (0, 1):
        batches.on_epoch_begin(epoch)
        orders += [np.asarray(x) for x, _ in batches.dataset]
    assert np.array_equal(orders[0], feed.epoch_order(1, 0, 40))
    assert np.array_equal(orders[0], orders[1])


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="the system cannot be asked for pages")
def test_asking_for_images_ahead_changes_no_result(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    short = experiment(train__epochs=1)
    plain = fit.fit(short, few_digits)
    monkeypatch.setattr(feed, "AHEAD_FROM", 1)
    monkeypatch.setattr(feed, "STEPS_PER_CALL", 2)
    assert feed.Ahead(few_digits.bank.images).needed
    ahead = fit.fit(short, few_digits)
    figures = ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert ahead.history[figures].equals(plain.history[figures])
    test = few_digits.splits.test
    assert np.array_equal(
        fit.predict_logits(ahead.network, few_digits.bank, test),
        fit.predict_logits(plain.network, few_digits.bank, test),
    )


def test_images_are_asked_for_by_their_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    class Map:
        def madvise(self, *words: int) -> None:
            asked.append(words)

        def __len__(self) -> int:
            return 128 + 20 * 3000

    monkeypatch.setattr(feed, "AHEAD_FROM", 1)
    np.save(tmp_path / "images.npy", np.zeros((20, 50, 60, 1), dtype=np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode="c")
    images._mmap = Map()
    pieces = list(feed.Ahead(images).pieces(np.array([0, 5, 19], dtype=np.int32), 2))
    assert pieces == [slice(0, 2), slice(2, 4)]
    first, *rest = asked
    assert first == (mmap.MADV_RANDOM,)
    for (advice, start, length), row in zip(rest, [0, 5, 19], strict=True):
        assert advice == mmap.MADV_WILLNEED
        assert start % mmap.PAGESIZE == 0
        assert start <= 128 + 3000 * row
        assert start + length == 128 + 3000 * (row + 1)


def test_the_lookup_reads_the_bank_without_a_copy(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.arange(2 * 3 * 3 * 1, dtype=np.uint8).reshape(2, 3, 3, 1))
    bank = np.load(tmp_path / "images.npy", mmap_mode="c")
    lookup = feed.Lookup(bank)
    bank[1] = 200
    images = np.asarray(lookup(np.array([1, 0, 1])))
    assert images.dtype == np.float32
    assert np.array_equal(images[0], np.full((3, 3, 1), 200))
    assert np.array_equal(images[1], np.arange(9).reshape(3, 3, 1))


def test_memory_that_tensorflow_cannot_share_is_copied() -> None:
    aligned = np.zeros(512, dtype=np.uint8)
    odd = aligned[1 : 1 + 18].reshape(2, 3, 3, 1)
    images = np.asarray(feed.Lookup(odd)(np.array([0, 1])))
    assert images.shape == (2, 3, 3, 1)


def test_channel_statistics_are_those_of_train_alone(few_digits: Dataset) -> None:
    statistics = fit.channel_statistics(few_digits)
    bank = few_digits.bank
    pixels = bank.images[bank.rows[few_digits.splits.train]].astype(float)
    assert statistics.mean == pytest.approx([pixels.mean()])
    assert statistics.deviation == pytest.approx([pixels.std()])


def test_the_same_seed_gives_the_same_run_and_another_another(few_digits: Dataset) -> None:
    changes = {"model__dropout_dense": [0.2], "augmentation__shift": 0.1}
    runs = [fit.fit(experiment(seed=seed, **changes), few_digits) for seed in (0, 0, 1)]
    histories = [run.history.drop(columns="train_seconds") for run in runs]
    assert histories[0].equals(histories[1])
    assert not histories[0].equals(histories[2])
    indices = few_digits.splits.test
    logits = [fit.predict_logits(run.network, few_digits.bank, indices) for run in runs]
    assert np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0], logits[2])


def test_the_best_epoch_by_validation_is_kept_or_the_last(few_digits: Dataset) -> None:
    changes = {"train__epochs": 40, "train__learning_rate": 0.01}
    best = fit.fit(experiment(**changes), few_digits)
    last = fit.fit(experiment(train__select="last", **changes), few_digits)
    losses = best.history["val_loss"].to_numpy()
    assert losses.argmin() < 39, "this test needs a run whose best epoch is not its last"
    assert best.epoch == losses.argmin() + 1
    assert last.epoch == 40
    for fitted in (best, last):
        logits = fit.predict_logits(fitted.network, few_digits.bank, few_digits.splits.validation)
        labels = few_digits.bank.labels[few_digits.splits.validation]
        row = fitted.history.iloc[fitted.epoch - 1]
        assert np.mean(logits.argmax(axis=1) == labels) == pytest.approx(row["val_accuracy"], abs=1e-6)


def test_early_stopping_stops_and_the_plateau_lowers_the_rate(few_digits: Dataset) -> None:
    restless = {"train__learning_rate": 0.05, "train__epochs": 30}
    stopped = fit.fit(experiment(**restless, train__early_stopping=2), few_digits)
    assert len(stopped.history) < 30
    lowered = fit.fit(experiment(**restless, train__plateau=1), few_digits)
    assert lowered.history["learning_rate"].iloc[-1] < 0.05


def test_a_loss_that_is_no_number_says_what_to_do(few_digits: Dataset) -> None:
    with pytest.raises(TrainingError, match=r"not a number in epoch 1: lower train\.learning_rate"):
        fit.fit(experiment(train__optimizer="sgd", train__learning_rate=1e12), few_digits)


def test_class_weights_make_rare_classes_count(few_digits: Dataset) -> None:
    labels = few_digits.bank.labels[few_digits.splits.train]
    rare = np.concatenate([np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)[:2]])
    splits = replace(few_digits.splits, train=few_digits.splits.train[rare])
    skewed = replace(few_digits, splits=splits)
    weights = fit._class_weight(experiment(train__class_weight="balanced").train, labels[rare])
    count = int((labels == 1).sum())
    assert weights == pytest.approx({0: (count + 2) / 4, 1: (count + 2) / (2 * count)})
    plain = fit.fit(experiment(), skewed).history["loss"].iloc[0]
    weighted = fit.fit(experiment(train__class_weight="balanced"), skewed).history["loss"].iloc[0]
    assert plain != weighted


def test_bfloat16_trains_otherwise_and_predicts_in_float32(few_digits: Dataset) -> None:
    changes = {"model__batch_norm": True, "model__filters": (4,), "train__epochs": 4}
    full = fit.fit(experiment(**changes), few_digits)
    half = fit.fit(experiment(**changes, train__precision="bfloat16"), few_digits)
    assert half.history["loss"].tolist() != full.history["loss"].tolist()
    assert np.allclose(half.history["loss"], full.history["loss"], rtol=0.05)
    for network in (full.network, half.network):
        assert {layer.compute_dtype for layer in network.layers} == {"float32"}
        assert {weight.dtype for weight in network.weights} == {"float32"}
    test = few_digits.splits.test
    logits = fit.predict_logits(half.network, few_digits.bank, test)
    assert (logits.argmax(axis=1) == few_digits.bank.labels[test]).mean() > 0.5
