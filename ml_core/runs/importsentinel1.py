"""The job `importsentinel1`: a GRD product becomes georeferenced sigma0 and incidence angle."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import rasterio
from numpy.typing import NDArray

from ..ahead import computed_ahead
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.sentinel1.geocoding import MapBlock, geocoded
from ..inputs.sentinel1.geolocation import Geolocation
from ..inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ..inputs.sentinel1.noiseremoval import ImageSource, noise_removals
from ..inputs.sentinel1.product import Product
from ..inputs.sentinel1.rfi import polarisation_tags
from ..jobs.importsentinel1 import ImportSentinel1Job
from ..raster.radiometry import ZERO_TAG, Floats, db_to_power, linear_to_db, soft_db
from ..raster.writing import BandInfo, RasterWriter, backscatter_band

_CACHE_MIB = 128
"""Of GDAL: the image is read and each block written once, so that a cache saves nothing."""


def run(job: ImportSentinel1Job, files: OutputFiles, report: Reporter) -> Done:
    """Import a product.

    Raises:
        SeaIceError: The product is not usable.
    """
    assert job.product is not None
    product = Product(job.product)
    info, names = product.info, (product.copol, product.crosspol)
    if names[0] != "HH":
        report.warning(
            f"{info.name}: holds VV and VH; they are written as such, but networks trained on HH"
            " and HV will refuse them"
        )
    sources = [ImageSource.read(product, name) for name in names]
    annotation, other = (source.annotation for source in sources)
    if (annotation.lines, annotation.samples) != (other.lines, other.samples):
        raise SeaIceError(
            f"{product.store.label}: {names[0]} has {annotation.lines} x {annotation.samples} px,"
            f" {names[1]} {other.lines} x {other.samples} px; expected the same."
            " Download the product again"
        )
    geolocation = Geolocation(annotation)
    geolocation.check()
    report.info(geolocation.summary)
    if job.resolution < max(annotation.spacing_m) * 0.99:
        report.warning(
            f"Resolution {job.resolution:g} m is finer than the product's pixels of"
            f" {max(annotation.spacing_m):g} m; the values between them are interpolated"
        )
    grid = scene_grid(geolocation, job.crs or polar_crs(geolocation), job.resolution)
    coast = None
    if job.coastline:
        from ..inputs.coastline import Coastline  # here, because most imports read no vectors

        coast = Coastline.read(job.coastline, grid, report)
    removals = noise_removals(
        sources, product, job.noise, resolution_m=job.resolution, report=report
    )
    code = grid.crs.to_epsg()
    report.info(
        f"{info.name}: {info.platform} {info.mode}, {info.start} to {info.stop}, orbit"
        f" {info.orbit}, IPF {info.ipf or 'unknown'}; {annotation.lines} x {annotation.samples} px"
        f" of {annotation.azimuth_spacing_m:g} x {annotation.range_spacing_m:g} m to"
        f" {grid.height} x {grid.width} px of {job.resolution:g} m in"
        f" {f'EPSG:{code}' if code else 'the CRS asked for'}; noise removal: {names[0]}"
        f" {removals[0].handling}; {names[1]} {removals[1].handling}"
    )

    outputs = {name.upper(): path for name, path in job.output_paths().items()}
    if job.report:
        from ..reports import noise as page  # here, because most imports need no matplotlib

        page.write(files.stage(outputs["REPORT"]), info.name, names[1], removals[1])
    rasters = {name: path for name, path in outputs.items() if name != "REPORT"}
    layers = (
        *map(backscatter_band, names),
        BandInfo("incidence angle", "deg"),
        BandInfo(f"NESZ {names[1]}", "dB"),
    )
    bands = dict(zip(("HH", "HV", "INCIDENCE", "NESZ"), layers, strict=True))
    zero = db_to_power(job.floor)
    tags = {
        **info.tags(),
        "SEAICE_FLOOR_DB": f"{job.floor:g}",
        "SEAICE_RESOLUTION_M": f"{job.resolution:g}",
        **({"SEAICE_COASTLINE": coast.label} if coast else {}),
    }
    seen = polarisation_tags(product, names, report)
    own_tags = {
        output: {**own, ZERO_TAG: f"{job.floor:g}", **removal.tags}
        for output, own, removal in zip(("HH", "HV"), seen, removals, strict=True)
    }
    own_tags["NESZ"] = {"SEAICE_QUANTITY": "NESZ", "SEAICE_POLARISATION": names[1]}
    valid, buried = 0, np.zeros(2, np.int64)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB), ExitStack() as stack:
        images = [
            stack.enter_context(source.open(removal))
            for source, removal in zip(sources, removals, strict=True)
        ]
        writers = {
            output: stack.enter_context(
                RasterWriter(
                    files.stage(path), grid, [bands[output]], tags=tags | own_tags.get(output, {})
                )
            )
            for output, path in rasters.items()
        }
        image_map = ImageMap(geolocation, grid, job.resolution, coast)

        def written(block: MapBlock) -> tuple[int, NDArray[np.int64]]:
            """Write a block; return how many pixels it has, and how many of each image are <= 0."""
            for output, writer in writers.items():
                writer.write(block.window, _values(output, block, zero))
            return int(block.valid.sum()), (block.sigma0 <= 0).sum(axis=(1, 2))

        blocks = geocoded(images, annotation, image_map, job.resolution, removals[1], report)
        # beside this thread, which reads and averages
        with computed_ahead(written, blocks, ahead=2) as counts:
            for pixels, below in counts:
                valid += pixels
                buried += below
    if not valid:
        raise SeaIceError(
            f"{info.name}: no pixel of it is valid (all digital numbers are"
            f" 0{' or lie on land' if coast else ''}); download the product again"
        )
    percent = [100 * int(count) / valid for count in buried]
    for name, share in zip(names, percent, strict=True):
        report.info(f"{name}: {share:.2f} % of the pixels are not above the noise")
    numbers = {"FLOORED_HH": percent[0], "FLOORED_HV": percent[1]}
    return Done(outputs, {"VALID_FRACTION": valid / (grid.height * grid.width), **numbers})


def _values(output: str, block: MapBlock, zero: float) -> Floats:
    """Return what an output holds on a block, (h, w)."""
    if output == "INCIDENCE":
        return block.incidence_deg
    if output == "NESZ":
        return linear_to_db(block.nesz)
    return soft_db(block.sigma0[("HH", "HV").index(output)], zero)
