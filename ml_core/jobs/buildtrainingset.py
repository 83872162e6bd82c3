"""The job `buildtrainingset`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Number
from .fields import Choice
from .inputs import ReferenceInputs

AI4ARCTIC_CHANNELS = (
    Choice("incidence_angle", "Incidence angle"),
    Choice("distance_to_land_km", "Distance to land in km"),
    *(
        Choice(f"btemp_{ghz.replace('.', '_')}{pol}", f"AMSR2, {ghz} GHz {pol.upper()}, in K")
        for ghz in ("6.9", "7.3", "10.7", "18.7", "23.8", "36.5", "89.0")
        for pol in "hv"
    ),
)

AI4ARCTIC_NOISE = (
    Choice("nersc", "NERSC's noise removal (Korosov et al. 2022)"),
    Choice("esa", "ESA's noise removal, where the file has it"),
)


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
        "<p>The files of the AI4Arctic Sea Ice Challenge Dataset hold a scene and its ice chart and"
        " are taken instead of layers: raw or ready-to-train, one by one or a whole folder. Land is"
        " left out. Scenes stay in the radar's own geometry, and codes of the chart mean what they"
        " do in the challenge: 9+/10 is 100 %.</p>"
        "<p>The report lists what the set holds. Without HH, HV and reference nothing is added:"
        " the set is listed only.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("ADDED", "Scenes added or replaced"),
        Number("SCENES", "Scenes in the set"),
        Number("CHIPS", "Chips in the set"),
    )

    ai4arctic: Optional[str] = fields.file(
        "AI4Arctic file",
        "A NetCDF file of the AI4Arctic Sea Ice Challenge Dataset, or the folder of many (type or"
        " paste its path), instead of layers. The chart of a test scene is looked for beside it"
        " (_reference.nc).",
        description="AI4Arctic NetCDF",
        optional=True,
    )
    ai4arctic_channels: Tuple[str, ...] = fields.choices(
        "AI4Arctic channels",
        "What of the file is a channel besides HH and HV. To predict, a network needs layers of all"
        " of its channels.",
        default=("incidence_angle",),
        choices=AI4ARCTIC_CHANNELS,
        optional=True,
    )
    ai4arctic_noise: str = fields.choice(
        "AI4Arctic noise removal",
        "Which HH and HV of the file are taken.",
        default="nersc",
        choices=AI4ARCTIC_NOISE,
        advanced=True,
    )
    ice_free: bool = fields.flag(
        "Ice free",
        "The scene is known to hold no ice: its SIC is 0 wherever it has backscatter, and no"
        " reference is needed. Leave land out by the Mask. So a network learns what wind does to"
        " water. Its Footprint is that of the set's other scenes where none is given.",
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
        " set; for the first scene, a chip spans three footprints of its reference.",
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
        """Check that all layers are given, or none, and not with a file that holds them all."""
        super().check()
        if self.ai4arctic:
            names = ("hh", "hv", "incidence", "mask", "extra", "reference", "reference_mask")
            given = [dict(self.specs())[name].label for name in names if getattr(self, name)]
            if given:
                raise JobError(
                    f"{', '.join(given)}: the AI4Arctic file brings its own; give the file or"
                    " layers"
                )
            if self.ice_drift:
                raise JobError(
                    "Ice drift is for references of radiometers; the AI4Arctic file's chart is"
                    " drawn on the scene itself: leave it at 0"
                )
            if self.ice_free:
                raise JobError("Ice free: the AI4Arctic file brings its own chart; switch it off")
            return
        if self.ice_free:
            self._check_ice_free()
            return
        if any(layer is not None for layer in (self.hh, self.hv, self.reference)):
            self.check_layers(
                "a scene needs HH, HV and a reference SIC layer. Without all three the set is only"
                " listed"
            )

    def _check_ice_free(self) -> None:
        for name in ("reference", "reference_mask", "ice_drift"):
            if getattr(self, name):
                raise JobError(
                    f"Ice free and {dict(self.specs())[name].label} are both given; the SIC of an"
                    " ice-free scene is 0 everywhere: leave one away"
                )
        if self.hh is None or self.hv is None:
            raise JobError("Ice free: give HH and HV of the scene that holds no ice")
