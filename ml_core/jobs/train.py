"""The job `train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Number
from .choices import KEPT
from .fitting import FitInputs
from .sources import RasterSource


@dataclass(frozen=True)
class TrainJob(FitInputs):
    """Fit a network that maps HH and HV backscatter to sea-ice concentration (SIC)."""

    NAME: ClassVar[str] = "train"
    LABEL: ClassVar[str] = "Train SIC network"
    GROUP: ClassVar[str] = "Networks"
    SUMMARY: ClassVar[str] = (
        "<p>Fits a convolutional network to a scene whose sea-ice concentration (SIC) is known, so"
        " that it can predict the SIC of other scenes.</p>"
        "<p>Give HH, HV and a reference SIC, or a training set of many scenes in their place; each"
        " is optional because the other can replace it.</p>"
        "<p>Validation blocks spread over the scene are kept apart from the training part, with a"
        " buffer of the reference's footprint between them, and their error is reported: it is the"
        " error to expect on scenes like this one, not on others. Of a training set whole scenes"
        " validate, those of one pass together: their error is that on other scenes of the"
        " kind.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("TRAIN_RMSE", "RMSE on the training part, before any refit", "% SIC"),
        Number("VALIDATION_RMSE", "RMSE on the validation part, before any refit", "% SIC"),
        Number("BEST_EPOCH", "Best epoch"),
        Number("WATER_MEAN_SIC", "Mean SIC on open water", "% SIC"),
        Number("WATER_ICE_SHARE", "Share of open water called ice", "%"),
    )

    refit: bool = fields.flag(
        "Refit on the full data",
        "After the best number of steps is known, fit the network again on the whole scene, or on"
        " all scenes of a training set, for that many steps: these weights go into the file. They"
        " have seen all data, so nothing can validate them; the errors reported are those of the"
        " network before the refit. Off: the file keeps the validated weights, which learned from"
        " less.",
        default=True,
        advanced=True,
    )
    folds: int = fields.integer(
        "Cross-validation folds",
        "Cut the scene, or the scenes of a training set, into so many parts, each of which"
        " validates once while the others train: a better estimate of the error and its spread, at"
        " as many times the cost. It also gives more blocks or scenes to calibrate the uncertainty"
        " on, which takes nine or more. The folds of a training set hold whole passes, and are"
        " alike in SIC and season. 0: a single split.",
        default=0,
        bounds=(0, 20),
        advanced=True,
    )
    keep: str = fields.choice(
        "Network kept of a cross-validation",
        "The network in the model file: fitted on the full data for the folds' median of steps, or"
        " that of the fold with the lowest error.",
        default="everything",
        choices=KEPT,
        advanced=True,
    )
    members: int = fields.integer(
        "Members",
        "Networks that are fitted from different random weights and chips. With 2 or more, Predict"
        " gives their mean, whose error is lower, and uses their spread for the uncertainty where"
        " that helps; time grows with the number.",
        default=1,
        bounds=(1, 20),
        advanced=True,
    )
    training_set: Optional[str] = fields.folder(
        "Training set",
        "A folder of Build training set, to learn from many scenes instead of HH, HV and a"
        " reference. Whole scenes then validate, those of one pass together, and the uncertainty is"
        " calibrated on them.",
        optional=True,
    )
    oversample: bool = fields.flag(
        "Oversample rare SIC",
        "Draw chips about as often from rare SIC as from frequent, by tenths of SIC.",
        advanced=True,
    )
    initial_model: Optional[str] = fields.network_file(
        "Initial model",
        "A network to fine-tune instead of starting from fresh weights: the same network, channels,"
        " task and resolution. Its normalisation is kept. A Learning rate of about a tenth of the"
        " usual preserves more of the initial model.",
        optional=True,
        advanced=True,
    )
    frozen_convolutions: int = fields.integer(
        "Frozen convolutions",
        "How many of the first convolutions keep the initial model's weights; a block of the U-Net"
        " has two.",
        default=0,
        bounds=(0, 1000),
        advanced=True,
    )
    water_hh: Optional[RasterSource] = fields.raster(
        "Open water: HH backscatter",
        "A scene that is known to hold no ice and no land, in the unit of HH. The report shows how"
        " much of it the network takes for ice. Such networks fail on water roughened by wind, at"
        " near range above all. It is not used for training unless Open water trains is on.",
        optional=True,
        advanced=True,
        band=True,
    )
    water_hv: Optional[RasterSource] = fields.raster(
        "Open water: HV backscatter", "HV of that scene.", optional=True, advanced=True, band=True
    )
    water_incidence: Optional[RasterSource] = fields.raster(
        "Open water: incidence angle",
        "Incidence angle of that scene; false ice is then also given by angle.",
        unit="deg",
        optional=True,
        advanced=True,
    )
    water_extra: Tuple[RasterSource, ...] = fields.rasters(
        "Open water: extra channels",
        "The extra channels of that scene, where the network learns from such.",
        advanced=True,
    )
    water_trains: bool = fields.flag(
        "Open water trains",
        "The scene of open water trains beside the others, at a SIC of 0, as at most a third of"
        " what is learned. A band of it across the swath, the Validation fraction, is held out"
        " of every fit, the refit too, and false ice is counted there. It is of the same wind and"
        " day as what trains: left off, the scene is the harder test.",
        advanced=True,
    )
    model: Optional[str] = fields.output_network(
        "SIC network", "The fitted network: one file with its weights and its model card."
    )
    report: Optional[str] = fields.output_html(
        "Training report",
        "Curves, the reference values and what each was used for, errors and model card, for a"
        " browser.",
        optional=True,
    )

    def check(self) -> None:
        """Check that the layers to learn from are there, and that one fold is not asked for."""
        if self.folds == 1:
            raise JobError(
                "Cross-validation folds: 1 part leaves none to train on; give 2 or more, or 0 for a"
                " single split"
            )
        if self.members > 1 and self.folds:
            raise JobError(
                "Members and Cross-validation folds do not go together: fit the ensemble once the"
                " folds have shown what to expect"
            )
        if self.members > 1 and self.data_fraction < 1:
            raise JobError("Members: an ensemble learns from all data; set Data fraction to 1")
        super().check()
        if self.frozen_convolutions and not self.initial_model:
            raise JobError(
                "Frozen convolutions: fresh weights would be frozen; give an Initial model, or 0"
            )
        if (self.water_hh is None) != (self.water_hv is None) or (
            (self.water_incidence is not None or self.water_extra) and self.water_hh is None
        ):
            raise JobError("Open water: give HH and HV of one scene, or neither")
        if self.water_trains and self.water_hh is None:
            raise JobError(
                "Open water trains: there is no scene of open water; give its HH and HV, or switch"
                " it off"
            )
        layers = ("hh", "hv", "incidence", "mask", "extra", "reference", "reference_mask")
        if self.training_set:
            given = [name for name in layers if getattr(self, name)]
            if given:
                label = dict(self.specs())[given[0]].label
                raise JobError(
                    f"Training set and {label} are both given; a training set takes the place of"
                    " all layers"
                )
            if self.ice_drift:
                raise JobError(
                    "Training set and Ice drift are both given; reference values are left out when"
                    " a scene is added: give Ice drift to Build training set"
                )
            return
        self.check_layers("training needs HH, HV and a reference SIC layer, or a training set")
