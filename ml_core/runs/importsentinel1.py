"""The job `importsentinel1`: a GRD product becomes georeferenced sigma0 and incidence angle."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.sentinel1.annotation import Annotation, read_annotation
from ..inputs.sentinel1.calibration import Noise, read_calibration, read_noise
from ..inputs.sentinel1.geolocation import Geolocation
from ..inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ..inputs.sentinel1.measurement import CalibratedImage, Measurement, strips
from ..inputs.sentinel1.product import PolarisationFiles, Product
from ..inputs.sentinel1.resampling import RunningBox, block_sums, looks
from ..jobs.importsentinel1 import ImportSentinel1Job
from ..raster.grid import Grid, Window
from ..raster.writing import BLOCK_PX, BandInfo, RasterWriter, backscatter_band

_STRIP_LINES = 256
_CACHE_MIB = 128
"""Of GDAL: the image is read and each block written once, so that a cache saves nothing."""

_LARGEST_RESIDUAL_M = 500.0
_LEAST_VALID = 0.5
"""Share of a map pixel's area that must be valid."""


@dataclass
class Tally:
    """What was counted on the way.

    Attributes:
        valid: Map pixels with values.
        floored: Map pixels at the floor, by output.
    """

    valid: int
    floored: dict[str, int]


def run(job: ImportSentinel1Job, files: OutputFiles, report: Reporter) -> Done:
    """Import a product.

    Raises:
        SeaIceError: The product is not usable; the message says why.
    """
    assert job.product is not None
    product = Product(job.product)
    names = {"HH": product.copol, "HV": product.crosspol}
    if names["HH"] != "HH":
        report.warning(
            f"{product.info.name}: holds VV and VH; they are written as such, but networks trained"
            " on HH and HV will refuse them"
        )
    sources = {output: product.files(name) for output, name in names.items()}
    annotation = read_annotation(sources["HH"].annotation)
    _check_same_image(annotation, read_annotation(sources["HV"].annotation), product)
    geolocation = _geolocate(annotation, report)
    resolution_m = job.resolution
    spacing_m = annotation.azimuth_spacing_m, annotation.range_spacing_m
    if resolution_m < max(spacing_m) * 0.99:
        report.warning(
            f"Resolution {resolution_m:g} m is finer than the product's pixels of"
            f" {max(spacing_m):g} m; the values between them are interpolated"
        )
    grid = scene_grid(geolocation, job.crs or polar_crs(geolocation), resolution_m)
    noises = {
        output: read_noise(
            source.noise,
            source.calibration,
            annotation.samples,
            product.info.mode,
            product.info.ipf,
        )
        for output, source in sources.items()
    }
    kind = _noise_kind(job, noises, product, report)
    tags = _tags(job, product, kind, resolution_m)
    info = product.info
    report.info(
        f"{info.name}: {info.platform} {info.mode}, {info.start} to {info.stop}, orbit"
        f" {info.orbit}, IPF {info.ipf or 'unknown'}; {annotation.lines} x {annotation.samples} px"
        f" of {spacing_m[0]:g} x {spacing_m[1]:g} m to {grid.height} x {grid.width} px of"
        f" {resolution_m:g} m in {_crs_name(grid)}; noise removal: {kind}"
    )

    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB), ExitStack() as stack:
        images = [
            CalibratedImage(
                stack.enter_context(_open(source, product, annotation)),
                read_calibration(source.calibration, annotation.samples),
                noises[output],
                subtract=job.noise == "esa",
                ipf=info.ipf,
            )
            for output, source in sources.items()
        ]
        writers = {
            output: stack.enter_context(
                RasterWriter(
                    files.stage(path),
                    grid,
                    [backscatter_band(names[output])],
                    tags={**tags, "SEAICE_POLARISATION": names[output]},
                )
            )
            for output, path in (("HH", job.hh), ("HV", job.hv))
            if path
        }
        if job.incidence:
            writers["INCIDENCE"] = stack.enter_context(
                RasterWriter(
                    files.stage(job.incidence),
                    grid,
                    [BandInfo("incidence angle", "deg")],
                    tags=tags,
                )
            )
        tally = _geocode(
            images, ImageMap(geolocation, grid, resolution_m), annotation, job, writers, report
        )
    if not tally.valid:
        raise SeaIceError(
            f"{info.name}: no pixel of it is valid (all digital numbers are 0); download the"
            " product again"
        )
    numbers = {f"FLOORED_{key}": 100 * n / tally.valid for key, n in tally.floored.items()}
    for output, percent in zip(("HH", "HV"), numbers.values(), strict=True):
        report.info(
            f"{names[output]}: {percent:.2f} % of the pixels are at the floor of"
            f" {job.floor:g} dB, because they are not above the noise"
        )
    outputs = {"HH": job.hh, "HV": job.hv, "INCIDENCE": job.incidence}
    return Done(
        outputs={name: path for name, path in outputs.items() if path},
        numbers={"VALID_FRACTION": tally.valid / (grid.height * grid.width), **numbers},
    )


