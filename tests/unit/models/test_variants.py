"""Other widths of keras.applications, and the images that their weights were trained on: what a
name says, what a network costs, and which one a file fits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.settings.model import Model
from convladder.experiments.pretrained import backbones, imagenet
from convladder.models import cost, imagenet_weights, networks, variants, weight_shapes
from convladder.models.catalog import FAMILIES
from weight_files import publish, save

NARROW = "MobileNet@0.25"
OTHERS = [name for name in variants.NETWORKS if name not in FAMILIES]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(NARROW, tmp_path_factory.mktemp("saved") / "narrow.weights.h5")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("VGG16", ("VGG16", "VGG16", {}, None)),
        ("MobileNetV2", ("MobileNetV2", "MobileNetV2", {}, 224)),
        ("MobileNetV2-96", ("MobileNetV2", "MobileNetV2", {}, 96)),
        ("MobileNet@0.25-128", ("MobileNet@0.25", "MobileNet", {"alpha": 0.25}, 128)),
        (
            "MobileNetV3Small@minimalistic",
            ("MobileNetV3Small@minimalistic", "MobileNetV3Small", {"minimalistic": True}, None),
        ),
    ],
)
def test_a_name_says_the_network_and_its_weights(name: str, said: tuple[Any, ...]) -> None:
    assert name in variants.PUBLISHED
    assert variants.parse(name) == variants.Variant(*said)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("MobileNet@0.25-128", "mobilenet_2_5_128_tf_no_top.h5"),
        ("MobileNet@0.5", "mobilenet_5_0_224_tf_no_top.h5"),
        (
            "MobileNetV2@0.35-96",
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
        ),
        (
            "MobileNetV3Small@minimalistic",
            "weights_mobilenet_v3_small_minimalistic_224_1.0_float_no_top_v2.h5",
        ),
        ("MobileNetV3Small@0.75", "weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5"),
    ],
)
def test_each_name_has_a_file_of_its_own(
    name: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_file(asked: str, *args: Any, **kwargs: Any) -> str:
        raise ValueError(f"asked for {asked}")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(ExperimentError, match=f"asked for {file}"):
        imagenet_weights.download(name, print)


def test_the_table_of_names_is_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "transfer.md").read_text(encoding="utf-8")
    listed = [
        line.split("`")[1] + told
        for line in page.splitlines()
        if line.startswith("| `Mobile")
        for told in re.findall(r"`([@-][^`]+)`", line)
    ]
    with_a_size = [name for name in variants.PUBLISHED if re.fullmatch(r"\w+-\d+", name)]
    assert sorted(listed) == sorted(OTHERS + with_a_size)


@pytest.mark.parametrize("name", OTHERS)
def test_the_cost_of_each_is_known_before_it_is_built(name: str) -> None:
    network = networks.build(
        Model(architecture=name, head="average", dense=()), (128, 128, 3), classes=1
    )
    head = network.get_layer("logits").count_params()
    price, family = cost.measure(network), variants.find(name)
    assert family.parameters == pytest.approx((price.parameters - head) / 1e6, rel=0.005)
    assert family.estimate_flops(128, 128) == pytest.approx(price.flops, rel=0.02)
    assert family.megabytes < FAMILIES[variants.parse(name).function].megabytes or "1." in name
    assert network.name.isidentifier(), "whatever it is exported to"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MobileNet@0.50", "did you mean 'MobileNet@0.5'"),
        ("MobileNet@1.0-224", "did you mean 'MobileNet'"),
        ("mobilenetv2@.35-96", "did you mean 'MobileNetV2@0.35-96'"),
        ("MobileNetV2@0.35-100", "did you mean 'MobileNetV2@0.35'"),
        ("MobilNet@0.25", "did you mean 'MobileNet@0.25'"),
        ("VGG16@0.5", "did you mean 'VGG16'"),
        ("Foo", "choose from ConvNeXtBase, .*MobileNet, MobileNetV2, "),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_is_meant(name: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=f"unknown backbone '{name}': {said}"):
        backbones.changes(name, None, {})


def test_a_network_is_named_without_the_size_of_images() -> None:
    with pytest.raises(ExperimentError, match=r"model\.architecture .*mean 'MobileNetV2@0\.35'"):
        variants.find("MobileNetV2@0.35-96")
    start = backbones.changes("MobileNetV2@0.35-96", None, {})
    assert start["model.architecture"] == "MobileNetV2@0.35"
    assert start["model.backbone"] == "MobileNetV2@0.35-96"
    settled = backbones.with_backbone(Experiment().replace(start))
    assert settled.model.architecture == "MobileNetV2@0.35"


def test_a_size_and_a_file_are_not_both_given(narrow: Path) -> None:
    start = backbones.changes(f"{NARROW}-128", str(narrow), {}) | {"model.pretrained": True}
    with pytest.raises(ExperimentError, match=f"give --pretrained {NARROW} with it"):
        backbones.settled(Experiment().replace(start).model)


def test_files_of_keras_are_found_by_name_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setattr(
        imagenet, "call", lambda function, *given, on_message: function(*given, on_message)
    )
    for side in (128, 224):
        publish(NARROW, tmp_path / "models" / f"mobilenet_2_5_{side}_tf_no_top.h5")
    said: list[str] = []
    of_224, of_128 = (imagenet.find(name, None, said.append) for name in (NARROW, f"{NARROW}-128"))
    assert of_224 != of_128
    assert said[0] == f"downloading the ImageNet weights of {NARROW} (about 1 MB)"
    assert imagenet.find(f"{NARROW}-128", None) == of_128
    (tmp_path / "models" / "mobilenet_2_5_128_tf_no_top.h5").unlink()
    assert imagenet.find(f"{NARROW}-128", None) == of_128, "they are kept"
    index = imagenet._index(f"{NARROW}-128", None)
    assert imagenet._is_ours(index)
    imagenet.clear()
    assert not index.exists()


def test_weights_are_given_to_layers_as_keras_does(narrow: Path) -> None:
    settings = Model(architecture=NARROW, head="average", dense=(), pretrained=True)
    network = networks.build(settings, (32, 40, 3), 2)
    networks.take(network, settings, networks.Backbone(imagenet_weights.read(NARROW, narrow)))
    theirs = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, input_shape=(32, 40, 3)
    )
    theirs.load_weights(narrow)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 40, 3)).astype(np.float32)
    maps = keras.Model(network.input, network.get_layer("average").input)
    assert np.allclose(maps(pixels), theirs(pixels / 127.5 - 1, training=False), atol=1e-5)


def test_a_file_of_another_width_is_told_by_its_shapes(narrow: Path, tmp_path: Path) -> None:
    wide = publish("MobileNet", tmp_path / "wide_no_top.h5")
    for named, file, fits in (("MobileNet", narrow, NARROW), (NARROW, wide, "MobileNet")):
        with pytest.raises(
            ExperimentError, match=f"but those of {fits}: give --pretrained {fits}$"
        ):
            imagenet_weights.read(named, file)


def test_what_an_optimizer_remembers_is_no_weight_of_a_network(tmp_path: Path) -> None:
    file = save(NARROW, tmp_path / "compiled.weights.h5")
    with h5py.File(file, "r+") as opened:
        opened["optimizer/vars/0"] = np.zeros((3, 3, 3, 8), np.float32)
        opened["layers/conv2d/steps"] = 7
        opened["layers/conv2d/nothing"] = h5py.Empty("f")
    assert weight_shapes.networks_of(file) == [NARROW]


def test_a_file_that_fits_no_network_is_said_to(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = np.zeros((3, 3, 3, 8), np.float32)
    with pytest.raises(ExperimentError, match=r"fit no other network of keras\.applications"):
        imagenet_weights.read(NARROW, tmp_path / "other.h5")


def test_a_file_of_the_same_shapes_with_other_layers_says_what_keras_says(
    narrow: Path, tmp_path: Path
) -> None:
    with h5py.File(narrow) as file, h5py.File(tmp_path / "flat.h5", "w") as flat:

        def copy(place: str, inside: Any) -> None:
            if isinstance(inside, h5py.Dataset):
                flat[place.replace("/", "_")] = inside[...]

        file.visititems(copy)
    with pytest.raises(ExperimentError, match=f"not those of {NARROW} .*: expected its") as caught:
        imagenet_weights.read(NARROW, tmp_path / "flat.h5")
    assert "no other network" not in str(caught.value)
