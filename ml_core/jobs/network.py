"""The parameters of a network, which several jobs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from . import fields
from .base import Job
from .choices import ARCHITECTURES, DROPOUT_POSITIONS, TASKS, UPSAMPLINGS


def _own(name: str) -> str:
    """Return what an empty size means, by network."""
    return ", ".join(f"{network.id} {getattr(network, name)}" for network in ARCHITECTURES)


@dataclass(frozen=True)
class NetworkSize(Job):
    """One network, its size and its dropout: what a comparison takes several of."""

    architecture: str = fields.choice(
        "Network",
        "Which kind of network is fitted; the U-Net is the one to start with.",
        default="unet",
        choices=ARCHITECTURES,
    )
    filters: Optional[int] = fields.integer(
        "Filters",
        "Filters of the first convolution; encoders double them at every level. More filters can"
        " fit more and over-fit more; time grows with their square. Empty: the network's own, "
        + _own("filters")
        + ".",
        bounds=(1, 1024),
        optional=True,
        advanced=True,
    )
    depth: Optional[int] = fields.integer(
        "Depth",
        "How many times the image is reduced on the way down, or how many convolutions there are"
        " where nothing is reduced. Each level doubles the ground that an output pixel sees. Empty:"
        " the network's own, " + _own("depth") + ".",
        bounds=(1, 64),
        optional=True,
        advanced=True,
    )
    dropout: float = fields.number(
        "Dropout rate",
        "Share of a layer's channels (filters) that is switched off at random, anew for each chip,"
        " against over-fitting.",
        default=0.2,
        bounds=(0, None),
        below=1,
        decimals=3,
        advanced=True,
    )


@dataclass(frozen=True)
class NetworkDetails(Job):
    """What a network gives, and the settings that a comparison holds fixed."""

    task: str = fields.choice(
        "Task",
        "What the network gives and how its error is measured: SIC by squared error, or the"
        " probability of each class of SIC by cross-entropy.",
        default="regression",
        choices=TASKS,
        advanced=True,
    )
    class_bounds: Tuple[float, ...] = fields.numbers(
        "Class bounds",
        'Classes only: the SIC between the classes, increasing, such as "15" for water and ice or'
        ' "15, 80". Empty: 11 classes of 10 %.',
        unit="%",
        default=(),
        optional=True,
        advanced=True,
    )
    kernel_size: Optional[int] = fields.integer(
        "Kernel size",
        "Side K of the convolution kernels; odd where the convolutions keep the image's size."
        " Empty: the network's own, " + _own("kernel_size") + ".",
        unit="px",
        bounds=(1, 63),
        optional=True,
        advanced=True,
    )
    stride: Optional[int] = fields.integer(
        "Stride",
        "patch_cnn: stride S of the convolutions (1); alexnet: of the first convolution (4);"
        " encoder_decoder: reduction at each level (2). Leave empty for the others.",
        unit="px",
        bounds=(1, 16),
        optional=True,
        advanced=True,
    )
    padding: Optional[int] = fields.integer(
        "Padding",
        "patch_cnn: zeros P around the input of each convolution (0). Leave empty for the others.",
        unit="px",
        bounds=(0, 63),
        optional=True,
        advanced=True,
    )
    patch_size: Optional[int] = fields.integer(
        "Patch size",
        "Side of the patch that patch_cnn (25) or alexnet (67; 227 as published) takes. Leave"
        " empty for the others.",
        unit="px",
        bounds=(3, 1024),
        optional=True,
        advanced=True,
    )
    output_stride: Optional[int] = fields.integer(
        "Output stride",
        "patch_cnn (1) and alexnet (16): one value for each block of so many pixels; larger is"
        " faster and coarser. Leave empty for the others.",
        unit="px",
        bounds=(1, 256),
        optional=True,
        advanced=True,
    )
    upsampling: str = fields.choice(
        "Up-sampling",
        "How unet and encoder_decoder enlarge on the way up.",
        default="transposed",
        choices=UPSAMPLINGS,
        advanced=True,
    )
    dropout_position: str = fields.choice(
        "Dropout position",
        "Where dropout is applied.",
        default="bottleneck",
        choices=DROPOUT_POSITIONS,
        advanced=True,
    )


@dataclass(frozen=True)
class NetworkInputs(NetworkDetails, NetworkSize):
    """A network and what it gives."""
