"""The networks of keras.applications: what is known of each without Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OWN = "convnet"  # the network that the settings describe

Mode = Literal["inside", "tf", "torch", "caffe"]


@dataclass(frozen=True)
class Family:
    """A network without its top.

    mode : how it wants its pixels, as `keras.applications.imagenet_utils` names it; inside: its
        first layers see to that.
    least_side : the smallest height and width that it takes.
    parameters : millions of them. flops : thousands for each pixel of an image of 128 × 128.
    """

    mode: Mode
    least_side: int
    parameters: float
    flops: float

    def estimate_flops(self, height: int, width: int) -> int:
        """Return about how many FLOPs an image takes: they grow with its pixels."""
        return round(1000 * self.flops * height * width)

    @property
    def megabytes(self) -> float:
        """The size of its weights in float32, and of the file to be downloaded."""
        return 4 * self.parameters


FAMILIES: dict[str, Family] = {
    "ConvNeXtBase": Family("inside", 32, 87.6, 614),
    "ConvNeXtLarge": Family("inside", 32, 196, 1373),
    "ConvNeXtSmall": Family("inside", 32, 49.5, 348),
    "ConvNeXtTiny": Family("inside", 32, 27.8, 179),
    "ConvNeXtXLarge": Family("inside", 32, 348, 2433),
    "DenseNet121": Family("torch", 32, 7.04, 114),
    "DenseNet169": Family("torch", 32, 12.6, 135),
    "DenseNet201": Family("torch", 32, 18.3, 173),
    "EfficientNetB0": Family("inside", 32, 4.05, 16),
    "EfficientNetB1": Family("inside", 32, 6.58, 24),
    "EfficientNetB2": Family("inside", 32, 7.77, 27),
    "EfficientNetB3": Family("inside", 32, 10.8, 40),
    "EfficientNetB4": Family("inside", 32, 17.7, 62),
    "EfficientNetB5": Family("inside", 32, 28.5, 96),
    "EfficientNetB6": Family("inside", 32, 41, 137),
    "EfficientNetB7": Family("inside", 32, 64.1, 211),
    "EfficientNetV2B0": Family("inside", 32, 5.92, 29),
    "EfficientNetV2B1": Family("inside", 32, 6.93, 41),
    "EfficientNetV2B2": Family("inside", 32, 8.77, 47),
    "EfficientNetV2B3": Family("inside", 32, 12.9, 65),
    "EfficientNetV2L": Family("inside", 32, 118, 492),
    "EfficientNetV2M": Family("inside", 32, 53.2, 216),
    "EfficientNetV2S": Family("inside", 32, 20.3, 115),
    "InceptionResNetV2": Family("tf", 75, 54.3, 199),
    "InceptionV3": Family("tf", 75, 21.8, 90),
    "MobileNet": Family("tf", 32, 3.23, 23),
    "MobileNetV2": Family("tf", 32, 2.26, 12.5),
    "MobileNetV3Large": Family("inside", 32, 3, 9.07),
    "MobileNetV3Small": Family("inside", 32, 0.939, 2.39),
    "NASNetLarge": Family("tf", 32, 84.9, 413),
    "NASNetMobile": Family("tf", 32, 4.27, 23),
    "ResNet101": Family("caffe", 32, 42.7, 303),
    "ResNet101V2": Family("tf", 32, 42.6, 288),
    "ResNet152": Family("caffe", 32, 58.4, 452),
    "ResNet152V2": Family("tf", 32, 58.3, 436),
    "ResNet50": Family("caffe", 32, 23.6, 155),
    "ResNet50V2": Family("tf", 32, 23.6, 139),
    "VGG16": Family("caffe", 32, 14.7, 612),
    "VGG19": Family("caffe", 32, 20, 778),
    "Xception": Family("tf", 71, 20.9, 181),
}
