"""The job `evaluate`: compares a prediction with a reference, block by block."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import rasterio

from ..evaluation import flags
from ..evaluation.accumulator import Comparison
from ..evaluation.reader import LayerReader
from ..evaluation.result import conclude
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.evaluate import EvaluateJob
from ..raster.reference import Reference
from ..raster.writing import BandInfo, RasterWriter
from ..reports import evaluation as page
from ..reports.evaluation_table import numbers, write_table

_CACHE_MB = 128


def run(job: EvaluateJob, files: OutputFiles, report: Reporter) -> Done:
    """Compare a prediction with a reference and write what was asked for.

    Raises:
        SeaIceError: A layer cannot be used, or they have nothing in common.
    """
    assert job.reference is not None  # the job checked it
    outputs = {}
    with ExitStack() as stack:
        # GDAL keeps 5 % of the machine's memory by default, however little is read again
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_MB))
        reference = stack.enter_context(Reference.open(job.reference, job.footprint))
        reader = LayerReader(job, reference, stack, report)
        subject = reader.subject
        for note in subject.notes:
            report.info(note)
        comparison = Comparison(reader.grid)
        writer = None
        if job.difference:
            writer = stack.enter_context(
                RasterWriter(
                    files.stage(job.difference),
                    reader.grid,
                    [BandInfo("Prediction minus reference", "%")],
                    tags={"SEAICE_FOOTPRINT_M": f"{reader.footprint_m:g}"},
                )
            )
            outputs["DIFFERENCE"] = job.difference
        for share, block in reader.blocks():
            comparison.add(block)
            if writer:
                compared = block.kinds == flags.COMPARED
                difference = np.where(compared, block.predicted - block.reference, np.nan)
                writer.write(block.window, difference.astype(np.float32))
            report.progress(0.9 * share)
        for window, polygons, sic in reader.beyond():
            comparison.polygons.add(window, polygons, sic, np.full_like(sic, np.nan))
        comparison.check(subject)
        result = conclude(
            comparison,
            reader.footprint_m,
            job.seed,
            lambda share: report.progress(0.9 + 0.08 * share),
        )
    if job.report:
        page.write_report(files.stage(job.report), result, subject)
        outputs["REPORT"] = job.report
    if job.table:
        write_table(files.stage(job.table), result)
        outputs["TABLE"] = job.table
    for text, level in page.notices(result, subject):
        if level == "warning":
            report.warning(text)
    return Done(outputs=outputs, numbers=numbers(result))
