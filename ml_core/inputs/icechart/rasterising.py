"""A chart on a scene's pixels: which polygon each lies in, and the SIC of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from ...raster.grid import Grid, Window
from ...raster.polygon_bands import LARGEST_NUMBER, NO_POLYGON
from ...raster.radiometry import Floats, Mask
from .chart import Chart

_BLOCK_PX = 2048


@dataclass(frozen=True)
class ChartBlock:
    """A block of a scene's pixels.

    Attributes:
        window: The pixels.
        percent: SIC, its lowest and its highest value (3, H, W), NaN where there is none.
        number: Number of the polygon (H, W), `NO_POLYGON` where there is none.
        exact: The same where float32 holds it: the polygon's place in the chart, from 1, if it does
            not hold all numbers, or a number has several concentrations.
        uncovered: Where there is no polygon (H, W).
        overlapping: Where there are several (H, W).
        contradicting: Where these differ in SIC, which is left out (H, W).
    """

    window: Window
    percent: Floats
    number: NDArray[np.int32]
    exact: NDArray[np.int32]
    uncovered: Mask
    overlapping: Mask
    contradicting: Mask

    def counts(self) -> dict[str, float]:
        """Return how many pixels have SIC, its sum, and why others have none."""
        sic = self.percent[0][np.isfinite(self.percent[0])]
        return {
            "total": self.number.size,
            "valid": sic.size,
            "uncovered": np.count_nonzero(self.uncovered),
            "overlapping": np.count_nonzero(self.overlapping),
            "contradicting": np.count_nonzero(self.contradicting),
            "sum_percent": float(sic.sum(dtype=np.float64)),
        }


def rasterised(chart: Chart, grid: Grid) -> Iterator[ChartBlock]:
    """Yield a scene's pixels with the polygon that their centres lie in, block by block."""
    tree = shapely.STRtree(chart.polygons)
    # index -1, no polygon, is the last column
    percents = np.concatenate([chart.percent, np.full((3, 1), np.nan, np.float32)], axis=1)
    numbers = np.append(chart.ids, np.int32(NO_POLYGON))
    exact = np.append(exact_numbers(chart), np.int32(NO_POLYGON))
    for window in grid.window.blocks(_BLOCK_PX):
        last, first = _polygon_index(chart, tree, grid.part(window))
        percent = percents[:, last]
        overlapping = last != first
        one, other = percent[:, overlapping], percents[:, first[overlapping]]
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        contradicting = np.zeros_like(overlapping)
        contradicting[overlapping] = ~same.all(axis=0)
        percent[:, contradicting] = np.nan
        yield ChartBlock(
            window, percent, numbers[last], exact[last], last < 0, overlapping, contradicting
        )


def exact_numbers(chart: Chart) -> NDArray[np.int32]:
    """Return numbers of a chart's polygons (N,) that float32 holds, each of one concentration.

    They are the chart's own where these are such numbers, else 1 to N.
    """
    values = np.concatenate([chart.ids[None], np.nan_to_num(chart.percent, nan=-1)])
    alike = np.unique(values.astype(np.float64), axis=1)[0]  # one for each number and concentration
    own = alike.size == np.unique(chart.ids).size and chart.ids.min() > NO_POLYGON
    if own and chart.ids.max() <= LARGEST_NUMBER:
        return chart.ids
    return np.arange(1, chart.ids.size + 1, dtype=np.int32)


def _polygon_index(
    chart: Chart, tree: shapely.STRtree, grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which polygon a pixel's centre lies in: the last and the first of those that do.

    Returns:
        Two (H, W) indices of polygons, -1 where there is none; they differ where polygons overlap.
    """
    left, bottom, right, top = grid.bounds()
    found = np.sort(tree.query(shapely.box(left, bottom, right, top)))
    if found.size == 0:
        none = np.full(grid.shape, -1, np.intp)
        return none, none
    layers = []
    for order in (found, found[::-1]):
        burnt = rasterize(
            [(chart.polygons[k], int(k) + 1) for k in order],
            out_shape=grid.shape,
            transform=grid.transform,
            fill=0,
            dtype="int32",
        )
        layers.append(burnt.astype(np.intp) - 1)
    return layers[0], layers[1]
