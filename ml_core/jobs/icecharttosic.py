"""The job `icecharttosic`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job, Number
from .fields import Choice
from .sources import RasterSource, VectorSource

CONVENTIONS = (
    Choice("middle", "Middle of the code's range: 9+/10 is 95 %"),
    Choice("ai4arctic", "Classes of AI4Arctic: 9+/10 is 100 %"),
)


@dataclass(frozen=True)
class IceChartToSicJob(Job):
    """Bring an ice chart to SIC on a scene's grid."""

    NAME: ClassVar[str] = "icecharttosic"
    LABEL: ClassVar[str] = "Ice chart to SIC"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Turns the polygons of an ice chart (SIGRID-3 shapefile, or any polygon layer with its"
        " codes) into sea-ice concentration (SIC) on the grid of the HH layer, ready as a"
        " reference: band 1 is the SIC, bands 2 and 3 the lowest and highest that the code"
        " means, band 4 the number of the polygon. Training and evaluation compare the mean over"
        " each polygon with what its code means.</p>"
        "<p>Codes of total concentration (CT): 00, 01, 02 and 55 are 0 %, 10-90 tenths, 91 is"
        " 9+/10, 92 is 10/10, ranges such as 13, 24, 79 and 81 take their middle; 99, -9 and"
        " empty are unknown. Land, ice shelf, no-data and unknown polygons are nodata; codes that"
        " SIGRID-3 does not have are listed and nodata, too. Where polygons overlap and"
        " contradict, there is nodata.</p>"
        "<p>An ice chart is drawn by eye for polygons: detail inside a polygon is not in it.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("MEAN_SIC", "Mean SIC", "%"),
        Number("VALID_FRACTION", "Share of pixels with a SIC"),
    )

    chart: Optional[VectorSource] = fields.vector("Ice chart", "The chart's polygons, in any CRS.")
    hh: Optional[RasterSource] = fields.raster(
        "HH backscatter", "The scene; only its grid is used."
    )
    date: str = fields.text(
        "Date of the chart",
        "Day, or day and time in UTC, for which the chart is drawn: 2024-03-01 or 2024-03-01T18:00."
        " Training and evaluation compare it with the scene's acquisition. Empty: as the name of"
        " the chart's file has it, if it does.",
        optional=True,
    )
    field: str = fields.text(
        "Concentration field",
        "The field with the SIGRID-3 code of total concentration.",
        default="CT",
        advanced=True,
    )
    type_field: str = fields.text(
        "Polygon type field",
        "The field with L land, W water, I ice, N no data, S ice shelf; may be missing.",
        default="POLY_TYPE",
        optional=True,
        advanced=True,
    )
    id_field: str = fields.text(
        "Polygon number field",
        "The field with the numbers of the polygons. Empty: counted from 1.",
        optional=True,
        advanced=True,
    )
    convention: str = fields.choice(
        "Convention",
        "The SIC that stands for a code.",
        default="middle",
        choices=CONVENTIONS,
        advanced=True,
    )
    footprint: Optional[float] = fields.number(
        "Footprint",
        "Ground that one value is taken to average, written into the file for training and"
        " evaluation. Empty: not written.",
        unit="m",
        optional=True,
        bounds=(10.0, 500000.0),
        decimals=0,
        advanced=True,
    )
    output: Optional[str] = fields.output_raster(
        "Sea-ice concentration",
        "SIC, lowest and highest SIC in percent, and number of the polygon, float32, nodata -9999.",
    )
    polygons: Optional[str] = fields.output_raster(
        "Polygon numbers",
        "The number of the polygon that each pixel lies in, nodata 0.",
        optional=True,
        created=False,
    )

    def check(self) -> None:
        """Check the date."""
        try:
            datetime.fromisoformat(self.date.replace("Z", "") or "2024-03-01")
        except ValueError:
            raise JobError(
                f"Date of the chart: {self.date!r} is none; give a day such as 2024-03-01, or a day"
                " and time such as 2024-03-01T18:00"
            ) from None
