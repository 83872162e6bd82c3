"""The job `importsentinel1`: a GRD product becomes georeferenced sigma0 and incidence angle."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import rasterio

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.sentinel1.annotation import read_annotation
from ..inputs.sentinel1.calibration import Noise, read_calibration, read_noise
from ..inputs.sentinel1.geocoding import geocoded
from ..inputs.sentinel1.geolocation import Geolocation
from ..inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ..inputs.sentinel1.measurement import CalibratedImage
from ..inputs.sentinel1.product import Product, ProductInfo
from ..jobs.importsentinel1 import ImportSentinel1Job
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
    sources = [product.files(name) for name in names]
    annotation, other = (read_annotation(source.annotation) for source in sources)
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
    noises = [
        read_noise(source.noise, source.calibration, annotation.samples, info.mode, info.ipf)
        for source in sources
    ]
    removal = "none" if job.noise == "none" else _removal(noises, info, report)
    code = grid.crs.to_epsg()
    report.info(
        f"{info.name}: {info.platform} {info.mode}, {info.start} to {info.stop}, orbit"
        f" {info.orbit}, IPF {info.ipf or 'unknown'}; {annotation.lines} x {annotation.samples} px"
        f" of {annotation.azimuth_spacing_m:g} x {annotation.range_spacing_m:g} m to"
        f" {grid.height} x {grid.width} px of {job.resolution:g} m in"
        f" {f'EPSG:{code}' if code else 'the CRS asked for'}; noise removal: {removal}"
    )

    outputs = {name.upper(): path for name, path in job.output_paths().items()}
    layers = *map(backscatter_band, names), BandInfo("incidence angle", "deg")
    bands = dict(zip(("HH", "HV", "INCIDENCE"), layers, strict=True))
    tags = {
        **info.tags(),
        "SEAICE_NOISE": removal,
        "SEAICE_FLOOR_DB": f"{job.floor:g}",
        "SEAICE_RESOLUTION_M": f"{job.resolution:g}",
    }
    own_tags = {"HH": {"SEAICE_POLARISATION": names[0]}, "HV": {"SEAICE_POLARISATION": names[1]}}
    valid, floored = 0, np.zeros(2, np.int64)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB), ExitStack() as stack:
        images = [
            stack.enter_context(
                CalibratedImage(
                    source,
                    annotation,
                    read_calibration(source.calibration, annotation.samples),
                    noise,
                    subtract=job.noise == "esa",
                    ipf=info.ipf,
                )
            )
            for source, noise in zip(sources, noises, strict=True)
        ]
        writers = {
            output: stack.enter_context(
                RasterWriter(
                    files.stage(path), grid, [bands[output]], tags=tags | own_tags.get(output, {})
                )
            )
            for output, path in outputs.items()
        }
        image_map = ImageMap(geolocation, grid, job.resolution)
        for block in geocoded(images, annotation, image_map, job.resolution, job.floor, report):
            values = dict(zip(bands, (*block.sigma0_db, block.incidence_deg), strict=True))
            for output, writer in writers.items():
                writer.write(block.window, values[output])
            valid += int(block.valid.sum())
            floored += block.floored
    if not valid:
        raise SeaIceError(
            f"{info.name}: no pixel of it is valid (all digital numbers are 0); download the"
            " product again"
        )
    at_floor = [100 * int(count) / valid for count in floored]
    for name, percent in zip(names, at_floor, strict=True):
        report.info(
            f"{name}: {percent:.2f} % of the pixels are at the floor of"
            f" {job.floor:g} dB, because they are not above the noise"
        )
    numbers = {"FLOORED_HH": at_floor[0], "FLOORED_HV": at_floor[1]}
    return Done(outputs, {"VALID_FRACTION": valid / (grid.height * grid.width), **numbers})


def _removal(noises: list[Noise], info: ProductInfo, report: Reporter) -> str:
    """Return which noise is subtracted, and report what is special about it.

    Raises:
        SeaIceError: The annotation has none.
    """
    kinds = {noise.kind for noise in noises}
    if "absent" in kinds:
        raise SeaIceError(
            f"{info.name}: its noise annotation holds no values; set Thermal noise to none"
        )
    if kinds == {"range"}:
        report.warning(
            f"{info.name}: IPF {info.ipf or 'unknown'} annotates the noise across"
            " the track only; scalloping along it (up to 1 dB in HV) remains"
        )
    scales = {noise.scale for noise in noises} - {1.0}
    if scales:
        report.info(
            f"The noise of IPF {info.ipf} is scaled by"
            f" {' and '.join(f'{scale:.4g}' for scale in sorted(scales))}"
        )
    return f"ESA, {' / '.join(sorted(kinds))}"
