"""The job `predict`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from . import fields
from .base import Number
from .choices import COMPRESSIONS, RUNTIMES, device_field
from .inputs import ChannelInputs

LOWER_BAND = "Lower bound of the 90 % interval of the mean SIC over a footprint"
UPPER_BAND = "Upper bound of the 90 % interval of the mean SIC over a footprint"
HALF_WIDTH_BAND = "Half-width of the 90 % interval of the mean SIC over a footprint"
"""Descriptions of the uncertainty's bands, by which they are found."""


@dataclass(frozen=True)
class PredictJob(ChannelInputs):
    """Map the sea-ice concentration of a scene with a fitted network."""

    NAME: ClassVar[str] = "predict"
    LABEL: ClassVar[str] = "Predict sea-ice concentration"
    GROUP: ClassVar[str] = "Maps"
    SUMMARY: ClassVar[str] = (
        "<p>Applies a network from <i>Train SIC network</i> to the HH and HV backscatter of a scene"
        " and gives a GeoTIFF of sea-ice concentration in percent (0-100), nodata -9999, at the"
        " network's resolution.</p>"
        "<p>Pixels where HH, HV, the incidence angle or an extra channel have no data, or where the"
        " mask is 0, are nodata.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("MEAN_SIC", "Mean SIC", "%"),
        Number("VALID_FRACTION", "Share of pixels with a SIC"),
        Number("MEAN_UNCERTAINTY", "Mean half-width of the 90 % interval", "% SIC"),
        Number("NOVEL_FRACTION", "Share of pixels unlike the training data"),
    )

    model: Optional[str] = fields.network_file(
        "SIC network", "A model file that Train SIC network wrote."
    )
    samples: Optional[int] = fields.integer(
        "Samples for the uncertainty",
        "Networks that are drawn by dropout, where the network's uncertainty follows from these;"
        " more give a steadier one and take longer, but what lies before the first dropout layer is"
        " computed once. Empty: 16.",
        bounds=(2, 63),
        optional=True,
        advanced=True,
    )
    tile_size: Optional[int] = fields.integer(
        "Tile size",
        "Side of the part of the map that one pass of the network writes, about, without overlap."
        " Empty: chosen for speed and memory.",
        unit="px",
        bounds=(64, 8192),
        optional=True,
        advanced=True,
    )
    overlap: Optional[int] = fields.integer(
        "Overlap",
        "What the network sees around a tile but does not write, so that no seams show."
        " Empty: what the network needs.",
        unit="px",
        bounds=(0, 2048),
        optional=True,
        advanced=True,
    )
    runtime: str = fields.choice(
        "Runtime",
        "The library that computes the network.",
        default="auto",
        choices=RUNTIMES,
        advanced=True,
    )
    device: str = device_field()
    memory_gib: float = fields.number(
        "Memory",
        "Main memory that the prediction may take, about. Tile size follows from it.",
        unit="GiB",
        default=2.0,
        bounds=(0.5, 1024),
        decimals=1,
        advanced=True,
    )
    compression: str = fields.choice(
        "Compression",
        "How the output is compressed. Choose Deflate for programs that read neither Zstandard nor"
        " LERC.",
        default="zstd",
        choices=COMPRESSIONS,
        advanced=True,
    )
    output: Optional[str] = fields.output_raster(
        "Sea-ice concentration", "SIC in percent (0-100), float32, nodata -9999."
    )
    class_map: Optional[str] = fields.output_raster(
        "Class map",
        "Most likely class of SIC, of a network that was trained with the task classes; with"
        " colours and names as its legend, nodata 255.",
        optional=True,
        created=False,
    )
    uncertainty: Optional[str] = fields.output_raster(
        "Uncertainty",
        "The 90 % interval of the mean SIC over a footprint of the network's reference, in percent:"
        " lower bound, upper bound and half-width, as training found them on parts that the network"
        " did not see; then the share of pixels unlike the training data. Its tag SEAICE_CALIBRATED"
        " is no where there were too few such parts.",
        optional=True,
        created=False,
    )
