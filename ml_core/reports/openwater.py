"""Open water in a report: the false ice that a network shows on a scene without any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import colours
from .figures import Picture
from .maps import Panel, maps
from .tables import Column, Table

ICE_PERCENT: Final = 15.0
"""From this SIC on water is called ice: the convention for ice extent and ice edge."""

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
    """What a network makes of a scene without ice.

    Attributes:
        name: The scene.
        mean_percent: Mean SIC.
        ice_share: Share of pixels of `ICE_PERCENT` or more.
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


def picture(water: OpenWater) -> Picture:
    """Draw the map."""
    return maps(
        [Panel(water.sic_percent, "Predicted SIC on open water", colours.sic())],
        water.pixel_size_m,
        alt="Map of the SIC predicted on a scene of open water",
        caption="There is no ice here: every colour but that of open water is false ice.",
        columns=1,
    )


def table(water: OpenWater) -> Table | None:
    """Return the false ice by incidence angle; None where that is not known."""
    if not water.by_angle:
        return None
    return Table(
        (
            Column("Incidence angle", "deg"),
            Column("Share of the scene", "%", 0),
            Column("Mean SIC", "%", 1),
            Column(f"Called ice (SIC ≥ {ICE_PERCENT:.0f} %)", "%", 1),
        ),
        [
            (row.label, 100 * row.share, row.mean_percent, 100 * row.ice_share)
            for row in water.by_angle
        ],
        caption="False ice by incidence angle",
    )
