from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError, TrainingError
from convladder.core.experiment import Experiment
from convladder.core.metrics import ACCURACY, metric_named
from convladder.core.optimizers import OPTIMIZERS
from convladder.core.settings.augmentation import Augmentation
from convladder.core.settings.model import Model
from convladder.core.settings.train import Train
from convladder.data.dataset import SplitDataset
from convladder.data.in_memory import MemoryBank
from convladder.evaluation import scores
from convladder.evaluation.predictions import answers_of
from convladder.models import convnet
from convladder.training import (
    augmentation,
    batches,
    fit,
    input_statistics,
    lookup,
    losses,
    optimizer,
    steps,
)
from convladder.training.precision import computing_in
from convladder.training.state import TrainingState, lowers_rate
from stops import assert_same_state, train_at_once, train_with_stops

NO_IMAGES = np.zeros((1, 2, 2, 1), dtype=np.uint8)


def experiment(**changes: Any) -> Experiment:
    return Experiment().replace(
        {"train.epochs": 2} | {key.replace("__", "."): value for key, value in changes.items()}
    )


def probe(seed: int = 3, height: int = 12, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (4, height, width, 1)).astype("float32")


def apply(settings: dict[str, float], images: np.ndarray, seed: int = 0) -> np.ndarray:
    for layer in augmentation.build(Augmentation(**settings), seed):
        images = layer(images, training=True)
    return np.asarray(images)


def test_no_augmentation_is_no_layer() -> None:
    assert augmentation.build(Augmentation(), 0) == []


def test_augmentation_is_for_training_only() -> None:
    images = probe()
    for layer in augmentation.build(Augmentation(shift=0.2, brightness=0.5), 0):
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


@pytest.mark.parametrize(
    "settings", [{"rotation": 20.0}, {"shift": 0.3}, {"shear": 0.3}, {"zoom": 0.3}]
)
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


def test_a_crop_may_be_wider_than_the_image() -> None:
    images = probe(height=5, width=3)
    cropped = apply({"crop": 9}, images)
    assert cropped.shape == images.shape
    for each, image in zip(cropped, images, strict=True):
        assert set(each.ravel().tolist()) <= set(image.ravel().tolist()), (
            "each pixel is one of the image's own"
        )
    assert np.array_equal(apply({"crop": 4}, probe(height=1, width=1)), probe(height=1, width=1))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_is_the_one_of_its_name(name: str) -> None:
    decay = 0 if name == "adam" else 0.1
    made = optimizer.build(
        Train.model_validate({"optimizer": name, "weight_decay": decay}), steps=3
    )
    assert type(made).__name__ == {"adam": "Adam", "adamw": "Adam", "sgd": "SGD"}[name]
    assert made.weight_decay == (decay or None)


def made_of(settings: Train) -> Experiment:
    return Experiment.model_construct(train=settings)


@pytest.mark.parametrize(
    ("setting", "use"),
    [
        ("optimizer", lambda settings: optimizer.build(settings, 3)),
        ("schedule", lambda settings: optimizer.build(settings, 3)),
        ("select", lambda settings: TrainingState().kept_epoch(made_of(settings))),
        ("precision", lambda settings: computing_in(settings.precision).__enter__()),
    ],
)
def test_a_name_that_is_not_known_here_stands_for_nothing_else(
    setting: str, use: Callable[[Train], Any]
) -> None:
    with pytest.raises((AssertionError, KeyError), match="lion"):
        use(Train.model_construct(**(dict(Train()) | {setting: "lion"})))


@pytest.mark.parametrize("setting", ["preprocessing", "pooling", "head"])
def test_a_name_of_a_layer_that_is_not_known_stands_for_no_other(setting: str) -> None:
    model = Model.model_construct(**(dict(Model()) | {setting: "lion"}))
    with pytest.raises((AssertionError, KeyError), match="lion"):
        convnet.build(model, (28, 28, 1), 3)


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    order = batches.epoch_order(4, 2, 1000)
    assert sorted(order) == list(range(1000))
    assert np.array_equal(order, batches.epoch_order(4, 2, 1000))
    assert not np.array_equal(order, batches.epoch_order(4, 3, 1000))
    assert not np.array_equal(order, batches.epoch_order(5, 2, 1000))


