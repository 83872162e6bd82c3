"""The job `importsic`: a passive-microwave product to a SIC GeoTIFF in percent."""

from __future__ import annotations

import numpy as np

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.sic.masking import masked
from ..inputs.sic.quality import QualityRules
from ..inputs.sic.read import read
from ..jobs import ImportSicJob
from ..raster.reference import UNCERTAINTY_BAND
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
        rules=QualityRules.from_job(job),
    )
    report.info(f"{product.name}{f', {product.date}' if product.date else ''}")
    for note in product.notes:
        report.info(note)
    for warning in product.warnings:
        report.warning(warning)
    for reason, count in product.excluded.items():
        report.info(f"without SIC: {count} px, {reason}")
    report.progress(0.5)
    sic = masked(product, job.mask, report)
    valid = np.isfinite(sic)
    if not valid.any():
        raise SeaIceError(
            f"{product.name}: no pixel with SIC is left; check the mask (0 and nodata are land),"
            " Flags left out and Least confidence level"
        )
    tags = product.tags(job.footprint)
    footprint_m = float(tags.get("SEAICE_FOOTPRINT_M", 0))
    if not footprint_m:
        report.warning(
            "the footprint of this product is not known, and the pixel size is not it; give it as"
            " Footprint, or later as Footprint of the reference"
        )
    elif not job.footprint:
        report.info(
            f"footprint {footprint_m / 1000:.3g} km ({tags['SEAICE_FOOTPRINT_SOURCE']}); pixel"
            f" {product.grid.resolution_m / 1000:.3g} km"
        )
    bands, values = [BandInfo("Sea-ice concentration", "%")], [sic]
    if product.uncertainty_percent is not None:
        bands.append(BandInfo(UNCERTAINTY_BAND, "%"))
        values.append(np.where(valid, product.uncertainty_percent, np.nan))
    with RasterWriter(files.stage(job.output), product.grid, bands, tags=tags) as writer:
        writer.write(product.grid.window, np.stack(values))
    report.progress(1.0)
    return Done(
        outputs={"OUTPUT": job.output},
        numbers={"MEAN_SIC": float(sic[valid].mean()), "VALID_FRACTION": float(valid.mean())},
    )
