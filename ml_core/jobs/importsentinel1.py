"""The job `importsentinel1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job, Number
from .fields import Choice

NOISE_REMOVALS = (
    Choice("esa", "ESA's annotated noise, subtracted"),
    Choice("none", "None"),
)


@dataclass(frozen=True)
class ImportSentinel1Job(Job):
    """Calibrate and geocode a Sentinel-1 GRD product."""

    NAME: ClassVar[str] = "importsentinel1"
    LABEL: ClassVar[str] = "Import Sentinel-1 scene"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Turns a Sentinel-1 GRD product (EW or IW, GRDM or GRDH, as downloaded: SAFE folder or"
        " zip) into georeferenced sigma0 of HH and HV in dB and the incidence angle, ready for"
        " <i>Train</i> and <i>Predict</i>. A zip is read in place.</p>"
        "<p>Radiometry: sigma0 = (DN² - noise) / A² with the annotation's tables. Where the noise"
        " exceeds the signal the difference is negative; it takes part in the averaging, and only"
        " what is still below the floor afterwards is set to the floor, so that calm water keeps"
        " its place.</p>"
        "<p>Geometry: the product's geolocation grid, reduced to sea level. The sea and its ice"
        " are placed to about a pixel; land is not terrain-corrected.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("VALID_FRACTION", "Share of pixels with values"),
        Number("FLOORED_HH", "HH pixels at the floor", "%"),
        Number("FLOORED_HV", "HV pixels at the floor", "%"),
    )

    product: Optional[str] = fields.file(
        "Sentinel-1 product",
        "A zip as downloaded, the manifest.safe of an unpacked product, or its SAFE folder (type"
        " or paste its path).",
        description="Sentinel-1 product",
    )
    noise: str = fields.choice(
        "Thermal noise",
        "What is done about the radar's own noise, which dominates HV over water. ESA's noise has"
        " values across and along the track since IPF 2.9 (2018), before that across only.",
        default="esa",
        choices=NOISE_REMOVALS,
    )
    resolution: float = fields.number(
        "Resolution",
        "Pixel size of the outputs; backscatter is averaged to it in linear power. EW products"
        " have pixels of 40 m (GRDM) or 25 m (GRDH), IW of 40 m or 10 m.",
        unit="m",
        default=80.0,
        bounds=(1, 100000),
        decimals=1,
    )
    crs: Optional[str] = fields.crs(
        "CRS of the outputs",
        "Empty: polar stereographic, EPSG:3413 in the north and EPSG:3031 in the south.",
        optional=True,
    )
    floor: float = fields.number(
        "Floor",
        "Pixels whose averaged sigma0 is below it, negative ones included, are set to it. nodata"
        " there would delete calm water.",
        unit="dB",
        default=-50.0,
        bounds=(-79, -30),
        decimals=1,
        advanced=True,
    )
    hh: Optional[str] = fields.output_raster(
        "HH backscatter",
        "sigma0 in dB, rounded to 0.004 dB, float32, nodata -9999; VV of a product with VV and VH.",
        optional=True,
    )
    hv: Optional[str] = fields.output_raster(
        "HV backscatter",
        "sigma0 in dB, rounded to 0.004 dB, float32, nodata -9999; VH of a product with VV and VH.",
        optional=True,
    )
    incidence: Optional[str] = fields.output_raster(
        "Incidence angle",
        "Incidence angle at sea level in degrees, float32, nodata -9999.",
        optional=True,
    )

    def check(self) -> None:
        """Check that something is to be written."""
        if not (self.hh or self.hv or self.incidence):
            raise JobError("no output is asked for; give HH, HV or the incidence angle")
