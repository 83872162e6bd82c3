"""The job `simulatescene`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job, Number
from .fields import Choice

SIMULATED_NOISE = (
    Choice("kept", "Kept: subswaths differ in HV"),
    Choice("scaled", "Corrected from the scene and subtracted, as Import Sentinel-1 does"),
    Choice("subtracted", "Subtracted as annotated"),
)

_LARGEST_M = 2_000_000.0


@dataclass(frozen=True)
class SimulateSceneJob(Job):
    """Simulate a Sentinel-1 EW scene whose sea-ice concentration is known at every pixel."""

    NAME: ClassVar[str] = "simulatescene"
    LABEL: ClassVar[str] = "Simulate scene"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Makes HH, HV and the incidence angle of a Sentinel-1 EW scene over sea ice from a"
        " seed, with the true sea-ice concentration (SIC) of every pixel and a coarse reference as"
        " a passive-microwave radiometer would see it.</p>"
        "<p>It is for learning the tools and for tests with known truth. The ice is made of random"
        " fields with plausible shapes and backscatter, not of a sea-ice model: <b>a network"
        " trained on simulated scenes is not for navigation.</b></p>"
        "<p>The columns of a scene narrower than the 400 km swath span the whole range of"
        " incidence angles all the same, so that all five subswaths show. Leave the far incidence"
        " angle empty to get the angles that the satellite's geometry gives for the scene's"
        " width.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (Number("MEAN_SIC", "Mean true SIC", "%"),)

    seed: int = fields.seed(
        "Another seed gives another scene; the same seed and parameters give the same scene."
    )
    width: int = fields.integer(
        "Width", "Columns, from near to far range.", unit="px", default=2000, bounds=(64, 30000)
    )
    height: int = fields.integer(
        "Height", "Rows, along the satellite's track.", unit="px", default=2000, bounds=(64, 30000)
    )
    resolution: float = fields.number(
        "Pixel size",
        "Ground size of a pixel; 40 m is Sentinel-1's EW medium resolution.",
        unit="m",
        default=80.0,
        bounds=(20.0, 1000.0),
        decimals=1,
    )
    ice_fraction: float = fields.number(
        "Ice cover",
        "Share of the scene inside the ice edge; leads, polynyas and gaps between floes take"
        " some of it, so the mean SIC is lower.",
        unit="%",
        default=65.0,
        bounds=(0.0, 100.0),
        decimals=1,
    )
    wind_speed: float = fields.number(
        "Wind speed",
        "Mean wind at 10 m height; it roughens open water, which then looks as bright as ice.",
        unit="m/s",
        default=7.0,
        bounds=(0.5, 25.0),
        decimals=1,
    )
    wind_direction: float = fields.number(
        "Wind direction",
        "Direction that the wind comes from, relative to the radar's look: 0 is against it"
        " (upwind), 90 across, 180 along (downwind).",
        unit="deg",
        default=45.0,
        bounds=(0.0, 360.0),
        decimals=1,
        advanced=True,
    )
    multi_year: float = fields.number(
        "Multi-year ice",
        "Share of the pack ice that is multi-year ice; the rest is first-year ice.",
        unit="%",
        default=30.0,
        bounds=(0.0, 100.0),
        decimals=1,
    )
    deformed: float = fields.number(
        "Deformed ice",
        "Share of the first-year ice that is deformed.",
        unit="%",
        default=25.0,
        bounds=(0.0, 100.0),
        decimals=1,
        advanced=True,
    )
    leads: float = fields.number(
        "Leads",
        "Share of the pack that long leads take, open or covered with new ice.",
        unit="%",
        default=3.0,
        bounds=(0.0, 20.0),
        decimals=1,
        advanced=True,
    )
    polynyas: int = fields.integer(
        "Polynyas", "Number of polynyas in the pack.", default=1, bounds=(0, 10), advanced=True
    )
    melt: float = fields.number(
        "Melt",
        "0: cold, dry snow; 1: wet snow, which hides the difference between the ice types and"
        " weakens HV.",
        default=0.0,
        bounds=(0.0, 1.0),
        decimals=2,
    )
    looks: float = fields.number(
        "Looks",
        "Equivalent number of looks of the speckle; about 10 in Sentinel-1 EW at 40 m.",
        default=10.0,
        bounds=(1.0, 1000.0),
        decimals=1,
        advanced=True,
    )
    noise: str = fields.choice(
        "Thermal noise",
        "Whether the radar's own noise, which dominates HV over water, stays in the scene, or is"
        " taken off as Import Sentinel-1 does: corrected from the scene, or as it is annotated. Its"
        " grain stays either way.",
        default="kept",
        choices=SIMULATED_NOISE,
        advanced=True,
    )
    noise_error: float = fields.number(
        "Error of the annotated noise",
        "How far HV's noise differs from its annotation in scale and offset, by subswath: 1: as the"
        " published corrections of a real processor do, drawn by the seed; 0: not at all.",
        default=1.0,
        bounds=(0, 2),
        decimals=2,
        advanced=True,
    )
    incidence_near: float = fields.number(
        "Near incidence angle",
        "Incidence angle at the first column.",
        unit="deg",
        default=19.0,
        bounds=(15.0, 50.0),
        decimals=1,
        advanced=True,
    )
    incidence_far: Optional[float] = fields.number(
        "Far incidence angle",
        "Incidence angle at the last column. Empty: what the satellite's geometry gives for the"
        " scene's width.",
        unit="deg",
        default=46.0,
        bounds=(15.0, 60.0),
        decimals=1,
        optional=True,
        advanced=True,
    )
    footprint: float = fields.number(
        "Footprint",
        "Ground area that one value of the reference averages, full width at half maximum of a"
        " Gaussian.",
        unit="m",
        default=12000.0,
        bounds=(500.0, 100000.0),
        decimals=0,
    )
    reference_pixel: float = fields.number(
        "Reference pixel size",
        "Pixel size of the reference's own coarse grid.",
        unit="m",
        default=6250.0,
        bounds=(250.0, 100000.0),
        decimals=0,
        advanced=True,
    )
    crs: str = fields.crs(
        "Coordinate reference system",
        "The scene's projected CRS, in metres.",
        default="EPSG:3413",
        optional=True,
        advanced=True,
    )
    hh: Optional[str] = fields.output_raster(
        "HH backscatter", "sigma0 in dB, rounded to 0.004 dB, nodata -9999."
    )
    hv: Optional[str] = fields.output_raster(
        "HV backscatter", "sigma0 in dB, rounded to 0.004 dB, nodata -9999."
    )
    incidence: Optional[str] = fields.output_raster("Incidence angle", "Degrees.", optional=True)
    true_sic: Optional[str] = fields.output_raster(
        "True SIC", "SIC of every pixel of the scene, percent.", optional=True
    )
    reference: Optional[str] = fields.output_raster(
        "Reference SIC",
        "The true SIC averaged over the footprint, on a coarse grid of its own, percent.",
        optional=True,
    )

    def check(self) -> None:
        """Check the angles, the scene's size and the reference's.

        Raises:
            JobError: The far angle is not above the near one, the scene is larger than a radar
                sees, or the reference would have fewer than four pixels along a side.
        """
        if self.incidence_far is not None and self.incidence_far <= self.incidence_near:
            raise JobError(
                f"Far incidence angle: {self.incidence_far:g} deg is not above the near one,"
                f" {self.incidence_near:g} deg; give a larger one"
            )
        sides_m = self.width * self.resolution, self.height * self.resolution
        if max(sides_m) > _LARGEST_M:
            raise JobError(
                f"the scene is {max(sides_m) / 1000:g} km long; give at most"
                f" {_LARGEST_M / 1000:g} km: fewer or smaller pixels"
            )
        if self.reference and min(sides_m) < 4 * self.reference_pixel:
            raise JobError(
                f"Reference pixel size: {self.reference_pixel:g} m gives fewer than 4 pixels on"
                f" the scene's {min(sides_m) / 1000:g} km; give a smaller one or a larger scene"
            )
