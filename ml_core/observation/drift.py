"""Drift: reference values that the ice may have carried elsewhere before the scene was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from ..errors import SeaIceError
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.reference import Reference
from .times import Period

MOST_RANGE_PERCENT: Final = 20.0
"""A value is left out where SIC varies by more than this within the way that the ice has gone."""

_MOST_RADIUS: Final = 4
"""Cells across a radius: on more, a range is that of cells of several pixels."""

_BLOCK_PX: Final = 2048


def sic_range(sic_percent: Floats, radius_px: float) -> Floats:
    """Return how far SIC varies around each pixel: highest less lowest value.

    Between whole pixels the range is interpolated: within half a pixel, it is half of that among
    the four neighbours. Within 8 pixels or more it is that of square cells of up to a quarter of
    the radius, and the radius is true to about a third only.

    Args:
        sic_percent: (H, W), NaN where there is none.
        radius_px: How far around is looked.

    Returns:
        The range in percent (H, W), NaN where the pixel has no SIC.
    """
    cell = max(1, int(radius_px / _MOST_RADIUS))
    height, width = sic_percent.shape
    padding = (0, -height % cell), (0, -width % cell)
    padded = np.pad(sic_percent, padding, constant_values=np.nan)
    cells = padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell)
    known = np.isfinite(cells)
    low = np.where(known, cells, np.inf).min(axis=(1, 3))
    high = np.where(known, cells, -np.inf).max(axis=(1, 3))
    radius = radius_px / cell
    whole = math.floor(radius)
    found = _range(low, high, whole)
    if radius > whole:
        found += (radius - whole) * (_range(low, high, whole + 1) - found)
    around = np.kron(found, np.ones((cell, cell), np.float32))[:height, :width]
    return np.where(np.isfinite(sic_percent), around, np.float32(np.nan))


def _range(low: Floats, high: Floats, radius: int) -> Floats:
    """Return the highest less the lowest value of cells within a radius; 0 where there is none."""
    from scipy import ndimage  # here, because it takes 0.15 s that most runs do not need

    steps = np.arange(-radius, radius + 1)
    disc = np.hypot(steps[:, None], steps) <= radius
    lowest = ndimage.minimum_filter(low, footprint=disc, mode="constant", cval=np.inf)
    highest = ndimage.maximum_filter(high, footprint=disc, mode="constant", cval=-np.inf)
    found: Floats = np.where(highest >= lowest, highest - lowest, 0).astype(np.float32)
    return found


def hours_of_drift(
    given_h: float | None, scene: str, tags: Mapping[str, str], reference: Reference
) -> float:
    """Return for how long ice drifts between a scene and a reference.

    Between the middles of their periods: the mean of a day shows ice that has moved for half of it
    on either side of noon, and is of another time than most scenes of that day.

    Args:
        given_h: What the analyst says; None: by their times.
        scene: What messages call the scene.
        tags: Of its file.
        reference: The reference.

    Raises:
        SeaIceError: It is not given, and a time is not known.
    """
    if given_h is not None:
        return given_h
    acquired, observed = Period.of_tags(tags), Period.parse(reference.date)
    if acquired is None or observed is None:
        unknown = scene if acquired is None else reference.label
        raise SeaIceError(
            f"Ice drift: {unknown} does not give its time; give Time between scene and reference"
        )
    middles = [period.start + period.length / 2 for period in (acquired, observed)]
    return (middles[1] - middles[0]).total_seconds() / 3600


def leave_out_moved(reference: Reference, drift_km_per_day: float, hours: float) -> str:
    """Leave out the values of a reference that drift makes doubtful.

    Between the times of scene and reference the ice goes drift x time. Where SIC varies by more
    than `MOST_RANGE_PERCENT` within that way, a value may be that of other ice.

    Args:
        reference: It gives out no such values from now on.
        drift_km_per_day: How fast the ice drifts.
        hours: Between scene and reference, of either sign.

    Returns:
        How many values were left out, in words.
    """
    way_m = 1000 * drift_km_per_day * abs(hours) / 24
    radius_px = way_m / reference.resolution_m
    grid = reference.own_grid
    moved: Mask = np.zeros(grid.shape, bool)
    # blocks and margins of whole cells, so that cells do not depend on the blocks
    cell = max(1, int(radius_px / _MOST_RADIUS))
    margin = (math.ceil(radius_px / cell) + 1) * cell
    step = max(1, _BLOCK_PX // cell) * cell
    with_sic = 0
    for row in range(0, grid.height, step):
        for col in range(0, grid.width, step):
            window = Window(row, col, step, step).clipped(*grid.shape)
            wide = window.grown(margin, margin)
            sic, valid = reference.read_own(wide)
            inside = window.moved(-wide.row, -wide.col).slices
            moved[window.slices] = np.nan_to_num(sic_range(sic, radius_px)[inside]) > (
                MOST_RANGE_PERCENT
            )
            with_sic += int(valid[inside].sum())
    reference.leave_out(moved)
    return (
        f"{reference.label}: SIC varies by more than {MOST_RANGE_PERCENT:g} % within"
        f" {way_m / 1000:.3g} km, the drift of {abs(hours):.3g} h, around {int(moved.sum())} of the"
        f" layer's {with_sic} values, which are left out"
    )
