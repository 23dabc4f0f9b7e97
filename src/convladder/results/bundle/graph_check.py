"""The graph of a bundle: what it may be made of, looked at before anything runs it.

ONNX Runtime runs no code of a file, but a graph may name files beside it, and operators of
libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

IMAGES, PROBABILITIES = "images", "probabilities"
OPERATORS = frozenset(
    "Abs Add And AveragePool BatchNormalization Cast Clip Concat Constant Conv ConvTranspose "
    "DepthToSpace Div Elu Equal Erf Exp Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool "
    "Greater GreaterOrEqual HardSigmoid HardSwish Identity If LayerNormalization LeakyRelu Less "
    "LessOrEqual Log MatMul Max MaxPool Min Mul Neg Not Pad Pow Range Reciprocal ReduceMax "
    "ReduceMean ReduceSum Relu Reshape Round Shape Sigmoid Slice Softmax Softplus Split Sqrt "
    "Squeeze Sub Sum Tanh Transpose Unsqueeze Where".split()
)
DEEPEST = 4  # graphs within graphs


def check(content: bytes, classes: int) -> None:
    """Raise ValueError unless it is a graph from images to probabilities, of known operators alone.

    The images are uint8 `(N, H, W, 3)`, the probabilities float32 `(N, classes)`.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        raise ValueError("it is not an ONNX graph") from None
    _check_ends(model, classes)
    if (
        model.functions
        or model.training_info
        or any(each.domain not in ("", "ai.onnx") for each in model.opset_import)
    ):
        raise ValueError("it defines its own operators")
    for node in _nodes(model.graph):
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            raise ValueError(
                "it has an operator that convladder's networks do not use: "
                f"{node.domain}:{node.op_type}"
            )
    if any(
        tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data
        for tensor in _tensors(model.graph)
    ):
        raise ValueError("its values are stored in another file")


def _check_ends(model: ModelProto, classes: int) -> None:
    from onnx import TensorProto

    def told(name: str, kind: int, sides: list[int]) -> tuple[object, ...]:
        return name, kind, sides

    found = [
        told(
            each.name,
            each.type.tensor_type.elem_type,
            [side.dim_value for side in each.type.tensor_type.shape.dim],
        )
        for each in (*model.graph.input, *model.graph.output)
    ]
    wanted = [
        told(IMAGES, TensorProto.UINT8, [0, 0, 0, 3]),
        told(PROBABILITIES, TensorProto.FLOAT, [0, classes]),
    ]
    if len(model.graph.input) != 1 or found != wanted:
        raise ValueError(
            f"it does not compute the {PROBABILITIES} of {classes} classes from {IMAGES}"
        )


def _graphs(graph: GraphProto, depth: int = 0) -> Iterator[GraphProto]:
    if depth > DEEPEST:
        raise ValueError("it has graphs within graphs within graphs")
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (
                (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs
            ):
                yield from _graphs(inner, depth + 1)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for each in _graphs(graph):
        yield from each.node


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    for each in _graphs(graph):
        yield from each.initializer
        for sparse in each.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in each.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
