"""Grad-CAM finds evidence whose place is known: small marks that tell the class, planted anywhere in noise."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import convladder as cl
from convladder import runs
from convladder.config import Model
from convladder.inference import load_network
from convladder.models import convnet, features, gradcam

pytestmark = pytest.mark.xdist_group("gradcam")

SIDE, MARK = 24, 6
Planted = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]


def marks() -> NDArray[np.float64]:
    """Return a plus, a frame, a cross and stripes, `(4, MARK, MARK)`."""
    drawn = np.zeros((4, MARK, MARK))
    drawn[0, 2:4, :] = drawn[0, :, 2:4] = 1
    drawn[1, [0, -1], :] = drawn[1, :, [0, -1]] = 1
    drawn[2] = np.maximum(np.eye(MARK), np.eye(MARK)[::-1])
    drawn[3, ::2, :] = 1
    return drawn


def plant(images: int, seed: int) -> Planted:
    """Return images `(N, SIDE, SIDE, 1)`, their classes, and the upper left corner of the mark in each."""
    draw = np.random.default_rng(seed)
    classes = draw.integers(0, 4, images)
    pixels = draw.integers(0, 100, (images, SIDE, SIDE, 1))
    corners = draw.integers(0, SIDE - MARK + 1, (images, 2))
    for image, (top, left), mark in zip(pixels, corners, marks()[classes], strict=True):
        image[top : top + MARK, left : left + MARK, 0] += (150 * mark).astype(int)
    return pixels.astype(np.uint8), classes, corners


def on_mark(heat: NDArray[np.float32], corners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each image whether its hottest pixel is on the mark or next to it."""
    hottest = np.stack(np.unravel_index(heat.reshape(len(heat), -1).argmax(axis=1), heat.shape[1:]), axis=1)
    return ((hottest >= corners - 1) & (hottest <= corners + MARK)).all(axis=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> cl.Run:
    folder = tmp_path_factory.mktemp("planted")
    arrays = {}
    for seed, (part, images) in enumerate({"train": 1500, "validation": 200, "test": 300}.items()):
        arrays[f"x_{part}"], arrays[f"y_{part}"], _ = plant(images, seed)
    np.savez(folder / "planted.npz", **arrays)
    return cl.train(folder / "planted.npz", "smaller-kernels", epochs=8, out=folder / "run", quiet=True)


@pytest.fixture(scope="module")
def network(run: cl.Run) -> keras.Model:
    return load_network(runs.Run(run.folder))


def test_the_hottest_pixel_is_on_the_evidence(run: cl.Run, network: keras.Model) -> None:
    pixels, classes, corners = plant(300, seed=2)
    assert run.metrics["test"]["accuracy"] > 0.95
    heat = gradcam.heat_maps(network, pixels, classes)
    chance = (MARK + 2) ** 2 / SIDE**2
    assert on_mark(heat, corners).mean() > 0.85 > 5 * chance


def test_a_network_that_has_learned_nothing_looks_anywhere() -> None:
    """The same measure, where there is nothing to find: so the one above can fail."""
    pixels, classes, corners = plant(300, seed=2)
    keras.utils.set_random_seed(0)
    untrained = convnet.build(Model(filters=(16, 16, 16), kernel_size=3, padding="same"), (SIDE, SIDE, 1), 4)
    assert on_mark(gradcam.heat_maps(untrained, pixels, classes), corners).mean() < 0.6


def test_the_maps_kept_with_a_run_are_those_of_what_it_predicted(run: cl.Run, network: keras.Model) -> None:
    _, _, corners = plant(300, seed=2)
    samples = run.samples
    assert samples.heat.shape == samples.pixels.shape[:3]
    assert on_mark(samples.heat[:12], corners[samples.rows[:12]]).mean() > 0.7
    wrong = np.flatnonzero(run.predictions.query("split == 'test'").reset_index().eval("label != predicted"))
    assert set(wrong[:3]) <= set(samples.rows)


def test_heat_is_scaled_by_image() -> None:
    pixels, classes, _ = plant(5, seed=3)
    keras.utils.set_random_seed(0)
    untrained = convnet.build(Model(), (SIDE, SIDE, 1), 4)
    heat = gradcam.heat_maps(untrained, pixels, classes)
    assert heat.shape == (5, SIDE, SIDE)
    assert heat.min() >= 0
    assert set(heat.max(axis=(1, 2)).tolist()) <= {0.0, 1.0}


def test_without_padding_the_border_stays_cold() -> None:
    """A convolution of 5 without padding sees no place whose centre lies two pixels from the edge."""
    pixels, classes, _ = plant(5, seed=3)
    keras.utils.set_random_seed(0)
    heat = gradcam.heat_maps(convnet.build(Model(), (SIDE, SIDE, 1), 4), pixels, classes)
    assert heat[:, :2].max() == heat[:, :, -2:].max() == 0
    assert heat[:, 2:-2, 2:-2].max() == 1


def test_feature_maps_are_the_strongest_first(network: keras.Model) -> None:
    pixels, _, _ = plant(1, seed=4)
    found = features.feature_maps(network, pixels[0])
    assert [maps.shape for maps in found.values()] == [(24, 24, 16), (12, 12, 16), (6, 6, 16)]
    for maps in found.values():
        peaks = maps.max(axis=(0, 1)).tolist()
        assert peaks == sorted(peaks, reverse=True)
        assert peaks[0] == 255


def test_the_filters_kept_are_those_of_the_first_convolution(run: cl.Run, network: keras.Model) -> None:
    assert np.array_equal(run.features.filters, np.asarray(network.get_layer("conv_1").kernel))
    assert run.plot_filters().size >= 32
    assert len(run.plot_features()) == 7
    assert run.plot_heat().shape[1] == 8
