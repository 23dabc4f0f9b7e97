"""A network as one ONNX graph: from images of any size to probabilities."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convladder.data.decoding.image_form import ImageForm
from convladder.deploy import onnx_resize
from convladder.results.bundle import graph_check

if TYPE_CHECKING:
    import keras
    from onnx import ModelProto

_COUNTED = re.compile(r"(const(?=_)|)(.*?)__\d+(:\d+)?")


def graph_of(network: keras.Model, form: ImageForm, temperature: float) -> bytes:
    """Return the graph from images to probabilities, of a network from pixels to logits."""
    from convladder.models.portable import plain

    shipped = with_probabilities(plain(network), temperature)
    whole = joined(onnx_resize.build(form), as_graph(shipped), int(network.output.shape[-1]))
    content: bytes = whole.SerializeToString()
    return content


def with_probabilities(network: keras.Model, temperature: float) -> keras.Model:
    """Return a network from pixels to probabilities, of one from pixels to logits."""
    import keras
    from keras import layers

    cooled = layers.Rescaling(1 / temperature, name="temperature", dtype="float32")(network.output)
    return keras.Model(
        network.input, layers.Softmax(name=graph_check.PROBABILITIES, dtype="float32")(cooled)
    )


# docs/decisions/071-conversion-is-tensorflows-whatever-trained.md
def as_graph(network: keras.Model) -> ModelProto:
    """Return an ONNX graph from `pixels` to `probabilities`, for batches of any size."""
    from onnx import compose, load

    network(np.zeros((1, *network.input.shape[1:]), np.float32))  # Keras exports what was called
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        network.export(path, format="onnx", opset_version=onnx_resize.OPSET, verbose=False)
        made = load(path)
    _mend(made)
    _renumber(made)
    return compose.add_prefix(made, "network/")


def _mend(made: ModelProto) -> None:
    """Replace what ONNX has no operator for. Raises ValueError where values are missing."""
    from onnx import helper, numpy_helper

    network = made.graph
    if len(network.input) != 1:
        raise ValueError(
            f"the graph lost the values of {', '.join(each.name for each in network.input[1:])}"
        )
    nodes = list(network.node)
    for node in network.node:
        if node.op_type == "Erfc":  # of the exact GELU: tf2onnx leaves TensorFlow's
            found, half = node.output[0], f"{node.output[0]}/erf"
            place = nodes.index(node)
            erf = helper.make_node("Erf", list(node.input), [half], name=node.name)
            nodes[place : place + 1] = [
                erf,
                helper.make_node("Sub", ["one", half], [found], name=f"{node.name}/erfc"),
            ]
    if len(nodes) > len(network.node):
        network.initializer.append(numpy_helper.from_array(np.array(1, np.float32), "one"))
        del network.node[:]
        network.node.extend(nodes)


def _renumber(made: ModelProto) -> None:
    """Number names and values in the order of the graph: tf2onnx numbers them otherwise each time.

    Of values that are equal it keeps one, by chance that of the one name or the other: all are
    `const` here.
    """
    network = made.graph
    known: dict[str, str] = {each.name: each.name for each in (*network.input, *network.output)}

    def renamed(name: str) -> str:
        counted = _COUNTED.fullmatch(name)
        return known.setdefault(
            name, f"{counted[1] or counted[2]}__{len(known)}{counted[3] or ''}" if counted else name
        )

    for node in network.node:
        node.input[:] = [renamed(each) if each else "" for each in node.input]
        node.output[:] = [renamed(each) if each else "" for each in node.output]
        node.name = renamed(node.name)
    order = {name: place for place, name in enumerate(known.values())}
    values = sorted(network.initializer, key=lambda each: order.get(renamed(each.name), len(order)))
    for each in values:
        each.name = renamed(each.name)
    del network.value_info[:]  # shapes by names that are no more; the checker finds them again
    del network.initializer[:]
    network.initializer.extend(values)


def joined(before: ModelProto, network: ModelProto, classes: int) -> ModelProto:
    """Return the graph from `images` to `probabilities`: what precedes a network, then it."""
    from onnx import TensorProto, checker, compose, helper

    network.ir_version = before.ir_version
    ends = network.graph.input[0].name, network.graph.output[0].name
    whole = compose.merge_models(before, network, io_map=[(onnx_resize.PIXELS, ends[0])])
    behind = helper.make_node("Identity", [ends[1]], [graph_check.PROBABILITIES])
    whole.graph.node.append(behind)
    del whole.graph.output[:]  # whose shape some networks lose on the way
    found = helper.make_tensor_value_info(
        graph_check.PROBABILITIES, TensorProto.FLOAT, ["N", classes]
    )
    whole.graph.output.append(found)
    del whole.opset_import[:]  # among them those of functions that are no more
    whole.opset_import.append(helper.make_opsetid("", onnx_resize.OPSET))
    whole.graph.name, whole.producer_name, whole.producer_version = "convladder", "convladder", ""
    whole.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    checker.check_model(whole)
    return whole
