from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.settings.model import Model
from convladder.experiments.preview import measure_cost
from convladder.models import convnet, cost, shapes

CIFAR = (32, 32, 3)

CLASSIC = [62_006, 62_006, 136_886, 515_518, 350_142, 351_038, 351_038, 351_038, 351_038]
NOTEBOOK = [62_006, 62_006, 136_886, 256_830, 122_334, 123_230, 123_230, 123_230]


@pytest.mark.parametrize(("name", "parameters"), [("classic", CLASSIC), ("notebook", NOTEBOOK)])
def test_the_ladders_have_the_parameters_of_the_design(name: str, parameters: list[int]) -> None:
    ladder = load_ladder(name)
    counted = [
        measure_cost(ladder.experiment(rung.name), CIFAR, 10).parameters for rung in ladder.rungs
    ]
    assert counted == parameters


def test_lenet5_costs_what_one_counts_by_hand() -> None:
    price = measure_cost(Experiment(), CIFAR, 10)
    convolutions = 28 * 28 * 6 * (5 * 5 * 3) + 10 * 10 * 16 * (5 * 5 * 6)
    dense = 5 * 5 * 16 * 120 + 120 * 84 + 84 * 10
    assert price.macs == convolutions + dense
    # bias and ReLU for each, and each is read once by a pooling
    values = 28 * 28 * 6 + 10 * 10 * 16
    others = 32 * 32 * 3 + 3 * values + 2 * (120 + 84) + 10
    assert price.flops == 2 * price.macs + others


@pytest.mark.parametrize("shape", [CIFAR, (47, 61, 1)])
@pytest.mark.parametrize("name", ["classic", "modern", "notebook"])
def test_the_flops_are_the_same_before_a_network_is_built(
    name: str, shape: tuple[int, int, int]
) -> None:
    for rung in load_ladder(name).rungs:
        experiment = load_ladder(name).experiment(rung.name)
        built = measure_cost(experiment, shape, 7).flops
        assert shapes.count_flops(experiment.model, shape, 7) == built, rung.name


@pytest.mark.parametrize(
    "model",
    [
        {"dense": ()},
        {"kernel_size": 4, "padding": "same"},
        {"filters": (3, 5, 7, 9)},
        {"head": "average"},
        {"residual": (2, 0), "batch_norm": True},
        {"squeeze": 4, "filters": (3, 8)},
        {"residual": (0, 3), "squeeze": 2, "head": "average", "dense": ()},
        {"whitening": True},
    ],
)
def test_the_flops_are_the_same_for_other_settings(model: dict[str, Any]) -> None:
    experiment = Experiment(model=Model(**model))
    shape = (128, 100, 3)
    assert (
        shapes.count_flops(experiment.model, shape, 2) == measure_cost(experiment, shape, 2).flops
    )


def test_a_small_net_costs_what_one_counts_by_hand() -> None:
    model = keras.Sequential([
        keras.Input((8, 8, 2)),
        layers.Conv2D(4, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(3),
    ])  # fmt: skip
    macs = 8 * 8 * 4 * (3 * 3 * 2) + (4 * 4 * 4) * 3
    price = cost.measure(model)
    assert price.parameters == 3 * 3 * 2 * 4 + 4 * 4 + (64 * 3 + 3)
    assert price.macs == macs
    assert price.flops == 2 * macs + 256 * 2 + 256 + 256 + 3


def test_an_unknown_layer_has_no_price() -> None:
    model = keras.Sequential([keras.Input((8, 8, 2)), layers.UpSampling2D(2)])
    with pytest.raises(ValueError, match="UpSampling2D"):
        cost.measure(model)


@pytest.mark.parametrize(
    ("changes", "smallest"),
    [
        ({}, 16),
        ({"model.padding": "same"}, 4),
        ({"model.filters": [128, 64, 32], "model.kernel_size": 3}, 22),
        ({"model.filters": [8]}, 6),
    ],
)
def test_the_smallest_size_builds_and_one_pixel_less_says_so(
    changes: dict[str, object], smallest: int
) -> None:
    settings = Experiment().replace(changes).model
    convnet.build(settings, (smallest, smallest, 1), 3)
    with pytest.raises(ExperimentError, match=f"smallest size is {smallest}x{smallest}"):
        convnet.build(settings, (smallest - 1, smallest + 5, 1), 3)


def test_unit_preprocessing_divides_by_255() -> None:
    network = convnet.build(Model(), (16, 16, 1), 2)
    first = keras.Model(network.input, network.get_layer("preprocessing").output)
    values = first(np.full((1, 16, 16, 1), 51.0))
    assert np.allclose(values, 0.2)


def test_standardizing_takes_off_the_mean_and_divides_by_the_deviation() -> None:
    settings = Experiment().replace({"model.preprocessing": "standardize"}).model
    network = convnet.build(
        settings, (16, 16, 2), 2, convnet.Statistics((100.0, 50.0), (20.0, 10.0))
    )
    first = keras.Model(network.input, network.get_layer("preprocessing").output)
    values = np.asarray(first(np.full((1, 16, 16, 2), 120.0)))
    assert np.allclose(values[..., 0], 1)
    assert np.allclose(values[..., 1], 7)


def test_dropout_stands_after_poolings_and_dense_layers() -> None:
    ladder = load_ladder("classic")
    network = convnet.build(ladder.experiment("dropout-conv").model, CIFAR, 10)
    names = [layer.name for layer in network.layers]
    assert names == [
        "pixels", "preprocessing",
        "conv_1", "batch_norm_1", "relu_1", "pooling_1", "dropout_conv_1",
        "conv_2", "batch_norm_2", "relu_2", "pooling_2", "dropout_conv_2",
        "conv_3", "batch_norm_3", "relu_3", "pooling_3",
        "flatten", "dense_1", "dropout_dense_1", "dense_2", "dropout_dense_2", "logits",
    ]  # fmt: skip


def test_batch_norm_keeps_its_statistics_with_the_momentum_of_the_settings() -> None:
    settings = (
        Experiment().replace({"model.batch_norm": True, "model.batch_norm_momentum": 0.5}).model
    )
    network = convnet.build(settings, CIFAR, 10)
    assert network.get_layer("batch_norm_1").momentum == 0.5
