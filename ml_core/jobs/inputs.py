"""The scene's input layers, which several jobs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Job
from .choices import UNITS
from .sources import RasterSource


@dataclass(frozen=True)
class SceneInputs(Job):
    """HH and HV backscatter of one scene, with its incidence angle and mask."""

    hh: Optional[RasterSource] = fields.raster(
        "HH backscatter",
        "Calibrated sigma0 in HH polarisation. Its grid is the scene's grid: the other layers are"
        " aligned to it on the fly, whatever their CRS, pixel size and extent.",
        band=True,
    )
    hv: Optional[RasterSource] = fields.raster(
        "HV backscatter",
        "Calibrated sigma0 in HV polarisation, of the same scene as HH.",
        band=True,
    )
    incidence: Optional[RasterSource] = fields.raster(
        "Incidence angle",
        "Incidence angle of the radar beam in degrees. Backscatter of water and ice falls with it;"
        " a network that is given the angle can separate the trend across the swath from ice.",
        unit="deg",
        optional=True,
    )
    mask: Optional[RasterSource] = fields.raster(
        "Mask",
        "Pixels where this layer is 0 or nodata are left out, such as land: Land mask makes it from"
        " a coastline.",
        optional=True,
    )
    units: str = fields.choice(
        "Backscatter unit",
        "The unit of HH and HV. Values that contradict it are an error.",
        default="db",
        choices=UNITS,
    )

    def check(self) -> None:
        """Check that HH and HV are not one band, as they are when a dialog's first choice is left.

        Raises:
            JobError: They are.
        """
        if self.hh and self.hv and (self.hh.path, self.hh.band) == (self.hv.path, self.hv.band):
            raise JobError(
                f"HH and HV are both band {self.hh.band} of {self.hh.label}; give the other"
                " polarisation's layer or band"
            )


@dataclass(frozen=True)
class ChannelInputs(SceneInputs):
    """A scene as a network sees it: with further layers as channels."""

    extra: Tuple[RasterSource, ...] = fields.rasters(
        "Extra channels",
        "Further raster layers that the network gets as channels, such as brightness temperatures,"
        " the distance to land, NESZ or another polarisation; every band of a file is one. They"
        " are aligned to the scene's grid, averaged where finer and bilinear where coarser; pixels"
        " where one has no value are left out. A channel is named by its file (SEAICE_QUANTITY tag"
        " or the band's description), else after the layer. A network needs the channels that it"
        " was trained with: layers are found by these names in any order, others are taken in the"
        " order given, and a message says so.",
    )


@dataclass(frozen=True)
class ReferenceInputs(ChannelInputs):
    """A scene with the SIC to learn from; a training set may stand in for all of them."""

    hh: Optional[RasterSource] = fields.optional(SceneInputs, "hh")
    hv: Optional[RasterSource] = fields.optional(SceneInputs, "hv")

    reference: Optional[RasterSource] = fields.raster(
        "Reference SIC",
        "Sea-ice concentration to learn from, in percent (0-100) or as a fraction (0-1), for"
        " example from passive microwaves. Values above 100 are taken as flags and left out.",
        optional=True,
        band=True,
    )
    reference_mask: Optional[RasterSource] = fields.raster(
        "Reference mask",
        "Reference values whose pixel's centre lies where this layer is 0 or nodata are left out:"
        " land spills into footprints and shows as ice along coasts. Land mask makes it, with a"
        " buffer of one footprint around land.",
        optional=True,
    )
    footprint: Optional[float] = fields.number(
        "Footprint of the reference",
        "Ground size that one reference value averages, full width at half maximum: about 12 km"
        " for AMSR2 at 36 GHz. Empty: what its file says, else its pixel size, or an estimate"
        " where the reference was interpolated to finer pixels.",
        unit="m",
        bounds=(0, None),
        optional=True,
        decimals=1,
    )
    max_hours_apart: float = fields.number(
        "Largest time difference",
        "Ice drifts: a reference that is further from the scene's acquisition than this is refused,"
        " and one that is 6 h or further is warned of. A daily product is of its whole day. Where"
        " a file says nothing of its time, this is not checked.",
        unit="h",
        default=24.0,
        bounds=(0, None),
        decimals=1,
        advanced=True,
    )

    ice_drift: float = fields.number(
        "Ice drift",
        "Reference values are left out where SIC varies by more than 20 % within the way that ice"
        " drifts between the times of scene and reference: they may be of other ice. Typically 10"
        " to 15 km/day, along the ice edge twice as much. 0: none are left out.",
        default=0.0,
        unit="km/day",
        bounds=(0, 200),
        decimals=1,
        advanced=True,
    )
    hours_apart: Optional[float] = fields.number(
        "Time between scene and reference",
        "For Ice drift, where the files do not give their times. Empty: between the middles of"
        " their times, for a daily product its noon.",
        unit="h",
        bounds=(0, 1000),
        optional=True,
        decimals=1,
        advanced=True,
    )

    def check_layers(self, purpose: str) -> None:
        """Check that HH, HV and the reference are there.

        Args:
            purpose: What they are needed for, and what else would do.

        Raises:
            JobError: One is missing.
        """
        for name in ("hh", "hv", "reference"):
            if getattr(self, name) is None:
                label = dict(self.specs())[name].label
                raise JobError(f"{label} is missing; {purpose}")
