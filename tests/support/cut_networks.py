"""Networks of keras.applications without their last blocks: the same kinds of layers, and a
fraction of the time.
"""

from __future__ import annotations

from typing import Any

import keras
import pytest

# with a block that keeps its size and one that halves it
LAST = {
    "ConvNeXtTiny": "convnext_tiny_stage_1_block_0_identity",
    "EfficientNetB0": "block3b_add",
    "MobileNetV2": "block_4_add",
    "ResNet50": "conv3_block2_out",
}


def cut(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network end with its layer of LAST."""
    build = getattr(keras.applications, architecture)

    def shorter(**given: Any) -> keras.Model:
        whole = build(**given)
        made = keras.Model(whole.inputs, whole.get_layer(LAST[architecture]).output)
        assert _kinds(made) == _kinds(whole), "or what is left out would be tested no more"
        return made

    monkeypatch.setattr(keras.applications, architecture, shorter)


def _kinds(network: keras.Model) -> set[type]:
    return {type(layer) for layer in network.layers}
