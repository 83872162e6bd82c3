"""The job `train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from .base import Number
from .choices import ARCHITECTURES, DEVICES, TASKS
from .fields import Kind, parameter
from .inputs import SceneInputs
from .sources import RasterSource


@dataclass(frozen=True)
class TrainJob(SceneInputs):
    """Fit a network that maps HH and HV backscatter to sea-ice concentration (SIC)."""

    NAME: ClassVar[str] = "train"
    LABEL: ClassVar[str] = "Train SIC network"
    GROUP: ClassVar[str] = "Networks"
    RUNS: ClassVar[str] = "training.run"
    SUMMARY: ClassVar[str] = (
        "<p>Fits a convolutional network to a scene whose sea-ice concentration (SIC) is known,"
        " so that it"
        " can predict the SIC of other scenes.</p>"
        "<p>Validation blocks spread over the scene are kept apart from the training part, with"
        " a buffer of"
        " the reference's footprint between them, and their error is reported: it is the error"
        " to expect on"
        " scenes like this one, not on others.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("TRAIN_RMSE", "RMSE on the training part", "% SIC"),
        Number("VALIDATION_RMSE", "RMSE on the validation blocks", "% SIC"),
        Number("BEST_EPOCH", "Best epoch"),
    )

    reference: Optional[RasterSource] = parameter(
        Kind.RASTER,
        "Reference SIC",
        "Sea-ice concentration to learn from, in percent (0-100) or as a fraction (0-1), for"
        " example from"
        " passive microwaves. Values above 100 are taken as flags and left out.",
        optional=True,
        band=True,
    )
    resolution: Optional[float] = parameter(
        Kind.NUMBER,
        "Resolution",
        "Pixel size the network works at. HH and HV are averaged to it in linear power. Empty: a"
        " chip spans"
        " two footprints of the reference, but never finer than HH. 0: the pixel size of HH.",
        unit="m",
        minimum=0,
        optional=True,
        decimals=1,
    )
    footprint: Optional[float] = parameter(
        Kind.NUMBER,
        "Footprint of the reference",
        "Ground size that one reference value averages, full width at half maximum: about 12 km"
        " for AMSR2 at"
        " 36 GHz. Empty: the pixel size of the reference, or what its file says.",
        unit="m",
        minimum=0,
        optional=True,
        decimals=1,
    )
    architecture: str = parameter(
        Kind.CHOICE,
        "Network",
        "The network to fit.",
        default="unet",
        choices=ARCHITECTURES,
    )
    task: str = parameter(
        Kind.CHOICE,
        "Task",
        "What the network gives and how its error is measured.",
        default="regression",
        choices=TASKS,
        advanced=True,
    )
    filters: int = parameter(
        Kind.INTEGER,
        "Filters",
        "Filters of the first convolution; a U-Net doubles them at every level. More filters can"
        " fit more"
        " and over-fit more; time grows with their square.",
        default=16,
        minimum=1,
        maximum=256,
        advanced=True,
    )
    depth: int = parameter(
        Kind.INTEGER,
        "Depth",
        "How many times the image is halved on the way down. Each level doubles the ground that"
        " an output"
        " pixel sees.",
        default=4,
        minimum=1,
        maximum=7,
        advanced=True,
    )
    kernel_size: int = parameter(
        Kind.INTEGER,
        "Kernel size",
        "Side of the convolution kernels; odd.",
        unit="px",
        default=3,
        minimum=1,
        maximum=15,
        advanced=True,
    )
    dropout: float = parameter(
        Kind.NUMBER,
        "Dropout rate",
        "Share of the features that is switched off at random in each training step, against"
        " over-fitting.",
        default=0.1,
        minimum=0,
        below=1,
        decimals=3,
        advanced=True,
    )
    l2: float = parameter(
        Kind.NUMBER,
        "L2 lambda",
        "Weight of the sum of squared convolution weights in the loss, against over-fitting. 0:"
        " none.",
        default=1e-4,
        minimum=0,
        decimals=9,
        advanced=True,
    )
    epochs: int = parameter(
        Kind.INTEGER,
        "Epochs",
        "Longest training, in epochs. An epoch is a stated number of chips, whatever the scene's"
        " size.",
        default=20,
        minimum=1,
        maximum=100000,
    )
    chips_per_epoch: int = parameter(
        Kind.INTEGER,
        "Chips per epoch",
        "Training samples drawn in an epoch.",
        default=100,
        minimum=1,
        maximum=1000000,
        advanced=True,
    )
    patience: int = parameter(
        Kind.INTEGER,
        "Patience",
        "Training stops when the validation error has not fallen for this many epochs, counted"
        " once the"
        " learning rate has come down. 0: never stop early.",
        unit="epochs",
        default=0,
        minimum=0,
        maximum=100000,
        advanced=True,
    )
    batch_size: int = parameter(
        Kind.INTEGER,
        "Batch size",
        "Chips per training step.",
        default=4,
        minimum=1,
        maximum=1024,
        advanced=True,
    )
    chip_size: int = parameter(
        Kind.INTEGER,
        "Chip size",
        "Side of a training sample, at the network's resolution.",
        unit="px",
        default=160,
        minimum=8,
        maximum=4096,
        advanced=True,
    )
    learning_rate: float = parameter(
        Kind.NUMBER,
        "Learning rate",
        "Peak of the learning rate, which rises to it and comes down again (one-cycle schedule).",
        default=4e-3,
        minimum=1e-9,
        maximum=10,
        decimals=9,
        advanced=True,
    )
    validation_fraction: float = parameter(
        Kind.NUMBER,
        "Validation fraction",
        "Share of the reference kept for validation, in blocks spread over the scene.",
        default=0.2,
        minimum=0,
        maximum=0.5,
        decimals=3,
        advanced=True,
    )
    refit: bool = parameter(
        Kind.FLAG,
        "Fit again on everything",
        "After the best number of steps is known, fit the network again on the whole scene for"
        " that many"
        " steps. The errors reported are those of the first fit.",
        default=True,
        advanced=True,
    )
    seed: int = parameter(
        Kind.INTEGER,
        "Seed",
        "The same seed, data and machine give the same network.",
        default=1,
        minimum=0,
        maximum=2**31 - 1,
        advanced=True,
    )
    device: str = parameter(
        Kind.CHOICE,
        "Device",
        "What computes.",
        default="auto",
        choices=DEVICES,
        advanced=True,
    )
    model: Optional[str] = parameter(
        Kind.OUTPUT_FILE,
        "SIC network",
        "The fitted network: one file with its weights and its model card.",
        extension="safetensors",
        description="SIC network",
    )
    report: Optional[str] = parameter(
        Kind.OUTPUT_HTML,
        "Training report",
        "Curves, split map, validation scatter and model card, for a browser.",
        extension="html",
        description="HTML report",
        optional=True,
    )

    def check(self) -> None:
        """Check that the layers to learn from are there."""
        for name in ("hh", "hv", "reference"):
            if getattr(self, name) is None:
                label = dict(self.specs())[name].label
                raise JobError(
                    f"{label} is missing; training needs HH, HV and a reference SIC layer"
                )
