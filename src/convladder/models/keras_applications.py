"""The networks of keras.applications, from pixels to logits, with a head of one's own.

Each wants its pixels in another way, which is inside here. Layers that Keras numbers as they are
made are given names of their own, so that weights can be told by these.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from convladder.core.settings.model import Model
from convladder.models import catalog, head, shapes, variants
from convladder.models.layers import FixedBatchNormalization

CHANNELS = 3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, on the scale 0 to 1


@keras.saving.register_keras_serializable("convladder")
class ReverseChannels(layers.Layer):
    """Turn RGB into BGR, which the networks that came from Caffe see."""

    def call(self, values: Any) -> Any:
        return ops.flip(values, axis=-1)


@keras.saving.register_keras_serializable("convladder")
class LoadedNormalization(layers.Normalization):
    """Keras's layer whose mean and variance are among its weights, also after assignment.

    They begin as those of ImageNet, so that a network with new weights sees its pixels as a trained
    one does.
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.adapt_mean.assign(MEAN)
        self.adapt_variance.assign(np.square(DEVIATION))

    def call(self, values: Any) -> Any:
        shape, kind = self._broadcast_shape, values.dtype
        mean, variance = (
            ops.cast(ops.reshape(each, shape), kind)
            for each in (self.adapt_mean, self.adapt_variance)
        )
        return (values - mean) / ops.maximum(ops.sqrt(variance), keras.config.epsilon())


@keras.saving.register_keras_serializable("convladder")
class NamedScale(layers.Layer):
    """ConvNeXt's `LayerScale`, a factor a map, whose weight has a name where Keras has numbers."""

    def __init__(self, init_values: float, projection_dim: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape: Any) -> None:
        del input_shape
        begun = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=begun, name="gamma")

    def call(self, values: Any) -> Any:
        return values * self.gamma

    def get_config(self) -> dict[str, Any]:
        own = {"init_values": self.init_values, "projection_dim": self.projection_dim}
        config: dict[str, Any] = super().get_config()
        return config | own


def build(settings: Model, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build a network of keras.applications with new weights, from pixels to logits.

    Pixels are from 0 to 255, logits `(batch, classes)`.

    Of a backbone that was trained the layers before the head are as in prediction, also in
    training: no dropout, and moving statistics that stay.

    Raises
    ------
    ExperimentError
        There is no network of this name, or the images are too small for it.
    """
    name = settings.architecture
    family = variants.find(name)
    shapes.check_size(settings, *shape[:2])
    wanted = settings.model_copy(update={"channels": CHANNELS})
    values = head.open_pixels(wanted, shape)[1]
    made = without_top(name, weights=None, input_tensor=_preprocessed(family.mode, values))
    body = renamed(made, fixed=settings.pretrained)
    logits = head.add_head(settings, body.outputs[0], classes)
    # with what any format that it is exported to allows
    return keras.Model(body.inputs[0], logits, name=re.sub(r"\W", "_", name))


def without_top(name: str, **given: Any) -> keras.Model:
    """Return Keras's own network without its top, of a name that is one of `variants.PUBLISHED`."""
    variant = variants.parse(name)
    make = getattr(keras.applications, variant.function)
    return make(include_top=False, **variant.arguments, **given)


def renamed(network: keras.Model, *, fixed: bool) -> keras.Model:
    """Return the network with new weights, and names that do not depend on what was built before.

    fixed : whether its batch normalisation and its dropout are as in prediction, also in training.
    """
    counts: Counter[str] = Counter()

    def clone(layer: Any) -> Any:
        if not isinstance(layer, layers.Layer):
            return layer
        config, kind = layer.get_config(), _snake_case(type(layer).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            counts[kind] += 1
            config["name"] = f"{kind}_{counts[kind]}"
        if isinstance(layer, layers.Normalization) and layer.input_mean is None:
            return LoadedNormalization.from_config(config)
        if type(layer).__name__ == "LayerScale":
            return NamedScale.from_config(config)
        if fixed and isinstance(layer, layers.BatchNormalization):
            return FixedBatchNormalization.from_config(config)
        if fixed and isinstance(layer, layers.Dropout):
            config["rate"] = 0.0
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=clone)


def _preprocessed(mode: catalog.Mode, values: keras.KerasTensor) -> keras.KerasTensor:
    """Return pixels from 0 to 255 as `imagenet_utils.preprocess_input` gives them in this mode."""
    if mode == "inside":
        return values
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1, name="preprocessing", dtype="float32")(values)
    if mode == "torch":
        return layers.Normalization(
            mean=[255 * each for each in MEAN],
            variance=[(255 * each) ** 2 for each in DEVIATION],
            name="preprocessing",
            dtype="float32",
        )(values)
    centred = layers.Normalization(
        mean=[123.68, 116.779, 103.939],
        variance=[1.0] * CHANNELS,
        name="preprocessing",
        dtype="float32",
    )(values)
    return ReverseChannels(name="reversed", dtype="float32")(centred)


def _snake_case(name: str) -> str:
    """Return what Keras makes of a class's name to name its layers."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
