"""The job `icecharttosic`: an ice chart as SIC on the scene's grid."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import PurePath

import numpy as np

from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..inputs.icechart.chart import read
from ..inputs.icechart.dates import date_in_name
from ..inputs.icechart.rasterising import exact_numbers, rasterised
from ..jobs import IceChartToSicJob
from ..raster.polygon_bands import (
    HIGHEST_BAND,
    LARGEST_NUMBER,
    LOWEST_BAND,
    NO_POLYGON,
    POLYGON_BAND,
    POLYGON_BAND_TAG,
)
from ..raster.reading import open_band
from ..raster.writing import BandInfo, RasterWriter

_BANDS = (
    BandInfo("Sea-ice concentration", "%"),
    BandInfo(LOWEST_BAND, "%"),
    BandInfo(HIGHEST_BAND, "%"),
    BandInfo(POLYGON_BAND),
)


def run(job: IceChartToSicJob, files: OutputFiles, report: Reporter) -> Done:
    """Write the chart's SIC and polygon numbers on HH's grid.

    Raises:
        SeaIceError: The chart or HH cannot be read, or the chart has nothing where HH lies.
    """
    assert job.chart is not None
    assert job.hh is not None
    assert job.output is not None
    label = job.chart.label
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
    report.info(f"{label}: {len(chart.polygons)} polygons")
    for note in chart.notes:
        report.info(note)
    for warning in chart.warnings:
        report.warning(warning)

    if (exact_numbers(chart) != chart.ids).any():
        report.info(
            f"{label}: band {len(_BANDS)} numbers the polygons 1 to {len(chart.ids)} in their"
            f" order: {job.id_field} has numbers that are below 1, above {LARGEST_NUMBER}, or of"
            " several concentrations"
        )
    tags = {"SEAICE_PRODUCT": f"ice chart {label}", POLYGON_BAND_TAG: str(len(_BANDS))}
    date = job.date or date_in_name(PurePath(job.chart.path).name)
    if date:
        tags["SEAICE_DATE"] = date
        origin = "as given" if job.date else "by its file's name; give another as Date of the chart"
        report.info(f"{label}: is of {date}, {origin}")
    else:
        report.info(f"{label}: its date is unknown; give it as Date of the chart")
    if job.footprint:
        tags["SEAICE_FOOTPRINT_M"] = f"{job.footprint:g}"
        tags["SEAICE_FOOTPRINT_SOURCE"] = "given by hand"
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        # a mean of numbers of polygons is none
        sic = stack.enter_context(
            RasterWriter(files.stage(job.output), grid, _BANDS, tags=tags, averaged=False)
        )
        numbers = None
        if job.polygons:
            numbers = stack.enter_context(
                RasterWriter(
                    files.stage(job.polygons),
                    grid,
                    [BandInfo("Polygon number")],
                    nodata=NO_POLYGON,
                    dtype="int32",
                    tags=tags,
                )
            )
        for block in rasterised(chart, grid):
            exact = np.where(block.exact == NO_POLYGON, np.nan, block.exact)
            sic.write(block.window, np.concatenate([block.percent, exact[None]]))
            if numbers is not None:
                numbers.write(block.window, block.number)
            counts.update(block.counts())
            report.progress(counts["total"] / (grid.height * grid.width))

    if not counts["valid"]:
        raise SeaIceError(
            f"{label} has no concentration where the scene lies; give the chart of the scene's"
            " region and day, and check the CRS of both"
        )
    if counts["uncovered"]:
        report.info(
            f"{label}: {counts['uncovered']} of {counts['total']} px of the scene lie in no polygon"
            " and are nodata"
        )
    if counts["overlapping"]:
        report.warning(
            f"{label}: {counts['overlapping']} px lie in more than one polygon;"
            f" {counts['contradicting']} of them, where the concentrations differ, are nodata"
        )
    return Done(
        outputs={name.upper(): path for name, path in job.output_paths().items()},
        numbers={
            "MEAN_SIC": counts["sum_percent"] / counts["valid"],
            "VALID_FRACTION": counts["valid"] / counts["total"],
        },
    )
