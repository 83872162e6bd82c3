"""The job `landmask`: a coastline's land on a layer's grid, and with a buffer around it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.coastline import Coastline
from ..jobs.landmask import LandMaskJob
from ..raster.mask import mask_tags
from ..raster.reading import open_band
from ..raster.writing import BandInfo, RasterWriter

_BLOCK_PX = 1024


def run(job: LandMaskJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the masks that are asked for.

    Raises:
        SeaIceError: The coastline or the layer cannot be used.
    """
    assert job.coastline is not None
    assert job.grid is not None
    with open_band(job.grid) as band:
        grid = band.grid
    buffers_m = {"output": job.buffer, "reference_mask": job.footprint or 0.0}
    outputs = job.output_paths()
    reach_m = max(buffers_m[name] for name in outputs)
    are_land = job.polygons == "land"
    coast = Coastline.read(job.coastline, grid, report, reach_m=reach_m, are_land=are_land)

    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                RasterWriter(
                    files.stage(path),
                    grid,
                    [BandInfo("Sea (1) and land (0)")],
                    nodata=None,
                    dtype="uint8",
                    tags=mask_tags(coast.label, buffers_m[name]),
                )
            )
            for name, path in outputs.items()
        }
        for window in grid.window.blocks(_BLOCK_PX):
            for name, writer in writers.items():
                land = coast.land(window, buffers_m[name])
                writer.write(window, (~land).astype("uint8"))
                counts[name] += int(land.sum())
            counts["px"] += window.height * window.width
            report.progress(counts["px"] / (grid.height * grid.width))

    share = {name: counts[name] / counts["px"] for name in outputs}
    for name in outputs:
        report.info(f"{dict(job.specs())[name].label}: {100 * share[name]:.2f} % is land")
    coast.log_share(share["output"], report)
    names = {"output": "LAND_FRACTION", "reference_mask": "REFERENCE_LAND_FRACTION"}
    return Done(
        outputs={name.upper(): path for name, path in outputs.items()},
        numbers={names[name]: value for name, value in share.items()},
    )
