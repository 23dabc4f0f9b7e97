"""The networks of keras.applications: their pixels, their weights by download or from a file, their
cost.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from filelock import FileLock
from keras.src.utils import file_utils

import convladder as cl
from convladder.core import files
from convladder.core.errors import ExperimentError, RunError
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.settings.model import Model
from convladder.experiments.pretrained import backbones, imagenet, weight_cache
from convladder.models import (
    cost,
    feature_maps,
    gradcam,
    imagenet_weights,
    keras_applications,
    networks,
    shapes,
)
from convladder.models.catalog import FAMILIES
from convladder.models.layers import FixedBatchNormalization
from convladder.models.variants import find

SMALL = "MobileNetV3Small"
ON_TOP: dict[str, Any] = {"head": "average", "dense": ()}


def of(name: str, **settings: Any) -> Model:
    return Model(architecture=name, **ON_TOP | settings)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights of a small network, as one would download it."""
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    keras.applications.MobileNetV3Small(include_top=False, weights=None).save_weights(path)
    return path


@pytest.fixture(scope="module")
def arrays(weights: Path) -> dict[str, Any]:
    return imagenet_weights.read(SMALL, weights)


def test_every_network_of_keras_is_known() -> None:
    assert set(FAMILIES) == {name for name in dir(keras.applications) if name[0].isupper()}
    with pytest.raises(ExperimentError, match="did you mean 'MobileNetV2'"):
        find("MobilNetV2")
    with pytest.raises(ExperimentError, match="did you mean 'VGG16'"):
        find("vgg16")


@pytest.mark.parametrize(
    "name", [name for name, family in FAMILIES.items() if family.mode != "inside"]
)
def test_pixels_are_preprocessed_as_the_network_wants_them(name: str) -> None:
    theirs = sys.modules[getattr(keras.applications, name).__module__]
    inputs = keras.Input((4, 4, 3))
    inside = keras.Model(inputs, keras_applications._preprocessed(find(name).mode, inputs))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    assert np.allclose(inside(pixels), theirs.preprocess_input(pixels.copy()), atol=1e-4)


def test_weights_have_the_same_names_whatever_was_built_before() -> None:
    for name in ("ConvNeXtTiny", "EfficientNetB0", "MobileNetV2"):
        first, second = (networks.build(of(name), (32, 32, 3), 2) for _ in range(2))
        assert [each.path for each in first.weights] == [each.path for each in second.weights]


def test_where_a_network_looked_is_found_in_one_whose_layers_all_have_a_way_around() -> None:
    network = networks.build(of("ConvNeXtTiny"), (64, 64, 3), 2)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    assert gradcam.heat_maps(network, pixels, np.array([1])).shape == (1, 64, 64)


