"""What reading a passive-microwave product gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...raster.grid import Grid
from .sensors import Footprint


@dataclass(frozen=True)
class SicProduct:
    """A field of sea-ice concentration.

    Attributes:
        name: What the product is.
        sic_percent: (H, W) SIC, NaN where there is none.
        grid: Where the pixels lie.
        footprint: What one value averages, where that is known.
        date: Day or days of observation, ISO 8601, where that is known.
        excluded: Number of pixels without SIC by reason, such as ``land``.
        notes: What else the analyst should know.
        hides_water: Whether open water is among the pixels without SIC.
    """

    name: str
    sic_percent: NDArray[np.float32]
    grid: Grid
    footprint: Footprint | None = None
    date: str = ""
    excluded: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    hides_water: bool = False


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
