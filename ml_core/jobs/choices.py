"""The enumerations that several jobs share: ids for scripts, labels for dialogs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Tuple

from .fields import Choice, choice

UNITS = (
    Choice("db", "sigma0 in dB"),
    Choice("linear", "sigma0 as linear power"),
)


@dataclass(frozen=True)
class Network(Choice):
    """A network: its id, its label, and the settings it takes where none are given.

    Attributes:
        filters: Filters of the first convolution.
        depth: Levels of down-sampling; where a network has none, its convolutions.
        kernel_size: Side of the convolution kernels, px.
        settings: Which of stride, padding, patch_size and output_stride it lets be chosen.
    """

    filters: int = 16
    depth: int = 4
    kernel_size: int = 3
    settings: Tuple[str, ...] = ()


_PATCH = ("stride", "patch_size", "output_stride")

ARCHITECTURES = (
    Network("unet", "U-Net: encoder and decoder with skips (Ronneberger et al. 2015)"),
    Network("encoder_decoder", "Encoder and decoder without skips", settings=("stride",)),
    Network("same_resolution_cnn", "Convolutions at full resolution", depth=5, kernel_size=5),
    Network("patch_cnn", "Patch CNN, fully convolutional", 5, 1, settings=(*_PATCH, "padding")),
    Network("alexnet", "AlexNet (Krizhevsky et al. 2012)", 24, 5, settings=_PATCH),
)
"""The networks; ``networks/<id>.py`` holds each."""

DROPOUT_POSITIONS = (
    Choice("bottleneck", "Once, where the features are coarsest or before the dense layers"),
    Choice("blocks", "After every block of convolutions"),
)

UPSAMPLINGS = (
    Choice("transposed", "Transposed convolution"),
    Choice("resize", "Resize to the nearest pixel, then convolution"),
)

TASKS = (
    Choice("regression", "SIC in percent (squared error)"),
    Choice("classes", "Classes of SIC (cross-entropy)"),
)

MATCHES = (
    Choice("auto", "Automatic: as the reference sees the ground"),
    Choice("footprints", "In its means over the reference's footprints, or a chart's polygons"),
    Choice("pixels", "Pixel by pixel"),
)

AUGMENTATIONS = (
    Choice("none", "None"),
    Choice("flips", "Mirrored, contrast varied"),
    Choice("rotations", "Mirrored, contrast varied, and turned by 90, 180 or 270 degrees"),
)

KEPT = (
    Choice("everything", "Refit on the full data"),
    Choice("best_fold", "Network of the best fold"),
)

DEVICES = (
    Choice("auto", "Automatic: a GPU where there is one"),
    Choice("cpu", "Processor"),
    Choice("cuda", "NVIDIA GPU (CUDA)"),
)

device_field = partial(
    choice, "Device", "Where the network runs.", default="auto", choices=DEVICES, advanced=True
)

RUNTIMES = (
    Choice("auto", "Automatic: the fastest that is installed"),
    Choice("torch", "PyTorch"),
    Choice("openvino", "OpenVINO"),
)

COMPRESSIONS = (
    Choice("deflate", "Deflate: slower, for programs without Zstandard"),
    Choice("zstd", "Zstandard: lossless and fast"),
    Choice("lerc", "LERC with Zstandard: values to 0.01, fastest and smallest"),
    Choice("none", "None"),
)