def _geocode(
    images: list[CalibratedImage],
    image_map: ImageMap,
    annotation: Annotation,
    job: ImportSentinel1Job,
    writers: dict[str, RasterWriter],
    report: Reporter,
) -> Tally:
    """Write the map block by block, as the image's strips come.

    Each block is written once, as soon as the last image line under it has been read; image lines
    are kept for as long as a block needs them. The image is so read once, from top to bottom,
    which is what a zip allows, and memory does not grow with the scene's length.
    """
    spacing = annotation.azimuth_spacing_m, annotation.range_spacing_m
    (block_y, box_y), (block_x, box_x) = (looks(job.resolution, size) for size in spacing)
    block, box = (block_y, block_x), (box_y, box_x)
    columns = -(-annotation.samples // block_x)
    planes = len(images) + 1
    running = RunningBox(columns, planes, block, box)
    full = np.float32(block_y * block_x * box_y * box_x)
    floor = np.float32(10 ** (job.floor / 10))

    margin = float(block_y * (box_y + 1))
    blocks = _blocks_by_line(image_map, annotation.lines, margin)
    # the first line that this and all later blocks need
    needed = np.minimum.accumulate([first for first, _, _ in blocks][::-1])[::-1]
    height = max(_STRIP_LINES // block_y, 1) * block_y
    coming = strips(annotation.lines, height)
    ended = False
    tally = Tally(0, {"HH": 0, "HV": 0})
    for done, (_, last, window) in enumerate(blocks):
        running.drop(float(needed[done]))
        while not ended and running.stop_line <= last:
            strip = next(coming, None)
            if strip is None:
                running.finish()
                ended = True
                continue
            running.append(block_sums(_strip(images, *strip), block))
            report.check_cancelled()
        _write_block(running, image_map, window, full, floor, writers, tally)
        report.progress((done + 1) / len(blocks))
    return tally


def _strip(images: list[CalibratedImage], start: int, stop: int) -> NDArray[np.float32]:
    """Return the images' linear power and their common valid mask, (rows, columns, images + 1)."""
    read = [image.rows(start, stop) for image in images]
    valid = np.logical_and.reduce([mask for _, mask in read])
    planes = np.empty((*valid.shape, len(read) + 1), np.float32)
    for plane, (power, _) in enumerate(read):
        np.multiply(power, valid, out=planes[..., plane])
    planes[..., -1] = valid
    return planes


def _write_block(
    running: RunningBox,
    image_map: ImageMap,
    window: Window,
    full: np.float32,
    floor: np.float32,
    writers: dict[str, RasterWriter],
    tally: Tally,
) -> None:
    """Average the image over the map pixels of a window and write them."""
    positions = image_map.positions(window)
    known = positions.known
    sums = running.sample(positions.line[known], positions.pixel[known])  # (n, planes)
    area = sums[:, -1]
    enough = area >= _LEAST_VALID * full
    valid = np.zeros(known.shape, bool)
    valid[known] = enough
    tally.valid += int(enough.sum())
    for plane, output in enumerate(("HH", "HV")):
        power = sums[enough, plane] / area[enough]
        tally.floored[output] += int((power <= floor).sum())
        if output in writers:
            values = np.full(known.shape, np.nan, np.float32)
            values[valid] = 10 * np.log10(np.maximum(power, floor))
            writers[output].write(window, values)
    if "INCIDENCE" in writers:
        angle = np.where(valid, positions.incidence_deg, np.nan).astype(np.float32)
        writers["INCIDENCE"].write(window, angle)


def _blocks_by_line(
    image_map: ImageMap, lines: int, margin: float
) -> list[tuple[float, float, Window]]:
    """Return first and last image line and window of the map's blocks, by their last line.

    Args:
        image_map: Where map pixels lie on the image.
        lines: Height of the image.
        margin: Lines that an average reaches beyond its centre.
    """
    grid: Grid = image_map.grid
    found = []
    for row in range(0, grid.height, BLOCK_PX):
        for col in range(0, grid.width, BLOCK_PX):
            window = Window(row, col, BLOCK_PX, BLOCK_PX).clipped(grid.height, grid.width)
            span = image_map.lines(window)
            if span is None or span[1] < -margin or span[0] > lines + margin:
                continue
            first = max(span[0] - margin, -margin)
            found.append((first, min(span[1] + margin, lines + margin), window))
    return sorted(found, key=lambda item: item[1])


def _open(source: PolarisationFiles, product: Product, annotation: Annotation) -> Measurement:
    name = f"{product.store.label}: measurement of {source.polarisation}"
    return Measurement(source.image, name, annotation)


def _check_same_image(first: Annotation, second: Annotation, product: Product) -> None:
    if (first.lines, first.samples) != (second.lines, second.samples):
        raise SeaIceError(
            f"{product.store.label}: {product.copol} has {first.lines} x {first.samples} px,"
            f" {product.crosspol} {second.lines} x {second.samples} px; expected the same."
            " Download the product again"
        )


def _geolocate(annotation: Annotation, report: Reporter) -> Geolocation:
    geolocation = Geolocation(annotation)
    moved = geolocation.nodes.displacement_m
    if geolocation.residual_m > _LARGEST_RESIDUAL_M:
        raise SeaIceError(
            f"the geolocation grid is not smooth: a point lies {geolocation.residual_m:.0f} m off"
            f" the surface through the others, more than {_LARGEST_RESIDUAL_M:.0f} m; download the"
            " product again"
        )
    high = int((annotation.grid.height_m > 1).sum())
    report.info(
        f"Geolocation: {moved.size} grid points, {high} of them on land up to"
        f" {annotation.grid.height_m.max():.0f} m high, reduced to sea level (moved up to"
        f" {moved.max():.0f} m); they fit to {geolocation.residual_m:.1f} m"
    )
    return geolocation


def _noise_kind(
    job: ImportSentinel1Job, noises: dict[str, Noise], product: Product, report: Reporter
) -> str:
    if job.noise == "none":
        return "none"
    kinds = {noise.kind for noise in noises.values()}
    if "absent" in kinds:
        raise SeaIceError(
            f"{product.info.name}: its noise annotation holds no values; set Thermal noise to none"
        )
    if kinds == {"range"}:
        report.warning(
            f"{product.info.name}: IPF {product.info.ipf or 'unknown'} annotates the noise across"
            " the track only; scalloping along it (up to 1 dB in HV) remains"
        )
    scales = {noise.scale for noise in noises.values()} - {1.0}
    if scales:
        report.info(
            f"The noise of IPF {product.info.ipf} is scaled by"
            f" {' and '.join(f'{scale:.4g}' for scale in sorted(scales))}"
        )
    return f"ESA, {' / '.join(sorted(kinds))}"


def _tags(
    job: ImportSentinel1Job, product: Product, noise: str, resolution_m: float
) -> dict[str, str]:
    info = product.info
    found = {
        "SEAICE_PRODUCT": info.name,
        "SEAICE_PLATFORM": info.platform,
        "SEAICE_MODE": info.mode,
        "SEAICE_ORBIT": info.orbit,
        "SEAICE_RELATIVE_ORBIT": info.relative_orbit,
        "SEAICE_PASS": info.orbit_pass,
        "SEAICE_START": info.start,
        "SEAICE_STOP": info.stop,
        "SEAICE_IPF": "" if info.ipf is None else f"{info.ipf:.2f}",
        "SEAICE_NOISE": noise,
        "SEAICE_FLOOR_DB": f"{job.floor:g}",
        "SEAICE_RESOLUTION_M": f"{resolution_m:g}",
    }
    return {name: value for name, value in found.items() if value}


def _crs_name(grid: Grid) -> str:
    code = grid.crs.to_epsg()
    return f"EPSG:{code}" if code else "the CRS asked for"
