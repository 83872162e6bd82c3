"""The job `importsic`: a passive-microwave product to a SIC GeoTIFF in percent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.sic.product import SicProduct
from ..inputs.sic.read import read
from ..jobs import ImportSicJob
from ..jobs.sources import RasterSource
from ..raster.aligned import AlignedBand, Resampling
from ..raster.grid import Grid
from ..raster.reading import open_band
from ..raster.writing import BandInfo, RasterWriter


def run(job: ImportSicJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the product as SIC in percent on its own grid.

    Raises:
        SeaIceError: The product cannot be read, or nothing of it is left.
    """
    assert job.product is not None
    assert job.output is not None
    product = read(
        job.product,
        job.format,
        variable=job.variable,
        time=job.time,
        crs=job.crs or "",
        scale=job.scale,
        flags=job.flags,
    )
    report.info(f"{product.name}{f', {product.date}' if product.date else ''}")
    for note in product.notes:
        report.info(note)
    for reason, count in product.excluded.items():
        report.info(f"without SIC: {count} px, {reason}")
    report.progress(0.5)
    sic = masked(product, job.mask, report)
    valid = np.isfinite(sic)
    if not valid.any():
        raise SeaIceError(
            f"{product.name}: no pixel with SIC is left; check the mask: 0 and nodata are land"
        )
    tags = _tags(product, job.footprint, report)
    band = BandInfo("Sea-ice concentration", "%")
    with RasterWriter(files.stage(job.output), product.grid, [band], tags=tags) as writer:
        writer.write(product.grid.window, sic)
    report.progress(1.0)
    return Done(
        outputs={"OUTPUT": job.output},
        numbers={"MEAN_SIC": float(sic[valid].mean()), "VALID_FRACTION": float(valid.mean())},
    )


def masked(product: SicProduct, mask: RasterSource | None, report: Reporter) -> NDArray[np.float32]:
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


def _sea(mask: RasterSource, grid: Grid) -> NDArray[np.bool_]:
    """Return where a mask is neither 0 nor nodata."""
    with open_band(mask) as band:
        aligned = AlignedBand(band, grid, resampling=Resampling.NEAREST)
        if not aligned.overlaps():
            raise SeaIceError(f"{mask.label} does not overlap the SIC product; give another mask")
        values, valid = aligned.read(grid.window)
    sea: NDArray[np.bool_] = valid & (values != 0)
    return sea


def _tags(product: SicProduct, footprint_m: float | None, report: Reporter) -> dict[str, str]:
    """Return the tags that name product, date and footprint."""
    tags = {"SEAICE_PRODUCT": product.name}
    if product.date:
        tags["SEAICE_DATE"] = product.date
    if footprint_m:
        tags["SEAICE_FOOTPRINT_M"] = f"{footprint_m:g}"
        tags["SEAICE_FOOTPRINT_SOURCE"] = "given by hand"
    elif product.footprint is not None:
        known = product.footprint
        size_m = known.on_pixels(product.grid.resolution_m)
        tags["SEAICE_FOOTPRINT_M"] = f"{size_m:.0f}"
        tags["SEAICE_FOOTPRINT_SOURCE"] = (
            f"{known.sensor} at {known.channel_ghz:g} GHz: {known.source}"
        )
        if size_m > known.size_m:
            tags["SEAICE_FOOTPRINT_SOURCE"] += "; the pixel is larger and counts"
        report.info(
            f"footprint {size_m / 1000:.3g} km ({tags['SEAICE_FOOTPRINT_SOURCE']}); pixel"
            f" {product.grid.resolution_m / 1000:.3g} km"
        )
    else:
        report.warning(
            "the footprint of this product is not known, and the pixel size is not it; give it as"
            " Footprint, or later as Footprint of the reference"
        )
    return tags