def test_batches_are_whole_but_for_the_last_and_so_many_a_call() -> None:
    rows = np.arange(10, 80, dtype=np.int32)
    calls = list(
        steps.batches(rows, rows + 100, batches.Prefetcher(NO_IMAGES), batch_size=16, steps=3)
    )
    assert [part.shape for part, _ in calls] == [(3, 16), (1, 16), (1, 6)]
    assert np.array_equal(np.concatenate([part.ravel() for part, _ in calls]), rows)
    assert np.array_equal(np.concatenate([part.ravel() for _, part in calls]), rows + 100)


@pytest.mark.parametrize("skip", range(7))
def test_what_is_left_of_an_epoch_is_what_follows(skip: int) -> None:
    rows = np.arange(70, dtype=np.int32)
    calls = list(
        steps.batches(rows, rows, batches.Prefetcher(NO_IMAGES), batch_size=16, steps=2, skip=skip)
    )
    left = [part.ravel() for part, _ in calls]
    assert np.array_equal(np.concatenate([*left, np.array([], np.int32)]), rows[16 * skip :])


def test_calls_of_large_networks_are_short() -> None:
    assert steps.steps_per_call(flops=1_000_000, batch_size=32) == steps.MOST_STEPS
    assert 1 < steps.steps_per_call(flops=100_000_000, batch_size=32) < steps.MOST_STEPS
    assert steps.steps_per_call(flops=10**12, batch_size=32) == 1