def test_a_network_is_the_one_of_keras_with_another_head(
    weights: Path, arrays: dict[str, Any]
) -> None:
    network = networks.build(of(SMALL, pretrained=True), (32, 40, 3), 5)
    networks.take(network, of(SMALL, pretrained=True), networks.Backbone(arrays))
    theirs = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 40, 3)
    )
    theirs.load_weights(weights)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 40, 3)).astype(np.float32)
    maps = keras.Model(network.input, network.get_layer("average").input)
    assert np.allclose(maps(pixels, training=True), theirs(pixels, training=False), atol=1e-5)
    fixed = [
        layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert all(isinstance(layer, FixedBatchNormalization) for layer in fixed)
    again = networks.build(of(SMALL), (32, 40, 3), 5)
    assert [each.path for each in again.weights] == [each.path for each in network.weights]


def test_grey_images_are_repeated_and_small_ones_refused() -> None:
    network = networks.build(of(SMALL), (32, 32, 1), 2)
    assert network(np.zeros((1, 32, 32, 1))).shape == (1, 2)
    with pytest.raises(ExperimentError, match=r"smallest size is 32x32 \(--image-size 32\)"):
        networks.build(of(SMALL), (31, 40, 3), 2)


def test_its_cost_is_counted_and_estimated_before() -> None:
    network = networks.build(of(SMALL), (128, 128, 3), 2)
    networks.freeze(network, True)
    price = cost.measure(network)
    assert price.parameters == network.count_params()
    assert price.trained == 576 * 2 + 2
    assert shapes.count_flops(of(SMALL), (128, 128, 3), 2) == pytest.approx(price.flops, rel=0.3)


def test_convolutions_of_one_channel_each_cost_what_one_counts_by_hand() -> None:
    inputs = keras.Input((8, 8, 3))
    values = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(inputs)
    values = keras.layers.ReLU(6.0)(values)
    values = keras.layers.ZeroPadding2D(1)(values)
    model = keras.Model(inputs, keras.layers.SeparableConv2D(5, 3, activation="silu")(values))
    price = cost.measure(model)
    assert price.macs == 8 * 8 * 3 * 9 + 8 * 8 * (3 * 9 + 3 * 5)
    assert price.flops == 2 * price.macs + 2 * 8 * 8 * 3 + 8 * 8 * 5 * (1 + 2)


def test_where_it_looked_and_what_it_sees_can_be_shown() -> None:
    network = networks.build(of(SMALL), (48, 48, 3), 2)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3)).astype(np.uint8)
    heat = gradcam.heat_maps(network, pixels, np.array([0, 1]))
    assert heat.shape == (2, 48, 48)
    assert np.isfinite(heat).all()
    maps = feature_maps.feature_maps(network, pixels[0])
    assert [each.shape[0] for each in maps.values()] == [24, 12, 6, 3, 2]
    assert feature_maps.first_filters(network).shape == (3, 3, 3, 16)


def test_weights_from_a_file_are_kept_under_their_sum(
    weights: Path, arrays: dict[str, Any]
) -> None:
    start = backbones.changes(SMALL, str(weights), {})
    experiment = load_ladder("transfer").experiment("transfer-frozen", start)
    settled = experiment.replace(
        {"model.backbone_sha256": imagenet.fetch(SMALL, str(weights), print)}
    )
    backbone = backbones.load(settled.model)
    assert backbone is not None
    assert set(backbone.weights) == set(arrays)
    assert backbones.with_backbone(experiment) == settled, "it is not read again"
    (kept,) = weight_cache.folder().glob(f"{settled.model.backbone_sha256}*")
    whole = kept.read_bytes()
    for damaged in (whole[:-4] + b"\0\0\0\1", whole[:1000], b"\0" * 8 + whole[8:], b""):
        kept.write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            backbones.load(settled.model)
        assert imagenet.fetch(SMALL, str(weights), print) == settled.model.backbone_sha256
        assert kept.read_bytes() == whole, "the same command fetches them again"
    weights_by_name = experiment.model.weights
    assert weights_by_name is not None
    elsewhere = settled.replace({"model.weights": "/moved.h5"})
    assert backbones.with_backbone(elsewhere) == elsewhere, (
        "they are kept, wherever the file is by now"
    )


