"""The parameters of fitting a network, which several jobs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from . import fields
from .choices import AUGMENTATIONS, MATCHES, device_field
from .inputs import ReferenceInputs
from .network import NetworkDetails, NetworkInputs, NetworkSize


@dataclass(frozen=True)
class FitDetails(NetworkDetails, ReferenceInputs):
    """A scene with its reference, and what a comparison of fits holds fixed."""

    resolution: Optional[float] = fields.number(
        "Resolution",
        "Pixel size the network works at. HH and HV are averaged to it in linear power. Empty: a"
        " chip spans three footprints of the reference, but never finer than HH. 0: the pixel size"
        " of HH.",
        unit="m",
        bounds=(0, None),
        optional=True,
        decimals=1,
    )
    match: str = fields.choice(
        "Match the reference",
        "A reference value is a mean over a piece of ground, its footprint. The network's map is"
        " averaged over the same ground before it is compared, so that it may be as sharp as the"
        " ice; no reference validates its detail. Matched pixel by pixel, the network learns the"
        " reference's blur, too: water near ice gets some percent of ice, and leads and floes are"
        " evened out. Of an ice chart, as Ice chart to SIC writes it, it is averaged over polygons"
        " and compared with the range that the code stands for: a single tenth for itself"
        " ± 5 %, 10/10 for 95-100 %. Automatic: SIC in percent by footprints or polygons, unless"
        " the reference is as fine as the pixels; classes pixel by pixel. Footprints need chips of"
        " two of them or more.",
        default="auto",
        choices=MATCHES,
    )
    class_weights: bool = fields.flag(
        "Inverse-frequency class weights",
        "Classes only: rare classes weigh more in the loss, so that every class counts the same.",
        advanced=True,
    )
    added_uncertainty: Optional[float] = fields.number(
        "Weight by uncertainty: added",
        "Weights reference values by 1/(u² + a²): u is the uncertainty that their file holds as"
        " band 2, as Import passive-microwave SIC writes it, a is this number, the error that the"
        " network would have with a perfect reference. The weights' mean is 1; values without an"
        " uncertainty weigh 1. Try 10 % first. The errors that are reported stay unweighted."
        " Empty: all values weigh the same.",
        unit="% SIC",
        bounds=(0.5, 100),
        optional=True,
        decimals=1,
        advanced=True,
    )
    epochs: int = fields.integer(
        "Epochs",
        "Longest training, in epochs. An epoch is a stated number of chips, whatever the scene's"
        " size.",
        default=24,
        bounds=(1, 100000),
    )
    chips_per_epoch: int = fields.integer(
        "Chips per epoch",
        "Training samples drawn in an epoch.",
        default=100,
        bounds=(1, 1000000),
        advanced=True,
    )
    patience: int = fields.integer(
        "Patience",
        "Training stops when the validation error has not fallen for this many epochs, counted"
        " once the learning rate has come down. 0: never stop early.",
        unit="epochs",
        default=0,
        bounds=(0, 100000),
        advanced=True,
    )
    batch_size: int = fields.integer(
        "Batch size", "Chips per training step.", default=4, bounds=(1, 1024), advanced=True
    )
    chip_size: int = fields.integer(
        "Chip size",
        "Side of a training sample, at the network's resolution.",
        unit="px",
        default=160,
        bounds=(8, 4096),
        advanced=True,
    )
    learning_rate: Optional[float] = fields.number(
        "Learning rate",
        "Peak of the learning rate, which rises to it and comes down again (one-cycle schedule)."
        " Empty: 0.0015 where means over footprints or polygons are matched, 0.004 for pixels.",
        bounds=(1e-9, 10),
        optional=True,
        decimals=9,
        advanced=True,
    )
    validation_fraction: float = fields.number(
        "Validation fraction",
        "Share of the reference kept for validation, in blocks spread over the scene or in whole"
        " polygons of a chart; whole scenes of a training set.",
        default=0.2,
        bounds=(0, 0.5),
        decimals=3,
        advanced=True,
    )
    seed: int = fields.seed("The same seed, data and machine give the same network.", advanced=True)
    device: str = device_field()


@dataclass(frozen=True)
class FitInputs(FitDetails, NetworkInputs, NetworkSize, ReferenceInputs):
    """A scene with its reference, a network, and how it is fitted.

    The bases that are implied by others give the order of the parameters: from the last to the
    first.
    """

    l2: float = fields.number(
        "L2 lambda",
        "Weight of the sum of squared convolution and dense weights in the loss, against"
        " over-fitting. 0: none.",
        default=1e-4,
        bounds=(0, None),
        decimals=9,
        advanced=True,
    )
    l1: float = fields.number(
        "L1 lambda",
        "Weight of the sum of the moduli of the convolution and dense weights in the loss; drives"
        " weights to zero. 0: none.",
        default=0.0,
        bounds=(0, None),
        decimals=9,
        advanced=True,
    )
    augmentation: str = fields.choice(
        "Augmentation",
        "How chips are varied. Mirrored east-west only where the incidence angle is a channel, and"
        " turned only where it is not.",
        default="flips",
        choices=AUGMENTATIONS,
        advanced=True,
    )
    data_fraction: float = fields.number(
        "Data fraction",
        "Share of the training part that is used, to see how much more data would help.",
        default=1.0,
        bounds=(0.01, 1),
        decimals=3,
        advanced=True,
    )
