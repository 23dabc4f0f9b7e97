"""The formats of exports, as a command's help and errors name them: without what makes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One format: `runtimes` has what makes it and predicts with it, `examples` a program.

    file : the name of the file or folder. extra : what must be installed, and by which extra.
    int8 : whether it may be in whole numbers of 8 bits.
    """

    name: str
    file: str
    extra: tuple[str, str] | None = None
    int8: bool = False


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", "model.onnx", int8=True),
        Format("litert", "model.tflite", extra=("ai_edge_litert", "export"), int8=True),
        Format("savedmodel", "model"),
        Format("keras", "model.keras"),
    )
}
IN_INT8 = tuple(name for name, each in FORMATS.items() if each.int8)