def test_imagenet_weights_are_downloaded_once(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def get_file(name: str, *args: Any, **kwargs: Any) -> str:
        asked.append(name)
        return str(weights)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    first = imagenet.fetch(SMALL, None, print)
    assert imagenet.fetch(SMALL, None, print) == first
    assert len(asked) == 1
    assert "no_top" in asked[0]
    model = Experiment().replace(
        {"model.backbone": SMALL, "model.architecture": SMALL, "model.pretrained": True}
    )
    assert backbones.settled(model.model)["model.backbone_sha256"] == first
    files.remove(imagenet._index(SMALL, None))


def test_another_command_that_fetches_is_waited_for(weights: Path) -> None:
    index = imagenet._index(SMALL, str(weights))
    files.make_folder(index.parent)
    fetching = FileLock(index.with_suffix(".lock"), thread_local=False)
    fetching.acquire()

    def say(text: str) -> None:
        assert "waiting for another command" in text
        fetching.release()

    assert imagenet.fetch(SMALL, str(weights), say)
    assert not fetching.is_locked


def test_a_cache_that_cannot_be_written_is_said(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ExperimentError, match=r"cannot write the cache .*CONVLADDER_CACHE"):
        imagenet.fetch(SMALL, str(weights), print)


def test_offline_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_file(*args: Any, **kwargs: Any) -> str:
        raise Exception("URL fetch failure on https://there: None -- no route")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    said = r"no route.*--pretrained MobileNetV2@0\.35 --weights FILE"
    with pytest.raises(ExperimentError, match=said) as caught:
        imagenet_weights.download("MobileNetV2@0.35-96", print)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionResetError(104, "reset"), "cannot get the ImageNet weights"),
        (TimeoutError("timed out"), "cannot get the ImageNet weights"),
        (PermissionError(13, "no"), "cannot get the ImageNet weights"),
        (
            OSError("Unable to synchronously open file (truncated file)"),
            "is damaged: remove .*/half.h5 and",
        ),
    ],
)
def test_a_download_that_fails_is_told_from_a_file_that_is_damaged(
    error: OSError, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_file(*args: Any, **kwargs: Any) -> str:
        raise error

    monkeypatch.setattr(file_utils, "get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "half.h5").write_bytes(b"\x89HDF")
    with pytest.raises(ExperimentError, match=said):
        imagenet_weights.download(SMALL, print)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npz", b"PK", r"expected \.h5"),
        ("a.keras", b"PK", r"expected \.h5"),
        ("a.H5", b"PK", r"expected \.h5"),
        ("a.h5", b"\x80\x04 a pickle", "not an HDF5 file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExperimentError, match=said):
        imagenet_weights.read(SMALL, tmp_path / name)


def test_a_file_that_points_elsewhere_or_is_of_another_network_is_refused(
    tmp_path: Path, weights: Path
) -> None:
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file.create_group("inside")["there"] = h5py.ExternalLink("/etc/passwd", "/")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("there", (4,), "u1", external=[("/etc/passwd", 0, 4)])
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        file["inside"] = file["/"]
    for name in ("link.h5", "raw.h5", "circle.h5"):
        with pytest.raises(ExperimentError, match="refers to data elsewhere"):
            imagenet_weights.read(SMALL, tmp_path / name)
    shutil.copy(weights, tmp_path / "nan.weights.h5")
    with h5py.File(tmp_path / "nan.weights.h5", "r+") as file:
        file["layers/batch_normalization/vars/0"][...] = np.nan
    with pytest.raises(ExperimentError, match="not numbers"):
        imagenet_weights.read(SMALL, tmp_path / "nan.weights.h5")
    said = f"not those of MobileNet without its top, but those of {SMALL}"
    with pytest.raises(ExperimentError, match=said):
        imagenet_weights.read("MobileNet", weights)


def test_the_files_of_efficientnet_give_pixels_as_keras_does() -> None:
    """They have the deviation in the place of the variance
    (github.com/tensorflow/tensorflow/issues/49930).
    """
    normalization = keras.layers.Normalization(axis=3)
    inputs = keras.Input((4, 4, 3))
    # as EfficientNet begins
    begun = keras.Model(inputs, normalization(keras.layers.Rescaling(1 / 255)(inputs)))
    normalization.set_weights(
        [np.array(keras_applications.MEAN), np.array(keras_applications.DEVIATION), np.array(1)]
    )
    normalization.finalize_state()  # as when Keras loads them
    ours = keras_applications.renamed(begun, fixed=True)
    named = imagenet_weights._named(begun)
    for each in ours.weights:
        each.assign(named[each.path])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    # by the layer that it has only with imagenet
    theirs = begun(pixels) / np.sqrt(keras_applications.DEVIATION)
    assert np.allclose(ours(pixels), theirs, atol=1e-4)
    new = keras_applications.renamed(begun, fixed=False)
    assert np.allclose(new(pixels), theirs, atol=1e-4), "the same pixels from scratch"


def test_a_network_of_keras_is_trained_and_reported(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = cl.train(
        "digits",
        "transfer-frozen",
        pretrained=SMALL,
        weights=weights,
        epochs=1,
        changes={"data.limit": 40, "data.image_size": (32, 32)},
        quiet=True,
    )
    assert run.metrics["price"]["trained_parameters"] == 576 * 10 + 10
    assert run.report().exists()
