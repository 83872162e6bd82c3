"""Land and water of a SIC product, by a mask."""

from __future__ import annotations

import numpy as np

from ...errors import SeaIceError
from ...events import Reporter
from ...jobs.sources import RasterSource
from ...raster.grid import Grid
from ...raster.mask import SeaMask
from ...raster.radiometry import Floats, Mask
from ...raster.reading import open_band
from .product import SicProduct


def masked(product: SicProduct, mask: RasterSource | None, report: Reporter) -> Floats:
    """Return the SIC without land; where a product hides its water, sea without SIC is 0 %."""
    sic = product.sic_percent.copy()
    missing = ~np.isfinite(sic)
    if mask is None:
        if product.hides_water:
            report.warning(
                f"the lowest SIC is {np.nanmin(sic):.0f} %: open water has no value in this"
                f" product, as land has none ({int(missing.sum())} px). Both stay nodata, and a"
                " network trained on it would never see water; give a mask (0 or nodata: land) to"
                " set the sea among them to 0 %"
            )
        return sic
    sea = _sea(mask, product.grid)
    on_land = ~sea & ~missing
    sic[~sea] = np.nan
    report.info(f"mask: {int(on_land.sum())} px with SIC lie on land and are left out")
    if product.hides_water:
        water = sea & missing
        sic[water] = 0.0
        report.warning(
            f"{int(water.sum())} px of sea without a value are set to 0 %: open water in this"
            " product; missing measurements, if there are any, are among them"
        )
    return sic


def _sea(mask: RasterSource, grid: Grid) -> Mask:
    """Return where a mask is neither 0 nor nodata."""
    with open_band(mask) as band:
        sea = SeaMask(band, grid)
        if not sea.overlaps():
            raise SeaIceError(f"{mask.label} does not overlap the SIC product; give another mask")
        return sea.read(grid.window)
