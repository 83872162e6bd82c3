"""The job `simulatescene`: a simulated scene into GeoTIFFs, block by block."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import numpy as np
import pyproj
import rasterio
from affine import Affine
from pyproj.exceptions import CRSError
from rasterio.crs import CRS

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.simulation.lattice import Field
from ..inputs.simulation.pack import Composition
from ..inputs.simulation.radiometer import Footprints
from ..inputs.simulation.scene import Block, Geometry, SimulatedScene, Weather
from ..jobs import SimulateSceneJob
from ..raster.grid import Grid, Window
from ..raster.writing import BandInfo, RasterWriter, backscatter_band

T = TypeVar("T")

_BLOCK_PX = 512
_WORKERS = 2
_CACHE_MB = 128
"""GDAL's cache of blocks; it would take 5 % of the machine's memory."""

_NORTH, _SOUTH = (30.0, 81.0), (-30.0, -72.0)
"""Longitude and latitude of the scene's centre, by hemisphere: Barents and Weddell Sea."""


def run(job: SimulateSceneJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the scene that a job describes.

    Raises:
        SeaIceError: The CRS is unknown, not projected or not in metres.
    """
    grid = scene_grid(job.crs or "EPSG:3413", job.width, job.height, job.resolution)
    footprints = Footprints(
        job.footprint, job.resolution, job.height, job.width, job.reference_pixel / 2
    )
    scene = SimulatedScene(
        job.seed,
        Geometry(
            job.height,
            job.width,
            job.resolution,
            job.incidence_near,
            job.incidence_far,
            job.looks,
            job.noise == "subtracted",
        ),
        Composition(
            job.ice_fraction / 100.0,
            job.multi_year / 100.0,
            job.deformed / 100.0,
            job.leads / 100.0,
            job.polynyas,
        ),
        Weather(job.wind_speed, job.wind_direction, job.melt),
        margin_m=footprints.margin_px * job.resolution,
    )
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB):
        total = _write_scene(job, files, report, grid, scene, footprints)
        if job.reference:
            _write_reference(job, files, grid, footprints)
    mean = 100.0 * total / (grid.height * grid.width)
    report.info(f"simulated {grid.width} x {grid.height} px, mean SIC {mean:.1f} %")
    return Done(outputs=_outputs(job), numbers={"MEAN_SIC": mean})


def scene_grid(crs: str, width: int, height: int, pixel_m: float) -> Grid:
    """Return the scene's grid: near range on the left, its corner on a multiple of the pixel.

    Args:
        crs: The CRS, such as ``EPSG:3413``.
        width: Columns.
        height: Rows.
        pixel_m: Pixel size.

    Raises:
        SeaIceError: The CRS is unknown, not projected or not in metres.
    """
    try:
        known = pyproj.CRS.from_user_input(crs)
    except CRSError as error:
        raise SeaIceError(
            f"Coordinate reference system: {crs!r} is unknown; give one such as EPSG:3413"
        ) from error
    if not known.is_projected or known.axis_info[0].unit_conversion_factor != 1.0:
        raise SeaIceError(
            f"Coordinate reference system: {known.name} is not projected in metres; give one that"
            " is, such as EPSG:3413 (north) or EPSG:3031 (south)"
        )
    area = known.area_of_use
    south = area is not None and area.north <= 0.0
    transformer = pyproj.Transformer.from_crs("EPSG:4326", known, always_xy=True)
    x, y = transformer.transform(*(_SOUTH if south else _NORTH))
    if not (math.isfinite(x) and math.isfinite(y)):
        raise SeaIceError(
            f"Coordinate reference system: {known.name} does not reach the Arctic or Antarctic;"
            " give a polar one, such as EPSG:3413 (north) or EPSG:3031 (south)"
        )
    left = round((x - width * pixel_m / 2) / pixel_m) * pixel_m
    top = round((y + height * pixel_m / 2) / pixel_m) * pixel_m
    transform = Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top)
    return Grid(CRS.from_wkt(known.to_wkt()), transform, height, width)


def _write_scene(
    job: SimulateSceneJob,
    files: OutputFiles,
    report: Reporter,
    grid: Grid,
    scene: SimulatedScene,
    footprints: Footprints,
) -> float:
    """Write the layers at SAR resolution; return the sum of the true SIC, 0-1, of all pixels."""
    tags = _tags(job)
    layers = {
        "hh": backscatter_band("HH"),
        "hv": backscatter_band("HV"),
        "incidence": BandInfo("Incidence angle", "deg"),
        "true_sic": BandInfo("True sea-ice concentration", "%"),
    }
    frame = list(_frame(grid, footprints.margin_px)) if job.reference else []
    inner = list(_blocks(grid.window))
    done, total = 0, 0.0
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_WORKERS))
        writers = {
            name: stack.enter_context(RasterWriter(files.stage(path), grid, [band], tags=tags))
            for name, band in layers.items()
            if (path := getattr(job, name))
        }
        try:
            for window, block in _in_order(pool, scene.block, inner):
                footprints.add(window, block.sic)
                total += float(block.sic.sum(dtype=np.float64))
                for name, writer in writers.items():
                    writer.write(window, _layer(name, block, window, scene))
                done += 1
                report.progress(0.95 * done / (len(inner) + len(frame)))
            for window, sic in _in_order(pool, scene.sic, frame):
                footprints.add(window, sic)
                done += 1
                report.progress(0.95 * done / (len(inner) + len(frame)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total


def _layer(name: str, block: Block, window: Window, scene: SimulatedScene) -> Field:
    if name == "hh":
        return block.hh_db
    if name == "hv":
        return block.hv_db
    if name == "true_sic":
        return block.sic * np.float32(100.0)
    row = scene.incidence_deg[window.col : window.stop_col]
    return np.broadcast_to(row, (window.height, window.width))


def _in_order(
    pool: ThreadPoolExecutor, compute: Callable[[Window], T], windows: Iterable[Window]
) -> Iterator[tuple[Window, T]]:
    """Yield each window and what is computed on it, in order, a few ahead."""
    ahead: deque[tuple[Window, Future[T]]] = deque()
    for window in windows:
        ahead.append((window, pool.submit(compute, window)))
        if len(ahead) > 2 * _WORKERS:
            first, future = ahead.popleft()
            yield first, future.result()
    while ahead:
        first, future = ahead.popleft()
        yield first, future.result()


def _blocks(area: Window) -> Iterator[Window]:
    for row in range(area.row, area.stop_row, _BLOCK_PX):
        for col in range(area.col, area.stop_col, _BLOCK_PX):
            yield Window(
                row,
                col,
                min(_BLOCK_PX, area.stop_row - row),
                min(_BLOCK_PX, area.stop_col - col),
            )


def _frame(grid: Grid, margin: int) -> Iterator[Window]:
    """Yield windows that cover the margin around the scene."""
    wide = grid.width + 2 * margin
    yield from _blocks(Window(-margin, -margin, margin, wide))
    yield from _blocks(Window(grid.height, -margin, margin, wide))
    yield from _blocks(Window(0, -margin, grid.height, margin))
    yield from _blocks(Window(0, grid.width, grid.height, margin))


def _write_reference(
    job: SimulateSceneJob, files: OutputFiles, grid: Grid, footprints: Footprints
) -> None:
    """Write the reference on a grid of its own, whose origin ignores the scene's."""
    assert job.reference is not None
    pixel_m = job.reference_pixel
    left, bottom, right, top = grid.bounds()
    first_x, last_y = math.floor(left / pixel_m), math.ceil(top / pixel_m)
    width = math.ceil(right / pixel_m) - first_x
    height = last_y - math.floor(bottom / pixel_m)
    transform = Affine(pixel_m, 0.0, first_x * pixel_m, 0.0, -pixel_m, last_y * pixel_m)
    coarse = Grid(grid.crs, transform, height, width)
    x_m = (np.arange(width) + 0.5 + first_x) * pixel_m - left
    y_m = top - (last_y - np.arange(height) - 0.5) * pixel_m
    rows, cols = np.meshgrid(y_m, x_m, indexing="ij")
    sic_percent = np.clip(100.0 * footprints.at(cols, rows), 0.0, 100.0)
    band = BandInfo("Sea-ice concentration, footprint average", "%")
    tags = {**_tags(job), "SEAICE_FOOTPRINT_M": f"{job.footprint:g}"}
    with RasterWriter(files.stage(job.reference), coarse, [band], tags=tags) as writer:
        writer.write(coarse.window, sic_percent.astype(np.float32))


def _tags(job: SimulateSceneJob) -> dict[str, str]:
    return {
        "SEAICE_SOURCE": "simulated",
        "SEAICE_SEED": str(job.seed),
        "SEAICE_RESOLUTION_M": f"{job.resolution:g}",
        "SEAICE_NOTE": "simulated scene: for learning and tests, not for navigation",
    }


def _outputs(job: SimulateSceneJob) -> dict[str, str]:
    return {name.upper(): path for name, path in job.output_paths().items()}