@pytest.mark.skipif(
    not hasattr(mmap, "MADV_WILLNEED"), reason="the system cannot be asked for pages"
)
def test_asking_for_images_ahead_changes_no_result(
    few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = experiment(train__epochs=1)
    plain = fit.fit(short, few_digits)
    monkeypatch.setattr(batches, "AHEAD_FROM", 1)
    monkeypatch.setattr(steps, "MOST_STEPS", 2)
    ahead = fit.fit(short, few_digits)
    figures = ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert ahead.history[figures].equals(plain.history[figures])
    test = few_digits.splits.test
    assert np.array_equal(
        fit.predict_logits(ahead.network, few_digits.bank, test),
        fit.predict_logits(plain.network, few_digits.bank, test),
    )


def test_images_are_asked_for_by_their_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, ...]] = []

    class Map:
        def madvise(self, *words: int) -> None:
            asked.append(words)

        def __len__(self) -> int:
            return 128 + 20 * 3000

    monkeypatch.setattr(batches, "AHEAD_FROM", 1)
    np.save(tmp_path / "images.npy", np.zeros((20, 50, 60, 1), dtype=np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode="c")
    images._mmap = Map()
    pieces = batches.Prefetcher(images).pieces(np.array([0, 5, 19], dtype=np.int32), [0, 2, 3])
    assert next(pieces) == slice(0, 2)
    assert len(asked) == 1 + 3, "the second slice is asked for before the first is used"
    assert list(pieces) == [slice(2, 3)]
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
    layer = lookup.GatherImages(bank)
    bank[1] = 200
    images = np.asarray(layer(np.array([1, 0, 1])))
    assert images.dtype == np.float32
    assert np.array_equal(images[0], np.full((3, 3, 1), 200))
    assert np.array_equal(images[1], np.arange(9).reshape(3, 3, 1))


def test_memory_that_the_backend_cannot_share_is_copied() -> None:
    aligned = np.zeros(512, dtype=np.uint8)
    odd = aligned[1 : 1 + 18].reshape(2, 3, 3, 1)
    images = np.asarray(lookup.GatherImages(odd)(np.array([0, 1])))
    assert images.shape == (2, 3, 3, 1)


@pytest.mark.parametrize("preprocessing", ["unit", "standardize"])
def test_a_whitening_layer_whitens_patches_of_train_and_is_not_trained(
    few_digits: SplitDataset, preprocessing: str
) -> None:
    settings = experiment(model__whitening=True, model__preprocessing=preprocessing)
    network = fit.fit(settings, few_digits).network
    layer = network.get_layer("whitening")
    statistics = (
        input_statistics.channel_statistics(few_digits) if preprocessing == "standardize" else None
    )
    assert np.array_equal(layer.kernel, input_statistics.whitening_kernel(few_digits, statistics))
    images = few_digits.bank.images[few_digits.bank.rows[few_digits.splits.train]]
    # where nothing is padded
    inside = np.asarray(keras.Model(network.input, layer.output)(images))[:, :-1, :-1]
    seen = inside[..., : inside.shape[-1] // 2].reshape(-1, inside.shape[-1] // 2)
    assert np.array_equal(inside[..., inside.shape[-1] // 2 :].reshape(seen.shape), -seen)
    found = np.cov(seen.T)
    assert np.allclose(found, np.diag(np.diag(found)), atol=1e-4)
    assert np.diag(found) == pytest.approx(1, abs=0.4), "less where there is next to no variance"
    assert np.diag(found).max() > 0.99


def test_channel_statistics_are_those_of_train_alone(few_digits: SplitDataset) -> None:
    statistics = input_statistics.channel_statistics(few_digits)
    bank = few_digits.bank
    seen = bank.images[bank.rows[few_digits.splits.train]].astype(float)
    assert statistics.mean == pytest.approx([seen.mean()])
    assert statistics.deviation == pytest.approx([seen.std()])


def test_the_same_seed_gives_the_same_run_and_another_another(few_digits: SplitDataset) -> None:
    changes = {"model__dropout_dense": [0.2], "augmentation__shift": 0.1}
    runs = [fit.fit(experiment(seed=seed, **changes), few_digits) for seed in (0, 0, 1)]
    histories = [run.history.drop(columns="train_seconds") for run in runs]
    assert histories[0].equals(histories[1])
    assert not histories[0].equals(histories[2])
    indices = few_digits.splits.test
    logits = [fit.predict_logits(run.network, few_digits.bank, indices) for run in runs]
    assert np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0], logits[2])


def test_the_test_images_have_no_say_in_training(few_digits: SplitDataset) -> None:
    bank, test = few_digits.bank, set(few_digits.splits.test.tolist())
    changed = np.array(bank.images)
    changed[bank.rows[few_digits.splits.test]] ^= 255
    records = tuple(
        replace(record, label=0) if number in test else record
        for number, record in enumerate(bank.records)
    )
    kept = {each.name: getattr(bank, each.name) for each in fields(bank)}
    other = replace(few_digits, bank=MemoryBank(**kept | {"records": records}, pixels=changed))
    changes = {"model__batch_norm": True, "model__preprocessing": "standardize", "train__epochs": 3}
    fits = [fit.fit(experiment(**changes), dataset) for dataset in (few_digits, other)]
    histories = [fitted.history.drop(columns="train_seconds") for fitted in fits]
    assert histories[0].equals(histories[1])
    assert all(map(np.array_equal, *(fitted.network.get_weights() for fitted in fits)))


def test_the_best_epoch_by_validation_is_kept_or_the_last(few_digits: SplitDataset) -> None:
    validation, bank = few_digits.splits.validation, replace(few_digits.bank)
    labels = few_digits.bank.labels.copy()
    labels[validation] = (
        labels[validation] + 1
    ) % 10  # the more it learns, the worse it does on these
    vars(bank)["labels"] = labels
    mislabelled = replace(few_digits, bank=bank)
    changes = {"train__epochs": 8, "train__learning_rate": 0.01}
    best = fit.fit(experiment(**changes), mislabelled)
    last = fit.fit(experiment(train__select="last", **changes), mislabelled)
    losses = best.history["val_loss"].to_numpy()
    assert best.epoch == losses.argmin() + 1 < last.epoch == 8
    for fitted in (best, last):
        logits = fit.predict_logits(fitted.network, bank, validation)
        row = fitted.history.iloc[fitted.epoch - 1]
        accuracy = np.mean(logits.argmax(axis=1) == labels[validation])
        assert accuracy == pytest.approx(row["val_accuracy"], abs=1e-6)


@pytest.mark.parametrize("name", ["macro-f1", "auroc", "brier", "recall@3"])
def test_the_epoch_kept_is_the_best_by_the_metric(few_digits: SplitDataset, name: str) -> None:
    metric = metric_named(name)
    fitted = fit.fit(experiment(metric=name, train__epochs=6), few_digits)
    values = fitted.history[f"val_{metric.column}"].map(metric.as_score)
    best = fitted.history[values == values.max()]
    assert fitted.epoch == best["epoch"][best["val_loss"].idxmin()]
    validation, bank = few_digits.splits.validation, few_digits.bank
    logits = fit.predict_logits(fitted.network, bank, validation)
    answers = answers_of(few_digits.class_names, bank.labels[validation], logits)
    assert metric.as_score(scores.value(metric, answers)) == pytest.approx(values.max(), abs=1e-6)


def test_early_stopping_stops_and_the_plateau_lowers_the_rate(few_digits: SplitDataset) -> None:
    restless = {"train__learning_rate": 0.05, "train__epochs": 30}
    stopped = fit.fit(experiment(**restless, train__early_stopping=2), few_digits)
    assert len(stopped.history) < 30
    lowered = fit.fit(experiment(**restless, train__plateau=1), few_digits)
    assert lowered.history["learning_rate"].iloc[-1] < 0.05


def keras_says(callback: keras.callbacks.Callback, losses: list[float]) -> Iterator[None]:
    """Show a callback of Keras these epochs, one after the other."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        yield


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_the_rules_of_the_end_are_those_of_keras(patience: int) -> None:
    draw = np.random.default_rng(patience)
    for _ in range(20):
        values = np.round(draw.uniform(0, 1, 12), 1).tolist()
        settings = experiment(train__epochs=12, train__early_stopping=patience)
        stopping = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
        lowering = keras.callbacks.ReduceLROnPlateau(patience=patience, factor=0.5)
        course, rate = TrainingState(), 1.0
        shown = zip(values, keras_says(stopping, values), keras_says(lowering, values), strict=True)
        for epoch, (loss, *_) in enumerate(shown, start=1):
            course.end_epoch({"val_loss": loss})
            rate *= 0.5 if lowers_rate(course.losses, patience) else 1
            assert rate == pytest.approx(float(lowering.model.optimizer.learning_rate))
            assert course.best_epoch(ACCURACY) == stopping.best_epoch + 1
            assert course.is_over(settings) == (stopping.model.stop_training or epoch == 12)
            if stopping.model.stop_training:
                break


def test_a_loss_that_is_no_number_stops_at_its_step_and_names_files(
    few_digits: SplitDataset, tmp_path: Path
) -> None:
    exploding = experiment(train__optimizer="sgd", train__learning_rate=1e12)
    with pytest.raises(
        TrainingError, match=r"not a number in epoch 1, step \d: lower train\.learning_rate"
    ) as told:
        fit.fit(exploding, few_digits)
    step = int(re.search(r"step (\d)", str(told.value))[1])  # type: ignore[index]
    order = few_digits.splits.train[batches.epoch_order(0, 0, len(few_digits.splits.train))]
    batch = few_digits.paths(order[32 * (step - 1) : 32 * step])
    assert f"{', '.join(batch[:3])} and {len(batch) - 3} more" in str(told.value)
    assert step > 1, "this test needs a loss that is a number at first"


def test_a_loss_that_is_no_number_keeps_the_state_before(
    few_digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_at_once(experiment(train__epochs=1), few_digits, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = losses.TrainingLoss.__call__
    monkeypatch.setattr(losses.TrainingLoss, "__call__", lambda *given: real(*given) * float("nan"))
    for _ in range(5):
        with pytest.raises(TrainingError, match="not a number in epoch 2, step 1:"):
            train_at_once(experiment(train__epochs=2), few_digits, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("calls", "changes"),
    [
        (3, {"train__plateau": 1, "train__learning_rate": 0.05}),
        (5, {"train__early_stopping": 2, "train__learning_rate": 0.05, "train__select": "last"}),
        (5, {"train__optimizer": "sgd", "train__shuffle": "once",
             "train__class_weight": "balanced"}),
        (5, {"train__precision": "bfloat16", "model__batch_norm": True,
             "model__preprocessing": "standardize"}),
        (5, {"train__optimizer": "sgd", "train__momentum": 0.9, "train__nesterov": True,
             "train__weight_decay": 0.01, "train__schedule": "cosine", "train__warmup": 0.3}),
        (5, {"augmentation__flip": True, "augmentation__mixup": 0.4,
             "train__class_weight": "balanced"}),
        (4, {"train__average_epochs": 1.5, "train__optimizer": "adamw", "model__batch_norm": True}),
        (5, {"train__average_epochs": 0.5, "train__precision": "bfloat16",
             "train__select": "last"}),
        (3, {"model__dropout_dense": [0.2], "model__dropout_conv": [0.1],
             **{f"augmentation__{kind}": 0.1
                for kind in ("brightness", "rotation", "shift", "shear", "zoom")}}),
    ],
)  # fmt: skip
def test_a_training_that_is_stopped_goes_on_to_the_same_bits(
    few_digits: SplitDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    calls: int,
) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 2)  # four calls an epoch, and one of validation
    same = experiment(train__epochs=3, **changes)
    whole = train_at_once(same, few_digits, tmp_path / "whole")
    parts, stops = train_with_stops(same, few_digits, tmp_path / "parts", calls)
    assert stops > 1
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert parts.epoch == whole.epoch
    test = few_digits.splits.test
    logits = [fit.predict_logits(each.network, few_digits.bank, test) for each in (whole, parts)]
    assert np.array_equal(*logits)


def test_the_rate_rises_to_its_largest_and_falls_to_nothing(few_digits: SplitDataset) -> None:
    settings = experiment(
        train__schedule="cosine", train__warmup=0.25, train__learning_rate=0.1, train__epochs=4
    )
    rates = [float(optimizer._rate(settings.train, 40)(step)) for step in range(41)]
    assert rates[0] == pytest.approx(0.01)
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(0.1)
    assert rates[25] == pytest.approx(0.05)
    assert rates[40] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(rates[:11]) > 0)
    assert np.all(np.diff(rates[10:]) < 0)
    history = fit.fit(settings, few_digits).history
    assert history["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)
    assert history["learning_rate"].iloc[0] == pytest.approx(0.1)


def test_weights_are_averaged_as_by_hand(
    few_digits: SplitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 1)
    seen: list[NDArray[np.float32]] = []
    real = steps.StepFunctions.train

    def train(self: steps.StepFunctions, *batch: Any) -> None:
        real(self, *batch)
        seen.append(steps.read(self.network.trainable_weights[0]))

    monkeypatch.setattr(steps.StepFunctions, "train", train)
    fitted = fit.fit(experiment(train__average_epochs=0.5, train__select="last"), few_digits)
    momentum = 1 - 1 / (0.5 * len(seen) / 2)
    average = seen[0]
    for weights in seen[1:]:
        average = momentum * average + (1 - momentum) * weights
    assert np.allclose(fitted.network.trainable_weights[0], average, atol=1e-6)
    assert not np.allclose(fitted.network.trainable_weights[0], seen[-1], atol=1e-6)


def test_a_smoothed_label_costs_what_its_definition_says() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]], np.float32)
    labels = np.array([0, 2])
    shares = np.eye(3)[labels] * 0.9 + 0.1 / 3
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(shares * logs).sum(axis=1)
    loss = losses.TrainingLoss(3, label_smoothing=0.1)
    assert float(loss(loss.targets(labels), logits)) == pytest.approx(expected.mean())
    weights = np.array([1.0, 1.0, 3.0], np.float32)
    loss = losses.TrainingLoss(3, weights, label_smoothing=0.1)
    assert float(loss(loss.targets(labels), logits)) == pytest.approx((expected * [1, 3]).mean())


def test_a_crop_is_cut_from_the_mirrored_image_of_each_by_itself() -> None:
    images = np.arange(6 * 5 * 4, dtype=np.float32).reshape(6, 5, 4, 1)
    cropped = np.asarray(augmentation.RandomCrop(2, seed=1)(images, training=True))
    widened = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    found = set()
    for image, wide in zip(cropped, widened, strict=True):
        places = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.array_equal(image, wide[y : y + 5, x : x + 4])
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) > 2


@pytest.mark.parametrize(
    "changes", [{"flip": True}, {"crop": 2}, {"erasing": 0.25}, {"mixup": 0.5}, {"cutmix": 0.5}]
)
def test_each_image_is_changed_by_itself_and_each_time_anew(changes: dict[str, Any]) -> None:
    """Images of a batch are alike here but for a constant, so that what is done to them can be told
    apart.
    """
    one = np.random.default_rng(0).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    images, labels = np.stack([one] * 16), np.eye(16, dtype=np.float32)
    settings = Augmentation(**changes)
    mixing = augmentation.build_mixing(settings, seed=3)

    def apply() -> NDArray[np.float32]:
        if mixing is None:
            (layer,) = augmentation.build(settings, seed=3)
            layer(images, training=True)
            return np.asarray(layer(images, training=True)).reshape(16, -1)
        mixed = mixing({"images": images, "labels": labels}, training=True)
        assert np.allclose(np.sum(mixed["labels"], axis=1), 1, atol=1e-5)
        return np.asarray(mixed["labels"])

    once = apply()
    if "erasing" in changes:
        grey = np.mean(once.reshape(images.shape) == augmentation.GREY, axis=(1, 2, 3))
        assert np.all((grey >= 0.14) & (grey <= 0.4)), (
            "a quarter of every image, cut at whole pixels"
        )
    assert len(np.unique(once.round(3), axis=0)) >= (2 if "flip" in changes else 5)
    if mixing is not None:
        assert not np.array_equal(apply(), once)
    else:
        assert np.array_equal(
            augmentation.build(settings, seed=3)[0](images, training=False), images
        )


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_kernels_decay_and_biases_do_not(name: str) -> None:
    settings = experiment(
        train__optimizer=name, train__weight_decay=0.5, train__learning_rate=0.1
    ).train
    weights = [keras.Variable(np.ones(2), name=each) for each in ("kernel", "bias", "gamma")]
    built = optimizer.build(settings, steps=10)
    built.build(weights)
    built.apply([np.zeros(2, np.float32)] * 3, weights)
    assert [each.numpy().tolist() for each in weights] == [
        [pytest.approx(0.95)] * 2,
        [1, 1],
        [1, 1],
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train__momentum": 0.9}, "momentum is for optimizer sgd; got adam"),
        (
            {"train__optimizer": "sgd", "train__nesterov": True},
            "nesterov needs momentum",
        ),
        ({"train__weight_decay": 0.1}, "weight_decay is for optimizer adamw and sgd; got adam"),
        (
            {"augmentation__mixup": 0.2, "augmentation__cutmix": 0.2},
            "mixup and cutmix exclude each other",
        ),
        ({"train__warmup": 0.1}, "warmup needs schedule cosine"),
        ({"train__schedule": "cosine", "train__plateau": 2}, "would both lower the learning rate"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        experiment(**changes)


def test_class_weights_make_rare_classes_count(few_digits: SplitDataset) -> None:
    labels = few_digits.bank.labels[few_digits.splits.train]
    rare = np.concatenate([np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)[:2]])
    splits = replace(few_digits.splits, train=few_digits.splits.train[rare])
    skewed = replace(few_digits, splits=splits)
    weights = losses.class_weights(
        experiment(train__class_weight="balanced").train, labels[rare], 3
    )
    count = int((labels == 1).sum())
    assert weights == pytest.approx([(count + 2) / 4, (count + 2) / (2 * count), 0])
    plain = fit.fit(experiment(), skewed).history["loss"].iloc[0]
    weighted = fit.fit(experiment(train__class_weight="balanced"), skewed).history["loss"].iloc[0]
    assert plain != weighted


def test_bfloat16_trains_otherwise_and_predicts_in_float32(few_digits: SplitDataset) -> None:
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
