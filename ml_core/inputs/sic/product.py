"""What reading a passive-microwave product gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...raster.grid import Grid
from ...raster.reference import UNCERTAINTY_BAND_TAG
from .sensors import SensorFootprint


@dataclass(frozen=True)
class SicProduct:
    """A field of sea-ice concentration.

    Attributes:
        sic_percent: (H, W) SIC, NaN where there is none.
        footprint: What one value averages, where that is known.
        date: Day, days or period of observation, ISO 8601, where that is known.
        excluded: Number of pixels without SIC by reason, such as ``land``.
        notes: What else the analyst should know.
        hides_water: Whether open water is among the pixels without SIC.
        uncertainty_percent: (H, W) one standard deviation, NaN where unknown; None: the product
            has none.
        uncertainty_name: What the product calls it.
        warnings: What the analyst must know.
    """

    name: str
    sic_percent: NDArray[np.float32]
    grid: Grid
    footprint: SensorFootprint | None = None
    date: str = ""
    excluded: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    hides_water: bool = False
    uncertainty_percent: NDArray[np.float32] | None = None
    uncertainty_name: str = ""
    warnings: tuple[str, ...] = ()

    def tags(self, footprint_m: float | None) -> dict[str, str]:
        """Return what a raster of the product holds of it: name, date and footprint.

        Args:
            footprint_m: As the analyst gives it; None or 0: as it is known.
        """
        tags = {"SEAICE_PRODUCT": self.name}
        if self.date:
            tags["SEAICE_DATE"] = self.date
        if self.uncertainty_percent is not None:
            tags[UNCERTAINTY_BAND_TAG] = "2"
            tags["SEAICE_UNCERTAINTY"] = self.uncertainty_name
        if footprint_m:
            tags["SEAICE_FOOTPRINT_M"] = f"{footprint_m:g}"
            tags["SEAICE_FOOTPRINT_SOURCE"] = "given by hand"
        elif self.footprint is not None:
            known = self.footprint
            size_m = max(known.size_m, self.grid.resolution_m)
            source = f"{known.sensor} at {known.channel_ghz:g} GHz: {known.source}"
            tags["SEAICE_FOOTPRINT_M"] = f"{size_m:.0f}"
            tags["SEAICE_FOOTPRINT_SOURCE"] = source + (
                "; the pixel is larger and counts" if size_m > known.size_m else ""
            )
        return tags


def counted(reasons: NDArray[np.generic], names: dict[int, str], other: str) -> dict[str, int]:
    """Return how many pixels there are by reason.

    Args:
        reasons: Flag values of the pixels.
        names: What flag values mean.
        other: What a value without a meaning is called; the value is put behind it.
    """
    values, counts = np.unique(reasons, return_counts=True)
    result: dict[str, int] = {}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        meaning = names.get(value)
        name = f"{meaning} ({value:g})" if meaning else f"{other} {value:g}"
        result[name] = result.get(name, 0) + count
    return result
