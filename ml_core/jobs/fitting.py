"""The parameters of fitting a network, which several jobs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .choices import AUGMENTATIONS, DEVICES
from .fields import Kind, parameter
from .inputs import ReferenceInputs
from .network import NetworkDetails, NetworkInputs, NetworkSize


@dataclass(frozen=True)
class FitDetails(NetworkDetails, ReferenceInputs):
    """A scene with its reference, and what a comparison of fits holds fixed."""

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
    class_weights: bool = parameter(
        Kind.FLAG,
        "Inverse-frequency class weights",
        "Classes only: rare classes weigh more in the loss, so that every class counts the same.",
        default=False,
        advanced=True,
    )
    epochs: int = parameter(
        Kind.INTEGER,
        "Epochs",
        "Longest training, in epochs. An epoch is a stated number of chips, whatever the scene's"
        " size.",
        default=24,
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
        "Where the network runs.",
        default="auto",
        choices=DEVICES,
        advanced=True,
    )


@dataclass(frozen=True)
class FitInputs(FitDetails, NetworkInputs, NetworkSize, ReferenceInputs):
    """A scene with its reference, a network, and how it is fitted.

    The bases that are implied by others say the order of the parameters: from the last to the
    first.
    """

    l2: float = parameter(
        Kind.NUMBER,
        "L2 lambda",
        "Weight of the sum of squared convolution and dense weights in the loss, against"
        " over-fitting. 0: none.",
        default=1e-4,
        minimum=0,
        decimals=9,
        advanced=True,
    )
    l1: float = parameter(
        Kind.NUMBER,
        "L1 lambda",
        "Weight of the sum of the moduli of the convolution and dense weights in the loss; drives"
        " weights to zero. 0: none.",
        default=0.0,
        minimum=0,
        decimals=9,
        advanced=True,
    )
    augmentation: str = parameter(
        Kind.CHOICE,
        "Augmentation",
        "How chips are varied. Mirrored east-west only where the incidence angle is a channel, and"
        " turned only where it is not.",
        default="flips",
        choices=AUGMENTATIONS,
        advanced=True,
    )
    data_fraction: float = parameter(
        Kind.NUMBER,
        "Data fraction",
        "Share of the training part that is used, to see what more data is worth.",
        default=1.0,
        minimum=0.01,
        maximum=1,
        decimals=3,
        advanced=True,
    )
