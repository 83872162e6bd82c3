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

SIC_FLAGS = (
    Choice("land", "Land"),
    Choice("lake", "Lake"),
    Choice("coast", "Coast: the pixel holds land"),
    Choice("land_spill_over", "Land spill-over: SIC changed to correct for land nearby"),
    Choice("high_temperature", "Warm air: ice may be false"),
    Choice("interpolated", "Interpolated: in space or time, not measured there on that day"),
    Choice("no_input", "No input data"),
    Choice("open_water_filter", "Open-water or weather filter: SIC set to 0 %"),
    Choice("climatology", "Ice climatology: SIC set to 0 % where ice has never been seen"),
    Choice("melt", "Melt has begun"),
)

NOTHING = Choice("nothing", "Nothing: flagged values are kept")
"""An optional list could be empty by mistake: a model passes on nothing for an unset input."""

UNCERTAINTIES = (
    Choice("total", "Total: of the algorithm, and of what the pixel's surroundings add"),
    Choice("algorithm", "Of the algorithm alone, where the product has it"),
    Choice("none", "None is kept"),
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
        " climate data record G02202, the University of Bremen's ASI AMSR2, OSI SAF OSI-401,"
        " OSI-408, OSI-430 and OSI-450, C3S, ESA CCI, Ifremer/CERSAT."
        " Other rasters and NetCDF files need, at most, scale, flags and footprint.</p>"
        "<p>Flags such as pole hole, coast and land become nodata and are counted in the log. The"
        " footprint, the ground that one value averages, is written into the file: it is not the"
        " pixel size. A 25-km pixel of SSMIS averages 56 km.</p>"
        "<p>NetCDF files say more of their values. Those that are flagged as land, lake, coast,"
        " corrected for land spill-over, warm air, interpolated or without input data become"
        " nodata, and so do those of a confidence level below 3; each number is in the log. Water"
        " set to 0 % by an open-water or weather filter stays. The uncertainty (one standard"
        " deviation) becomes band 2, by which training can weight the values: of OSI SAF, C3S and"
        " ESA CCI it is the product's, of NSIDC's climate data record (G02202) the spread of two"
        " algorithms over neighbouring pixels. NASA Team and Bremen products have none.</p>"
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
    least_confidence: int = fields.integer(
        "Least confidence level",
        "NetCDF of OSI-401 and OSI-408: values of a lower confidence level are left out. 0 not"
        " processed, 1 failed, 2 to be used with care, 3 acceptable, 4 good, 5 excellent.",
        default=3,
        bounds=(0, 5),
        advanced=True,
    )
    dropped_flags: Tuple[str, ...] = fields.choices(
        "Flags left out",
        "NetCDF: values that the product flags so are left out. By default all but those of the"
        " open-water and weather filters and the ice climatology, without which there would be"
        " little water, and of melt. nothing: all are kept.",
        default=(
            "land",
            "lake",
            "coast",
            "land_spill_over",
            "high_temperature",
            "interpolated",
            "no_input",
        ),
        choices=(*SIC_FLAGS, NOTHING),
        advanced=True,
    )
    uncertainty: str = fields.choice(
        "Uncertainty",
        "NetCDF: which uncertainty becomes band 2, in % SIC. The total is large along the ice edge,"
        " where a pixel's surroundings differ from it.",
        default="total",
        choices=UNCERTAINTIES,
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
        " tags. Band 2: its uncertainty in % SIC, where the product has one.",
    )
