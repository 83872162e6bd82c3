"""The distance map: zones of distance to land, and kilometres from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...raster.radiometry import Floats
from .file import Ai4ArcticFile

_ZONE = re.compile(r"^\s*(\d+)\s*;\s*(.+?)\s*$", re.MULTILINE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Zones:
    """Distances that zones stand for.

    Attributes:
        numbers: (N,) rising; land is 0.
        km: (N,) the middle of each zone; of the outermost, which is open, its start.
    """

    numbers: NDArray[np.float64]
    km: NDArray[np.float64]

    def distance_km(self, zones: Floats) -> Floats:
        """Return the distance to land in km; between zones, as means of pixels are, linear."""
        return np.interp(zones, self.numbers, self.km).astype(np.float32)


def read(file: Ai4ArcticFile) -> Zones:
    """Return what the zones of a file's distance map mean.

    Raises:
        SeaIceError: The file does not say.
    """
    text = str(getattr(file.variable("distance_map"), "zonal_range_description", ""))
    found: dict[int, float] = {}
    for number, meaning in _ZONE.findall(text):
        limits = [float(each) for each in _NUMBERS.findall(meaning)]
        if limits or meaning.lower() == "land":
            found[int(number)] = float(np.mean(limits)) if limits else 0.0
    numbers = np.array(sorted(found), np.float64)
    km = np.array([found[int(number)] for number in numbers])
    if numbers.size < 2 or found.get(0) != 0 or np.any(np.diff(km) <= 0):
        raise file.error(
            "distance_map does not say which distances its zones are (attribute"
            f" zonal_range_description: {text.strip()[:60]!r}); leave out the channel"
            " distance_to_land_km"
        )
    return Zones(numbers, km)
