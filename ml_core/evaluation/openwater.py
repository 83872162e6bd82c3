"""Open water: the false ice that a network shows on a scene known to hold none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..observation.footprint import FootprintFields
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask
from .extent import is_ice

_STEP_DEG: Final = 3


@dataclass(frozen=True)
class AngleRow:
    """Open water within a range of incidence angles.

    Attributes:
        label: The range, deg.
        share: Share of the scene.
        mean_percent: Mean SIC.
        ice_share: Share of it that is called ice.
    """

    label: str
    share: float
    mean_percent: float
    ice_share: float


@dataclass(frozen=True)
class OpenWater:
    """A network's prediction of a scene without ice.

    Attributes:
        name: The scene.
        mean_percent: Mean SIC.
        ice_share: Share of pixels that are called ice, by `extent.is_ice`.
        pixels: Pixels that have a SIC.
        by_angle: The same by incidence angle; empty where that is not known.
        sic_percent: Map of the SIC (h, w); NaN where there is none.
        pixel_size_m: Ground size (height, width) of a pixel of the map.
    """

    name: str
    mean_percent: float
    ice_share: float
    pixels: int
    by_angle: tuple[AngleRow, ...]
    sic_percent: NDArray[np.floating]
    pixel_size_m: tuple[float, float]


def by_angle(
    sic_percent: NDArray[np.floating],
    ice_share: NDArray[np.floating],
    angle_deg: NDArray[np.floating],
) -> tuple[AngleRow, ...]:
    """Return mean SIC and false ice by incidence angle.

    Args:
        sic_percent: (h, w) mean SIC of cells; NaN where there is none.
        ice_share: (h, w) share of a cell's pixels that are called ice.
        angle_deg: (h, w) mean angle of cells; NaN where it is not known.
    """
    known = np.isfinite(sic_percent) & np.isfinite(angle_deg)
    number = np.floor(angle_deg[known] / _STEP_DEG).astype(np.int64)
    sic, ice = sic_percent[known], ice_share[known]
    return tuple(
        AngleRow(
            f"{n * _STEP_DEG}–{(n + 1) * _STEP_DEG}",
            float(np.mean(number == n)),
            float(sic[number == n].mean()),
            float(ice[number == n].mean()),
        )
        for n in np.unique(number).tolist()
    )


class WaterSums:
    """Sums over a predicted scene of open water, added window by window."""

    def __init__(self, name: str, grid: Grid) -> None:
        self._name, self._grid = name, grid
        # SIC, false ice and angle; a footprint of a pixel: plain means over the cells of a map
        self._fields = FootprintFields(grid.shape, 3, 1.0)
        self._total, self._ice, self._count = 0.0, 0, 0

    def add(
        self, window: Window, sic_percent: Floats, valid: Mask, angle_deg: Floats | None
    ) -> None:
        """Add the SIC and the incidence angle, where it is known, of a window (h, w)."""
        ice = valid & is_ice(sic_percent)
        self._total += float(np.sum(sic_percent, where=valid, dtype=np.float64))
        self._ice += int(ice.sum())
        self._count += int(valid.sum())
        angle = np.full_like(sic_percent, np.nan) if angle_deg is None else angle_deg
        self._fields.add(window, np.stack([sic_percent, ice.astype(np.float32), angle]), valid)

    def result(self) -> OpenWater | None:
        """Return the result; None where nothing was predicted."""
        if not self._count:
            return None
        (sic, ice, angle), _ = self._fields.means()
        size = self._fields.cell_px
        height_m, width_m = self._grid.nominal_pixel_size_m
        return OpenWater(
            name=self._name,
            mean_percent=self._total / self._count,
            ice_share=self._ice / self._count,
            pixels=self._count,
            by_angle=by_angle(sic, ice, angle),
            sic_percent=sic,
            pixel_size_m=(size * height_m, size * width_m),
        )
