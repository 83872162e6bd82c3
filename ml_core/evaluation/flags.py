"""Flags: why a reference's cell has no SIC, kept apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COMPARED, NO_PREDICTION, MASKED, NO_DATA, LAND, COAST, POLE_HOLE, MISSING, OTHER = range(9)
"""What a cell is: one number each, in the order of NAMES."""

NAMES = (
    "compared",
    "no prediction",
    "masked",
    "no data in the reference",
    "land",
    "coast",
    "pole hole",
    "missing",
    "other flag",
)

COLOURS = (
    "#7fb2e5",
    "#f7f7f7",
    "#8d8d8d",
    "#e4e4e4",
    "#c8b48a",
    "#e3d3b0",
    "#3b3b6d",
    "#d98cb3",
    "#b3263a",
)

_CODES = {
    251: POLE_HOLE,
    253: COAST,
    254: LAND,
    255: MISSING,
    # Bremen ASI; NSIDC G02202 before version 4
    120: LAND,
    157: MISSING,
    # NSIDC G02135 (tenths of a percent)
    2510: POLE_HOLE,
    2530: COAST,
    2540: LAND,
    2550: MISSING,
}
"""Flag values of passive-microwave products: NSIDC-0051, -0081 and G02202 user guides."""


def classify(
    raw: NDArray[np.floating], raw_valid: NDArray[np.bool_], sic_valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return what each cell of a reference is.

    Args:
        raw: (H, W) values as the file holds them; fractions may carry flags scaled with them.
        raw_valid: (H, W) where the file has data.
        sic_valid: (H, W) where the value is a SIC.

    Returns:
        (H, W): COMPARED where there is a SIC, else NO_DATA or what the flag means.
    """
    kinds = np.full(raw.shape, COMPARED, np.uint8)
    kinds[~raw_valid] = NO_DATA
    odd = raw_valid & ~sic_valid
    if odd.any():
        values = raw[odd].astype(np.float64)
        found = np.full(values.shape, OTHER, np.uint8)
        # fractions: flags of a product in percent times 0.01, or of bytes 0-250 times 0.004
        for factor in (1.0, 100.0, 250.0):
            codes = np.round(values * factor)
            for code, kind in _CODES.items():
                found[(codes == code) & (found == OTHER)] = kind
        kinds[odd] = found
    return kinds
