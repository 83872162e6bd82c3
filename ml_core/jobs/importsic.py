"""The job `importsic`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from . import fields
from .base import Job, Number
from .fields import Choice
from .sources import RasterSource

SIC_FORMATS = (
    Choice("auto", "Recognise by content"),
    Choice("nsidc_binary", "NSIDC-0051 or NSIDC-0081, flat binary"),
    Choice("netcdf", "NetCDF: OSI SAF, NSIDC, Ifremer/CERSAT, others after CF"),
    Choice("raster", "GeoTIFF or other raster: NSIDC, Bremen, others"),
)


@dataclass(frozen=True)
class ImportSicJob(Job):
    """Bring a passive-microwave SIC product into percent with its footprint."""

    NAME: ClassVar[str] = "importsic"
    LABEL: ClassVar[str] = "Import passive-microwave SIC"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Reads a sea-ice concentration (SIC) product of passive-microwave radiometers and"
        " writes a GeoTIFF in percent on the product's own grid, ready as a reference.</p>"
        "<p>Known: NSIDC-0051 and NSIDC-0081 (binary, GeoTIFF, NetCDF), the Sea Ice Index, the"
        " University of Bremen's ASI AMSR2, OSI SAF OSI-401, OSI-408 and OSI-450, Ifremer/CERSAT."
        " Other rasters and NetCDF files need, at most, scale, flags and footprint.</p>"
        "<p>Flags such as pole hole, coast and land become nodata and are counted in the log. The"
        " footprint, the ground that one value averages, is written into the file: it is not the"
        " pixel size. A 25-km pixel of SSMIS averages 56 km.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("MEAN_SIC", "Mean SIC", "%"),
        Number("VALID_FRACTION", "Share of pixels with a SIC"),
    )

    product: Optional[str] = fields.file(
        "SIC product", "The file as it was downloaded.", description="SIC product"
    )
    format: str = fields.choice(
        "Format", "How the file is read.", default="auto", choices=SIC_FORMATS, advanced=True
    )
    variable: str = fields.text(
        "Variable",
        "NetCDF: the SIC field, where the file has several. Empty: recognised.",
        optional=True,
        advanced=True,
    )
    time: str = fields.text(
        "Time",
        "NetCDF with several times: a day such as 2017-10-02, or a number from 1.",
        optional=True,
        advanced=True,
    )
    scale: Optional[float] = fields.number(
        "Scale",
        "Rasters: percent per unit of the file, such as 0.4 for bytes of 0-250. Empty: percent or"
        " fractions, recognised.",
        optional=True,
        bounds=(1e-9, 1e6),
        decimals=9,
        advanced=True,
    )
    flags: Tuple[float, ...] = fields.numbers(
        "Flags",
        "Rasters: values of the file that are no SIC, such as 251, 253, 254. Values outside"
        " 0-100 % are left out anyway.",
        default=(),
        optional=True,
        advanced=True,
    )
    footprint: Optional[float] = fields.number(
        "Footprint",
        "Ground that one value averages, full width at half maximum. Empty: by sensor and"
        " channel of the known products.",
        unit="m",
        optional=True,
        bounds=(100.0, 500000.0),
        decimals=0,
        advanced=True,
    )
    crs: Optional[str] = fields.crs(
        "Coordinate reference system",
        "For files that do not name theirs. Empty: the file's.",
        optional=True,
        advanced=True,
    )
    mask: Optional[RasterSource] = fields.raster(
        "Land mask",
        "Where this layer is 0 or nodata is land, which is left out. Land mask makes it, on the"
        " grid of this job's own output; with a buffer of one footprint, cells into which land"
        " spills are left out, too. Products that have no value for open water (Bremen's GeoTIFF)"
        " get 0 % on the sea with it.",
        optional=True,
    )
    output: Optional[str] = fields.output_raster(
        "Sea-ice concentration",
        "SIC in percent (0-100), float32, nodata -9999, with product, date and footprint in its"
        " tags.",
    )
