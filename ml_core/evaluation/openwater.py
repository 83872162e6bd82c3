"""Open water: the false ice that a network shows on a scene known to hold none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final  # Any: JSON

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from ..observation.cells import CellSums
from ..observation.footprint import FootprintFields
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask, db_to_linear, linear_to_db
from .extent import EDGE_PERCENT, is_ice

NOTABLE_SHARE: Final = 0.02
"""More false ice than this is warned of: 2 % of a scene of 400 km are 3200 square kilometres."""

_STEP_DEG: Final = 3

HH_CELL_M: Final = 5000.0
"""Ground over which HH is averaged: wind streaks and gusts are wider, waves and speckle are not."""

_MOST_DB: Final = 3
_DEGREE: Final = 3
"""Of the polynomial in the incidence angle that is HH's mean at each."""

_LEAST_CELLS: Final = 20


@dataclass(frozen=True)
class WaterRow:
    """Open water within a range of incidence angles, or of brightness.

    Attributes:
        label: The range.
        share: Share of the water that is counted.
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
        pixels: Pixels that are counted.
        by_angle: The same by incidence angle, deg; empty where that is not known.
        by_hh: The same by how far HH, averaged over `HH_CELL_M`, lies above the scene's mean at the
            same incidence angle, dB: wind roughens water. Empty where the angle is not known.
        sic_percent: Map of the SIC (h, w); NaN where there is none.
        pixel_size_m: Ground size (height, width) of a pixel of the map.
    """

    name: str
    mean_percent: float
    ice_share: float
    pixels: int
    by_angle: tuple[WaterRow, ...]
    by_hh: tuple[WaterRow, ...]
    sic_percent: NDArray[np.floating]
    pixel_size_m: tuple[float, float]

    def __str__(self) -> str:
        """Return mean and false ice in words."""
        return (
            f"Open water, {self.name}: mean SIC {self.mean_percent:.1f} %,"
            f" {100 * self.ice_share:.1f} % of the pixels are called ice (SIC of"
            f" {EDGE_PERCENT:.0f} % or more)"
        )

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers of the job `train`."""
        return {"WATER_MEAN_SIC": self.mean_percent, "WATER_ICE_SHARE": 100 * self.ice_share}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, without the map."""
        rows = {"by_incidence_deg": self.by_angle, "by_hh_above_mean_db": self.by_hh}
        return {
            "scene": self.name,
            "mean_percent": self.mean_percent,
            "ice_share": self.ice_share,
            "pixels": self.pixels,
            **{
                key: {
                    row.label: {
                        "share": row.share,
                        "mean_percent": row.mean_percent,
                        "ice_share": row.ice_share,
                    }
                    for row in found
                }
                for key, found in rows.items()
            },
        }


def by_angle(
    sic_percent: NDArray[np.floating],
    ice_share: NDArray[np.floating],
    angle_deg: NDArray[np.floating],
) -> tuple[WaterRow, ...]:
    """Return mean SIC and false ice by incidence angle.

    Args:
        sic_percent: (h, w) mean SIC of cells; NaN where there is none.
        ice_share: (h, w) share of a cell's pixels that are called ice.
        angle_deg: (h, w) mean angle of cells; NaN where it is not known.
    """
    number = np.floor(angle_deg / _STEP_DEG)
    return _rows(number, sic_percent, ice_share, lambda n: f"{n * _STEP_DEG}–{(n + 1) * _STEP_DEG}")


