"""The job `importsentinel1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job, Number
from .fields import Choice
from .sources import VectorSource

NOISE_REMOVALS = (
    Choice("scaled", "ESA's noise, corrected from the scene in HV (VH)"),
    Choice("esa", "ESA's noise as annotated"),
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
        "<p>Radiometry: sigma0 = (DN² - noise) / A² with the annotation's tables. ESA's noise has"
        " the right shape, but not always the right size: up to half too weak near the satellite,"
        " which makes water look like ice there. By default its scale and offset in HV are"
        " estimated from the scene's dark parts, subswath by subswath; the log says them, and the"
        " jump of HV across each border before and after. The grain that the noise leaves is"
        " brought to the same strength in all subswaths.</p>"
        "<p>Where the noise exceeds the signal the difference is negative. Such power is kept, in"
        " dB below the floor, because averages of dark water need it: <i>Train</i> and"
        " <i>Predict</i> read it back exactly, 10^(dB / 10) - z² / 10^(dB / 10) with z ="
        " 10^(floor / 10).</p>"
        "<p>Geometry: the product's geolocation grid, reduced to sea level. The sea and its ice"
        " are placed to about a pixel; land is not terrain-corrected.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("VALID_FRACTION", "Share of pixels with values"),
        Number("FLOORED_HH", "HH pixels not above the noise", "%"),
        Number("FLOORED_HV", "HV pixels not above the noise", "%"),
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
        " values across and along the track since IPF 2.9 (2018), before that across only. A"
        " network must see scenes treated alike: take what its training scenes had.",
        default="scaled",
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
    coastline: Optional[VectorSource] = fields.vector(
        "Coastline",
        "Polygons of land, in any CRS; the help of Land mask names some. Land is then nodata in all"
        " outputs, and no other algorithm needs a mask of it for this scene.",
        optional=True,
    )
    floor: float = fields.number(
        "Floor",
        "The dB value of a pixel whose power is 0 once the noise is subtracted; negative power lies"
        " below it. Power 10 dB above it is written 0.04 dB too high, 5 dB above it 0.4 dB.",
        unit="dB",
        default=-40.0,
        bounds=(-60, -35),
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

    nesz: Optional[str] = fields.output_raster(
        "Noise (NESZ) of HV",
        "Noise-equivalent sigma0 of HV (VH) in dB, as it was subtracted or, with noise removal"
        " none, as annotated: where HV is not well above it, HV is mostly noise. float32, nodata"
        " -9999.",
        optional=True,
        created=False,
    )

    report: Optional[str] = fields.output_html(
        "Noise report",
        "Shows HV (VH) across the swath before and after the correction of the noise, what the"
        " correction is, and the steps at the borders of subswaths. With Thermal noise corrected"
        " from the scene only.",
        optional=True,
        created=False,
    )

    def check(self) -> None:
        """Check that something is to be written, and that the report has something to show."""
        if self.report and self.noise != "scaled":
            raise JobError(
                "Noise report: shows the noise that is corrected from the scene; set Thermal noise"
                " to scaled, or leave the report empty"
            )
        if not (self.hh or self.hv or self.incidence or self.nesz):
            raise JobError("no output is asked for; give HH, HV, the incidence angle or the noise")
