"""The job `simulatescene`: a simulated scene into GeoTIFFs, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import numpy as np
import rasterio

from ..ahead import computed_ahead
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.simulation.grid import (
    centres_px,
    frame,
    margin_px,
    reference_grid,
    scene_grid,
)
from ..inputs.simulation.scene import SimulatedScene
from ..jobs import SimulateSceneJob
from ..observation.footprint import FootprintFields
from ..raster.grid import Window
from ..raster.writing import BandInfo, RasterWriter, backscatter_band

T = TypeVar("T")

_BLOCK_PX = 512
_THREADS = 2
_CACHE_MB = 128
"""GDAL's cache of blocks; it would take 5 % of the machine's memory."""

_BANDS = {
    "hh": backscatter_band("HH"),
    "hv": backscatter_band("HV"),
    "incidence": BandInfo("Incidence angle", "deg"),
    "true_sic": BandInfo("True sea-ice concentration", "%"),
}


def run(job: SimulateSceneJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the scene that a job describes.

    Raises:
        SeaIceError: The CRS is unknown, not projected or not in metres.
    """
    grid = scene_grid(job.crs or "EPSG:3413", job.width, job.height, job.resolution)
    margin = margin_px(job.footprint, job.resolution, job.reference_pixel / 2)
    scene = SimulatedScene(job, margin_m=margin * job.resolution)
    tags = {
        "SEAICE_SOURCE": "simulated",
        "SEAICE_SEED": str(job.seed),
        "SEAICE_RESOLUTION_M": f"{job.resolution:g}",
        "SEAICE_NOTE": "simulated scene: for learning and tests, not for navigation",
    }
    outputs = job.output_paths()
    inner = list(grid.window.blocks(_BLOCK_PX))
    around = list(frame(grid, margin, _BLOCK_PX)) if job.reference else []
    wide = grid.window.grown(margin, margin)
    seen = FootprintFields((wide.height, wide.width), 1, job.footprint / job.resolution)
    steps, sum_sic = len(inner) + len(around), 0.0
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB), ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                RasterWriter(
                    files.stage(path),
                    grid,
                    [band],
                    tags=tags | (scene.tags(name.upper()) if name in ("hh", "hv") else {}),
                )
            )
            for name, band in _BANDS.items()
            if (path := outputs.get(name))
        }
        blocks = stack.enter_context(_ahead(scene.block, inner))
        for done, (window, block) in enumerate(zip(inner, blocks), 1):
            layers = {
                "hh": block.hh_db,
                "hv": block.hv_db,
                "incidence": np.broadcast_to(
                    scene.incidence_deg[window.slices[1]], block.sic.shape
                ),
                "true_sic": block.sic * np.float32(100.0),
            }
            for name, writer in writers.items():
                writer.write(window, layers[name])
            seen.add(window.moved(margin, margin), block.sic[None], np.ones_like(block.sic, bool))
            sum_sic += float(block.sic.sum(dtype=np.float64))
            report.progress(0.95 * done / steps)
        margins = stack.enter_context(_ahead(scene.sic, around))
        for done, (window, sic) in enumerate(zip(around, margins), len(inner) + 1):
            seen.add(window.moved(margin, margin), sic[None], np.ones_like(sic, bool))
            report.progress(0.95 * done / steps)
        if job.reference:
            coarse = reference_grid(grid, job.reference_pixel)
            rows, cols = centres_px(grid, coarse)
            (sic,), _ = seen.means((rows + margin, cols + margin))
            reference = stack.enter_context(
                RasterWriter(
                    files.stage(job.reference),
                    coarse,
                    [BandInfo("Sea-ice concentration, footprint average", "%")],
                    tags={**tags, "SEAICE_FOOTPRINT_M": f"{job.footprint:g}"},
                )
            )
            reference.write(coarse.window, np.clip(np.float32(100.0) * sic, 0.0, 100.0))
    mean = 100.0 * sum_sic / (grid.height * grid.width)
    report.info(f"simulated {grid.width} x {grid.height} px, mean SIC {mean:.1f} %")
    return Done({name.upper(): path for name, path in outputs.items()}, {"MEAN_SIC": mean})


def _ahead(
    compute: Callable[[Window], T], windows: Sequence[Window]
) -> AbstractContextManager[Iterator[T]]:
    return computed_ahead(compute, windows, threads=_THREADS, ahead=2 * _THREADS)
