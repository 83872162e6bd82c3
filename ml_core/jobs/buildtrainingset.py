"""The job `buildtrainingset`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from . import fields
from .base import Number
from .inputs import ReferenceInputs


@dataclass(frozen=True)
class BuildTrainingSetJob(ReferenceInputs):
    """Add a scene and its reference to a training set."""

    NAME: ClassVar[str] = "buildtrainingset"
    LABEL: ClassVar[str] = "Build training set"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Adds a scene, with the sea-ice concentration (SIC) to learn from, to a training set: a"
        " folder that <i>Train SIC network</i> takes instead of layers. Run it once for each scene,"
        " for example in batch.</p>"
        "<p>A scene that is already in the set is left as it is, or replaced where its files or"
        " parameters have changed. A run that is interrupted leaves the set as it was.</p>"
        "<p>The report lists what the set holds. Without HH, HV and reference nothing is added:"
        " the set is listed only.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("ADDED", "Scenes added or replaced"),
        Number("SCENES", "Scenes in the set"),
        Number("CHIPS", "Chips in the set"),
    )

    name: str = fields.text(
        "Name of the scene",
        "By which the set knows it. Empty: the name of its Sentinel-1 product where HH's file names"
        " it, else that of HH's file.",
        optional=True,
    )
    resolution: Optional[float] = fields.number(
        "Resolution",
        "Pixel size of the set; HH and HV are averaged to it in linear power. Empty: that of the"
        " set; for the first scene, a chip spans two footprints of its reference.",
        unit="m",
        bounds=(1, None),
        optional=True,
        decimals=1,
        advanced=True,
    )
    chip_size: int = fields.integer(
        "Chip size",
        "Side of a training sample, for which the first scene's Resolution is chosen.",
        unit="px",
        default=160,
        bounds=(8, 4096),
        advanced=True,
    )
    training_set: Optional[str] = fields.output_folder(
        "Training set", "The folder of the set; a new one is made where it does not exist."
    )
    report: Optional[str] = fields.output_html(
        "Report of the training set",
        "Scenes, chips, SIC and backscatter of the whole set, for a browser.",
        optional=True,
    )

    def check(self) -> None:
        """Check that all layers are given, or none."""
        super().check()
        if any(layer is not None for layer in (self.hh, self.hv, self.reference)):
            self.check_layers(
                "a scene needs HH, HV and a reference SIC layer. Without all three the set is only"
                " listed"
            )
