"""The job `icecharttosic`: an ice chart as SIC on the scene's grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.icechart.chart import Chart, read
from ..jobs import IceChartToSicJob
from ..raster.grid import Grid, Window
from ..raster.reading import open_band
from ..raster.writing import BandInfo, RasterWriter

_BLOCK_PX = 2048

NO_POLYGON = 0
"""Nodata of the polygon numbers' raster."""


@dataclass
class _Counts:
    total: int = 0
    valid: int = 0
    overlapping: int = 0
    contradicting: int = 0
    uncovered: int = 0
    sum_percent: float = 0.0


def run(job: IceChartToSicJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the chart's SIC and polygon numbers on HH's grid.

    Raises:
        SeaIceError: The chart or HH cannot be read, or the chart has nothing where HH lies.
    """
    assert job.chart is not None
    assert job.hh is not None
    assert job.output is not None
    with open_band(job.hh) as band:
        grid = band.grid
    chart = read(
        job.chart,
        grid,
        field_name=job.field,
        type_field=job.type_field,
        id_field=job.id_field,
        convention=job.convention,
    )
    report.info(f"{job.chart.label}: {len(chart.polygons)} polygons")
    for note in chart.notes:
        report.info(note)
    for warning in chart.warnings:
        report.warning(warning)
    counts = _write(job, files, report, grid, chart)
    _tell(counts, job.chart.label, report)
    outputs = {name.upper(): path for name, path in job.output_paths().items()}
    return Done(
        outputs=outputs,
        numbers={
            "MEAN_SIC": counts.sum_percent / counts.valid,
            "VALID_FRACTION": counts.valid / counts.total,
        },
    )


def _write(
    job: IceChartToSicJob, files: OutputFiles, report: Reporter, grid: Grid, chart: Chart
) -> _Counts:
    assert job.output is not None
    tags = {"SEAICE_PRODUCT": f"ice chart {job.chart.label if job.chart else ''}"}
    if job.footprint:
        tags["SEAICE_FOOTPRINT_M"] = f"{job.footprint:g}"
        tags["SEAICE_FOOTPRINT_SOURCE"] = "given by hand"
    bands = [
        BandInfo("Sea-ice concentration", "%"),
        BandInfo("Lowest concentration of the code", "%"),
        BandInfo("Highest concentration of the code", "%"),
    ]
    counts = _Counts()
    tree = shapely.STRtree(chart.polygons)
    windows = list(_windows(grid))
    with ExitStack() as stack:
        sic = stack.enter_context(RasterWriter(files.stage(job.output), grid, bands, tags=tags))
        ids = None
        if job.polygons:
            ids = stack.enter_context(
                RasterWriter(
                    files.stage(job.polygons),
                    grid,
                    [BandInfo("Polygon number")],
                    nodata=NO_POLYGON,
                    dtype="int32",
                    tags=tags,
                )
            )
        for done, window in enumerate(windows, 1):
            index, twice = polygon_index(chart, tree, grid.part(window))
            values = percent_of(chart, index, twice, counts)
            sic.write(window, values)
            if ids is not None:
                numbers = np.append(chart.ids, np.int32(NO_POLYGON))
                ids.write(window, numbers[index])
            report.progress(done / len(windows))
    if counts.valid == 0:
        raise SeaIceError(
            f"{job.chart.label if job.chart else 'the chart'} has no concentration where the scene"
            " lies; give the chart of the scene's region and day, and check the CRS of both"
        )
    return counts


def polygon_index(
    chart: Chart, tree: shapely.STRtree, grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which polygon a pixel's centre lies in: the last and the first of those that do.

    Args:
        chart: The chart.
        tree: Search tree of its polygons.
        grid: The pixels.

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


def percent_of(
    chart: Chart, index: NDArray[np.intp], twice: NDArray[np.intp], counts: _Counts
) -> NDArray[np.float32]:
    """Return SIC, lowest and highest (3, H, W), NaN where polygons are none or contradict."""
    table = np.concatenate([chart.percent, np.full((3, 1), np.nan, np.float32)], axis=1)
    values = table[:, index]
    overlap = index != twice
    if overlap.any():
        other = table[:, twice]
        same = (values == other) | (np.isnan(values) & np.isnan(other))
        contradicting = overlap & ~same.all(axis=0)
        values[:, contradicting] = np.nan
        counts.overlapping += int(overlap.sum())
        counts.contradicting += int(contradicting.sum())
    valid = np.isfinite(values[0])
    counts.total += index.size
    counts.valid += int(valid.sum())
    counts.uncovered += int((index < 0).sum())
    counts.sum_percent += float(values[0][valid].sum(dtype=np.float64))
    return values


def _tell(counts: _Counts, label: str, report: Reporter) -> None:
    if counts.uncovered:
        report.info(
            f"{label}: {counts.uncovered} of {counts.total} px of the scene lie in no polygon and"
            " are nodata"
        )
    if counts.overlapping:
        report.warning(
            f"{label}: {counts.overlapping} px lie in more than one polygon;"
            f" {counts.contradicting} of them, where the concentrations differ, are nodata"
        )


def _windows(grid: Grid) -> Iterator[Window]:
    for row in range(0, grid.height, _BLOCK_PX):
        for col in range(0, grid.width, _BLOCK_PX):
            yield Window(row, col, _BLOCK_PX, _BLOCK_PX).clipped(grid.height, grid.width)
