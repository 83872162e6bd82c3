"""The job `landmask`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job, Number
from .fields import Choice
from .sources import RasterSource, VectorSource

POLYGONS = (
    Choice("land", "Land"),
    Choice("sea", "The sea"),
)


@dataclass(frozen=True)
class LandMaskJob(Job):
    """Make a mask of land on a layer's grid from a coastline."""

    NAME: ClassVar[str] = "landmask"
    LABEL: ClassVar[str] = "Land mask"
    GROUP: ClassVar[str] = "Inputs"
    SUMMARY: ClassVar[str] = (
        "<p>Makes a mask on the grid of a scene, 0 on land and 1 on the sea, from a coastline that"
        " you have as polygons, in any CRS. The other algorithms take it as <i>Mask</i>. Only what"
        " lies around the scene is read, so that a coastline of the whole world can be given.</p>"
        "<p>Land spills into the footprints of a passive-microwave reference, which then shows ice"
        " along coasts where there is none. The mask for reference values has land with a buffer of"
        " one footprint around it; training takes it as <i>Reference mask</i>, and <i>Evaluate</i>"
        " and <i>Import passive-microwave SIC</i> as their mask.</p>"
        "<p>Coastlines that are free to download, and the pixels they are fit for:</p>"
        "<ul>"
        "<li>OpenStreetMap land polygons (osmdata.openstreetmap.de, <code>land_polygons.shp</code>"
        " in WGS84): any pixel size, Antarctica with its ice shelves as land.</li>"
        "<li>GSHHG (soest.hawaii.edu/pwessel/gshhg, shapefiles): resolution f (full) or h (high)"
        " for pixels up to 500 m, i for 1 km, l for 5 km. Its coasts may lie 500 m off, so give a"
        " Buffer of that with finer pixels. <code>GSHHS_f_L1</code> is land without Antarctica,"
        " <code>GSHHS_f_L5</code> Antarctica to the front of its ice shelves. Not the WDBII files,"
        " which hold lines.</li>"
        "<li>Natural Earth (naturalearthdata.com, <code>ne_10m_land</code>): pixels of 1 km and"
        " more, such as those of a reference.</li>"
        "</ul>"
        "<p>A coastline that is coarse for the pixels is noticed in the log. Glacier fronts and ice"
        " shelves move by kilometres in a few years; compare the mask with the scene.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("LAND_FRACTION", "Share of the mask that is land"),
        Number("REFERENCE_LAND_FRACTION", "Share of the mask for reference values that is land"),
    )

    grid: Optional[RasterSource] = fields.raster(
        "Layer with the grid", "HH of the scene, or any raster; only its grid is used."
    )
    coastline: Optional[VectorSource] = fields.vector(
        "Coastline", "Polygons of land, in any CRS. A layer of lines cannot be used."
    )
    buffer: float = fields.number(
        "Buffer",
        "Water so near to land is masked, too. 0: a pixel is land where its centre is. More: where"
        " any land lies within the buffer, to about a pixel or a hundredth of the buffer.",
        unit="m",
        default=0.0,
        bounds=(0, 500000),
        decimals=1,
    )
    footprint: Optional[float] = fields.number(
        "Footprint of the reference",
        "Buffer of the mask for reference values: the ground size that one value averages, full"
        " width at half maximum, which the reference's import gives; about 12 km for AMSR2 at 36"
        " GHz, 56 km for SSMIS at 19 GHz. Needed for that mask only.",
        unit="m",
        bounds=(1, 500000),
        optional=True,
        decimals=1,
    )
    polygons: str = fields.choice(
        "The polygons are",
        "What the polygons of the coastline enclose. If the sea, all else is land.",
        default="land",
        choices=POLYGONS,
        advanced=True,
    )
    output: Optional[str] = fields.output_raster(
        "Land mask", "0 on land, 1 on the sea, for the other algorithms' Mask."
    )
    reference_mask: Optional[str] = fields.output_raster(
        "Mask for reference values",
        "The same with a buffer of one footprint, for Reference mask of Train, Compare and Build"
        " training set.",
        optional=True,
        created=False,
    )

    def check(self) -> None:
        """Check that the buffer of each mask is known."""
        if self.reference_mask and self.footprint is None:
            raise JobError(
                "Footprint of the reference is missing; the mask for reference values is buffered"
                " by it (about 12 km for AMSR2 at 36 GHz, 56 km for SSMIS at 19 GHz)"
            )