def by_hh(
    sic_percent: NDArray[np.floating],
    ice_share: NDArray[np.floating],
    hh_db: NDArray[np.floating],
    angle_deg: NDArray[np.floating],
) -> tuple[WaterRow, ...]:
    """Return mean SIC and false ice by how far HH lies above its mean at the incidence angle.

    Args:
        sic_percent: (h, w) mean SIC of cells; NaN where it is not counted.
        ice_share: (h, w) share of a cell's pixels that are called ice.
        hh_db: (h, w) mean HH of cells, sigma0; NaN where there is none.
        angle_deg: (h, w) their mean angle; NaN where it is not known.
    """
    known = np.isfinite(hh_db) & np.isfinite(angle_deg)
    if np.count_nonzero(known) < _LEAST_CELLS or np.ptp(angle_deg[known]) == 0:
        return ()
    mean_db = Polynomial.fit(angle_deg[known], hh_db[known], _DEGREE)
    number = np.clip(np.floor(hh_db - mean_db(angle_deg)), -_MOST_DB - 1, _MOST_DB)

    def label(low: int) -> str:
        if low < -_MOST_DB:
            return f"below {_signed(-_MOST_DB)}"
        if low == _MOST_DB:
            return f"{_signed(low)} and more"
        return f"{_signed(low)} to {_signed(low + 1)}"

    return _rows(number, sic_percent, ice_share, label)


def _signed(db: int) -> str:
    return f"{db:+d}".replace("-", "\u2212") if db else "0"


def _rows(
    number: NDArray[np.floating],
    sic_percent: NDArray[np.floating],
    ice_share: NDArray[np.floating],
    label: Callable[[int], str],
) -> tuple[WaterRow, ...]:
    """Return what cells of the same number have; NaN numbers are left out."""
    known = np.isfinite(sic_percent) & np.isfinite(number)
    number, sic, ice = number[known], sic_percent[known], ice_share[known]
    return tuple(
        WaterRow(
            label(int(n)),
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
        self._map = FootprintFields(grid.shape, 1, 1.0)
        cell_px = max(1, round(HH_CELL_M / grid.resolution_m))
        self._hh = CellSums(grid.shape, cell_px, 2)
        self._seen = CellSums(grid.shape, cell_px, 2)
        self._total, self._ice, self._count = 0.0, 0, 0

    def add(
        self,
        window: Window,
        sic_percent: Floats,
        valid: Mask,
        hh_db: Floats,
        angle_deg: Floats | None,
        counted: Mask | None = None,
    ) -> None:
        """Add a window of a predicted scene.

        Args:
            window: Where it lies.
            sic_percent: (h, w) of the network.
            valid: (h, w) where there is one.
            hh_db: (h, w) sigma0.
            angle_deg: (h, w) incidence angle; None where it is not known.
            counted: (h, w) where false ice is counted; None: everywhere.
        """
        inside = valid if counted is None else valid & counted
        ice = inside & is_ice(sic_percent)
        self._total += float(np.sum(sic_percent, where=inside, dtype=np.float64))
        self._ice += int(ice.sum())
        self._count += int(inside.sum())
        angle = np.full_like(sic_percent, np.nan) if angle_deg is None else angle_deg
        false = ice.astype(np.float32)
        self._fields.add(window, np.stack([sic_percent, false, angle]), inside)
        self._map.add(window, sic_percent[None], valid)
        self._seen.add(window, np.stack([sic_percent, false]), inside)
        self._hh.add(window, np.stack([db_to_linear(hh_db), angle]), valid)

    def result(self) -> OpenWater | None:
        """Return the result; None where nothing was counted."""
        if not self._count:
            return None
        (sic, ice, angle), _ = self._fields.means()
        (mapped,), _ = self._map.means()
        # cells with half of their ground
        (power, hh_angle), (seen_sic, seen_ice) = (
            np.where(cells.counts >= cells.cell_px**2 / 2, cells.sums, np.nan)
            / np.maximum(cells.counts, 1)
            for cells in (self._hh, self._seen)
        )
        size = self._fields.cell_px
        height_m, width_m = self._grid.nominal_pixel_size_m
        return OpenWater(
            name=self._name,
            mean_percent=self._total / self._count,
            ice_share=self._ice / self._count,
            pixels=self._count,
            by_angle=by_angle(sic, ice, angle),
            by_hh=by_hh(seen_sic, seen_ice, linear_to_db(power), hh_angle),
            sic_percent=mapped,
            pixel_size_m=(size * height_m, size * width_m),
        )
