"""Grad-CAM finds evidence whose place is known: small marks that tell the class, planted anywhere
in noise.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import convladder as cl
from convladder.core.settings.model import Model
from convladder.experiments.inference import load_network
from convladder.models import convnet, feature_maps, gradcam
from convladder.results import saved_run
from planted_marks import brightness, on_mark, plant

pytestmark = [pytest.mark.xdist_group("gradcam")]

SIDE, MARK = 24, 6
CHANCE = (MARK + 2) ** 2 / SIDE**2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> cl.Run:
    folder = tmp_path_factory.mktemp("planted")
    arrays = {}
    for seed, (part, images) in enumerate({"train": 2000, "validation": 200, "test": 300}.items()):
        arrays[f"x_{part}"], arrays[f"y_{part}"], _ = plant(images, seed, SIDE, MARK)
    np.savez(folder / "planted.npz", **arrays)
    return cl.train(
        folder / "planted.npz", "smaller-kernels", epochs=10, out=folder / "run", quiet=True
    )


@pytest.fixture(scope="module")
def network(run: cl.Run) -> keras.Model:
    return load_network(saved_run.SavedRun(run.folder))


def test_the_hottest_pixel_is_on_the_evidence(run: cl.Run, network: keras.Model) -> None:
    """A decoy is as bright as the mark, so brightness alone would find it in half of the images."""
    pixels, classes, corners = plant(300, 2, SIDE, MARK)
    assert run.metrics["test"]["accuracy"] > 0.95
    assert on_mark(brightness(pixels, MARK), corners, MARK).mean() < 0.6
    heat = gradcam.heat_maps(network, pixels, classes)
    assert on_mark(heat, corners, MARK).mean() > 0.75 > 5 * CHANCE


def test_there_is_no_evidence_for_a_class_that_is_not_there(network: keras.Model) -> None:
    pixels, classes, corners = plant(300, 2, SIDE, MARK)
    heat = gradcam.heat_maps(network, pixels, (classes + 1) % 4)
    assert on_mark(heat, corners, MARK).mean() < 0.35


def test_a_network_that_has_learned_nothing_does_not_find_it() -> None:
    pixels, classes, corners = plant(300, 2, SIDE, MARK)
    keras.utils.set_random_seed(0)
    untrained = convnet.build(
        Model(filters=(16, 16, 16), kernel_size=3, padding="same"), (SIDE, SIDE, 1), 4
    )
    assert on_mark(gradcam.heat_maps(untrained, pixels, classes), corners, MARK).mean() < 0.5


@pytest.mark.parametrize(
    ("padding", "side", "number"), [("same", 31, 3), ("same", 40, 2), ("valid", 41, 2)]
)
def test_heat_lies_where_the_layer_looked(padding: str, side: int, number: int) -> None:
    """One bright pixel warms the cells that see it: their middle is the pixel, wherever poolings
    drop rows.
    """
    model = Model(filters=(4,) * number, kernel_size=3, padding=padding)
    network = convnet.build(model, (side, side, 1), 2)
    for layer in network.layers:
        if layer.name.startswith("conv_"):
            kernel, _ = layer.get_weights()
            layer.set_weights([np.ones_like(kernel), np.zeros(kernel.shape[-1])])
    stride, place = 2 ** (number - 1), side // 2
    pixels = np.zeros((1, side, side, 1), np.uint8)
    pixels[0, place, place] = 255
    border = sum(2**each for each in range(number)) if padding == "valid" else 0
    cells = network.get_layer(f"relu_{number}").output.shape[1]
    warm = np.zeros((1, cells, cells), np.float32)
    warm[0, (place - border) // stride, (place - border) // stride] = 1
    spread = gradcam._spread(warm, (side, side), stride, gradcam._border(network, number))
    rows = spread[0].sum(axis=1)
    assert (rows * np.arange(side)).sum() / rows.sum() == pytest.approx(place, abs=stride / 2)
    assert spread.shape == (1, side, side)


def test_the_maps_kept_with_a_run_are_those_of_what_it_predicted(
    run: cl.Run, network: keras.Model
) -> None:
    _, _, corners = plant(300, 2, SIDE, MARK)
    samples = run.samples
    assert samples.heat.shape == samples.pixels.shape[:3]
    assert on_mark(samples.heat[:12], corners[samples.rows[:12]], MARK).mean() > 0.5
    wrong = np.flatnonzero(
        run.predictions.query("split == 'test'").reset_index().eval("label != predicted")
    )
    assert set(wrong[:3]) <= set(samples.rows)


def test_heat_is_scaled_by_image() -> None:
    pixels, classes, _ = plant(5, 3, SIDE, MARK)
    keras.utils.set_random_seed(0)
    untrained = convnet.build(Model(), (SIDE, SIDE, 1), 4)
    heat = gradcam.heat_maps(untrained, pixels, classes)
    assert heat.shape == (5, SIDE, SIDE)
    assert heat.min() >= 0
    assert set(heat.max(axis=(1, 2)).tolist()) <= {0.0, 1.0}


def test_without_padding_the_border_stays_cold() -> None:
    """A convolution of 5 without padding sees no centre that is two pixels from the edge."""
    pixels, classes, _ = plant(5, 3, SIDE, MARK)
    keras.utils.set_random_seed(0)
    heat = gradcam.heat_maps(convnet.build(Model(), (SIDE, SIDE, 1), 4), pixels, classes)
    assert heat[:, :2].max() == heat[:, :, -2:].max() == 0
    assert heat[:, 2:-2, 2:-2].max() == 1


def test_feature_maps_are_the_strongest_first(network: keras.Model) -> None:
    pixels, _, _ = plant(1, 4, SIDE, MARK)
    found = feature_maps.feature_maps(network, pixels[0])
    assert [maps.shape for maps in found.values()] == [(24, 24, 16), (12, 12, 16), (6, 6, 16)]
    for maps in found.values():
        peaks = maps.max(axis=(0, 1)).tolist()
        assert peaks == sorted(peaks, reverse=True)
        assert peaks[0] == 255


def test_a_network_of_one_convolution_has_feature_maps_too() -> None:
    pixels, _, _ = plant(1, 4, SIDE, MARK)
    one = convnet.build(Model(filters=(8,)), (SIDE, SIDE, 1), 4)
    assert {
        name: maps.shape for name, maps in feature_maps.feature_maps(one, pixels[0]).items()
    } == {"relu_1": (20, 20, 8)}


def test_the_filters_kept_are_those_of_the_first_convolution(
    run: cl.Run, network: keras.Model
) -> None:
    assert np.array_equal(run.features.filters, np.asarray(network.get_layer("conv_1").kernel))
    assert run.plot_filters().size >= 32
    assert len(run.plot_features()) == 7
    assert run.plot_heat().shape[1] == 8
