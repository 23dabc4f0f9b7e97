"""Bundles of any network, with weights that were drawn: nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convladder.core.experiment import Experiment
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.deploy import onnx_graph
from convladder.results.bundle import container, schema, tensors
from convladder.results.bundle.bundle import Bundle

CLASSES = ("bird", "cat", "dog")
TEMPERATURE = 1.5


def make_bundle(
    path: Path,
    model: Mapping[str, Any],
    form: ImageForm,
    seen: Pixels | None = None,
    class_names: tuple[str, ...] = CLASSES,
) -> Bundle:
    """Write the bundle of a network with these settings for images of this form, and open it.

    Its moving statistics are those of the images `seen`, so that it tells them apart.
    """
    import keras

    from convladder.models import convnet, networks

    keras.utils.set_random_seed(0)
    experiment = Experiment().replace({f"model.{key}": value for key, value in model.items()})
    channels = experiment.model.channels or form.channels
    statistics = convnet.Statistics((120.0,) * channels, (60.0,) * channels)
    network = networks.build(experiment.model, form.shape, len(class_names), statistics)
    draw = np.random.default_rng(0)
    whitening = [each for each in network.weights if "whitening" in each.path]
    for variable in (*network.trainable_weights, *whitening):  # so that no part of it does nothing
        drawn = np.asarray(variable)
        variable.assign(drawn + draw.normal(0, min(0.05, drawn.std() or 0.05), drawn.shape))
    if seen is not None:
        _normalise(network, seen)
    arrays = {variable.path: np.asarray(variable) for variable in network.weights}
    some = schema.Measured(share=0.9, low=0.8, high=0.95, images=100)
    contents = schema.Contents(
        version="0.1.0",
        trained="2026-11-27T12:00:00",
        rung="lenet5",
        images="of none",
        class_names=class_names,
        form=schema.Form(**vars(form)),
        temperature=TEMPERATURE,
        selection=schema.Selection(
            wanted=0.95,
            threshold=0.5,
            coverage=some,
            accuracy=some,
            basis="guaranteed",
            validation=100,
            as_seen=schema.Kept(threshold=0.4, coverage=some, accuracy=some),
        ),
        prediction_sets=schema.PredictionSets(
            wanted=0.9,
            least_probability=0.2,
            coverage=some,
            single=some,
            mean_size=1.5,
            validation=100,
        ),
        figures=schema.Figures(
            accuracy=some, log_loss=0.3, parameters=network.count_params(), flops=1
        ),
        statistics=schema.Statistics(mean=statistics.mean, deviation=statistics.deviation),
        tensors=tensors.describe(arrays),
        experiment=experiment,
    )
    parts = {
        container.CONTENTS: contents.model_dump_json().encode(),
        container.CARD: b"# A card\n",
        container.WEIGHTS: tensors.pack(arrays),
        container.MODEL: onnx_graph.graph_of(network, form, TEMPERATURE),
    }
    path.write_bytes(container.pack(parts))
    return Bundle(path)


def _normalise(network: Any, images: Pixels) -> None:
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            layer.momentum = 0.0
    network(images.astype(np.float32), training=True)
