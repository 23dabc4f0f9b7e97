"""A network of another width, from a file of weights to a bundle, and with ImageNet's weights."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import convladder as cl
from command_line import convladder_here
from convladder.core.settings.model import Model
from convladder.models import imagenet_weights, networks
from images_made import MakeFolder
from weight_files import save

NARROW = "MobileNet@0.25"
WEIGHTS = "CONVLADDER_IMAGENET_WEIGHTS"  # a folder of files that keras.applications publishes
OF_NARROW = Path(os.environ.get(WEIGHTS, "")) / "mobilenet_2_5_224_tf_no_top.h5"
SIDE = 96


def test_a_narrow_network_is_trained_and_bundled(make_folder: MakeFolder, tmp_path: Path) -> None:
    images = make_folder({"cat": 12, "dog": 12}, size=32)
    file = save(NARROW, tmp_path / "narrow.weights.h5")
    words = ("--pretrained", NARROW, "--weights", str(file), "--image-size", "32")
    done = convladder_here(
        "train", str(images), *words, "--epochs", "1", "--out", "run", "--quiet", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    run = cl.Run(tmp_path / "run")
    model = run.experiment.model
    assert (model.architecture, model.backbone, model.pretrained) == (NARROW, NARROW, True)
    assert run.metrics["price"]["parameters"] == 218_544 + 2 * 256 + 2
    bundle = cl.Bundle(run.bundle(tmp_path / "x.convladder"))
    assert bundle.contents.experiment.model.architecture == NARROW


@pytest.mark.skipif(
    not OF_NARROW.is_file(), reason=f"{WEIGHTS} names no folder with {OF_NARROW.name}"
)
def test_weights_of_imagenet_tell_photographs_apart() -> None:
    arrays = imagenet_weights.read(NARROW, OF_NARROW)
    assert sum(array.size for array in arrays.values()) == 218_544
    settings = Model(architecture=NARROW, head="average", dense=(), pretrained=True)
    network = networks.build(settings, (SIDE, SIDE, 3), 2)
    networks.take(network, settings, networks.Backbone(arrays))
    temple, flower = (
        each[:384, :384].reshape(SIDE, 4, SIDE, 4, 3).mean((1, 3))
        for each in load_sample_images().images
    )
    seen = np.stack([temple, temple[:, ::-1], flower, flower[:, ::-1]])
    average = keras.Model(network.input, network.get_layer("average").output)
    features = np.asarray(average(seen.astype(np.float32)))
    alike = np.corrcoef(features)
    assert min(alike[0, 1], alike[2, 3]) > 0.8, "a photograph and its mirror image"
    assert alike[:2, 2:].max() < 0.5, "two photographs"
    assert np.ptp(features, axis=0).max() > 0.1
