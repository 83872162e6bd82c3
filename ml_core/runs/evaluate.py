"""The job `evaluate`: reads a prediction and a reference block by block and compares them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import numpy as np
import rasterio

from ..errors import SeaIceError
from ..evaluation import flags
from ..evaluation.accumulator import Block, Comparison
from ..evaluation.areas import PixelAreas
from ..evaluation.result import Result, Subject, conclude
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.evaluate import EvaluateJob
from ..jobs.sources import RasterSource
from ..observation.band import Support, overlap
from ..raster.aligned import AlignedBand, Quantity, Resampling
from ..raster.grid import Window
from ..raster.reading import open_band
from ..raster.reference import Reference
from ..raster.writing import BLOCK_PX, BandInfo, RasterWriter
from ..reports.evaluation import write_report
from ..reports.evaluation_table import numbers, write_table

_BLOCK_CELLS = 2 * BLOCK_PX

_CACHE_MB = 128

_NO_SIC = ((-1e30, -5.0), (105.0, 1e30))
"""Values of a prediction that are no SIC; a regression may step a little over its bounds."""

_TAGS = ("SEAICE_MODEL", "SEAICE_RUNTIME", "SEAICE_FOOTPRINT_M", "SEAICE_RESOLUTION_M")


def run(job: EvaluateJob, files: OutputFiles, report: Reporter) -> Done:
    """Compare a prediction with a reference and write what was asked for."""
    assert job.prediction is not None  # the job checked it
    assert job.reference is not None
    with ExitStack() as stack:
        # GDAL keeps 5 % of the machine's memory by default, however little is read again
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_MB))
        reference = stack.enter_context(Reference.open(job.reference, job.footprint))
        reader = Reader(job, reference, stack, report)
        for note in reader.subject.notes:
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
        for share, block in reader.blocks():
            comparison.add(block)
            if writer:
                compared = block.kinds == flags.COMPARED
                difference = np.where(compared, block.predicted - block.reference, np.nan)
                writer.write(block.window, difference.astype(np.float32))
            report.progress(0.9 * share)
        _check(comparison, reader)
        result = conclude(
            comparison,
            reader.footprint_m,
            job.seed,
            lambda share: report.progress(0.9 + 0.08 * share),
        )
        subject = reader.subject
    outputs = _written(job, files, result, subject)
    for text in _warnings(result):
        report.warning(text)
    return Done(outputs=outputs, numbers=numbers(result))


class Reader:
    """All layers of a comparison, read by blocks of the reference's grid where the prediction lies.

    Args:
        job: The layers.
        reference: The open reference.
        stack: Closes what is opened.
        report: Asked whether the run was cancelled.

    Attributes:
        grid: The part of the reference's grid.
        footprint_m: The reference's footprint.
        subject: What the comparison is about, for the report.

    Raises:
        SeaIceError: The layers do not overlap, or one cannot be read.
    """

    def __init__(
        self, job: EvaluateJob, reference: Reference, stack: ExitStack, report: Reporter
    ) -> None:
        assert job.prediction is not None

        def opened(source: RasterSource, quantity: Quantity = Quantity.PLAIN) -> Support:
            band = stack.enter_context(open_band(source))
            return Support(
                band,
                self.grid,
                self.footprint_m,
                quantity=quantity,
                on_part=report.check_cancelled,
            )

        def nearest(source: RasterSource | None) -> AlignedBand | None:
            if source is None:
                return None
            band = stack.enter_context(open_band(source))
            return AlignedBand(band, self.grid, resampling=Resampling.NEAREST)

        source = dataclasses.replace(job.prediction, nodata=(*job.prediction.nodata, *_NO_SIC))
        prediction = stack.enter_context(open_band(source))
        window = overlap(reference.own_grid, prediction.grid)
        if not window.height or not window.width:
            raise SeaIceError(
                f"{prediction.label} and {reference.label} do not overlap; give a reference of the"
                " same region, and check the CRS of both"
            )
        self._reference = reference
        self._window = window
        self.grid = reference.own_grid.part(window)
        self.footprint_m = reference.footprint_m
        self._prediction = Support(
            prediction, self.grid, self.footprint_m, on_part=report.check_cancelled
        )
        self._areas = PixelAreas(self.grid)
        quantity = Quantity.SIGMA0_DB if job.units == "db" else Quantity.SIGMA0_LINEAR
        self._features = (
            (opened(job.hh, quantity), opened(job.hv, quantity)) if job.hh and job.hv else None
        )
        # at the cell's centre: the spread is that of a footprint already, and angles change slowly
        self._spread = nearest(job.uncertainty)
        spread_tags = self._spread.band.tags if self._spread else {}
        self._incidence = nearest(job.incidence)
        self._mask = nearest(job.mask)
        self._nodata_is_water = job.nodata_is_water
        tags = {name: prediction.tags[name] for name in _TAGS if name in prediction.tags}
        self.subject = Subject(
            prediction=prediction.label,
            reference=reference.label,
            prediction_grid=prediction.grid,
            reference_grid=reference.own_grid,
            footprint_m=self.footprint_m,
            is_gaussian=self._prediction.is_gaussian,
            notes=(*reference.notes, *_notes(self.footprint_m, prediction.tags, spread_tags)),
            tags=tags,
            has_features=self._features is not None,
            nodata_is_water=job.nodata_is_water,
        )

    def blocks(self) -> Iterator[tuple[float, Block]]:
        """Yield the share of the grid that is done, and each block."""
        height, width = self.grid.shape
        done = 0
        for row in range(0, height, _BLOCK_CELLS):
            for col in range(0, width, _BLOCK_CELLS):
                window = Window(row, col, _BLOCK_CELLS, _BLOCK_CELLS).clipped(height, width)
                done += window.height * window.width
                yield done / (height * width), self._block(window)

    def _block(self, window: Window) -> Block:
        own = Window(
            window.row + self._window.row,
            window.col + self._window.col,
            window.height,
            window.width,
        )
        sic, sic_valid, raw, raw_valid = self._reference.read_flagged(own)
        kinds = flags.classify(raw, raw_valid, sic_valid)
        if self._mask is not None:
            values, holds = self._mask.read(window)
            masked = ~(holds & (values != 0))
            if self._nodata_is_water:
                water = (kinds == flags.NO_DATA) & ~masked
                sic[water] = 0
                kinds[water] = flags.COMPARED
            kinds[masked & (kinds == flags.COMPARED)] = flags.MASKED
        predicted, valid = self._prediction.read(window)
        predicted = np.where(valid, np.clip(predicted, 0, 100), np.float32(np.nan))
        kinds[~valid & (kinds == flags.COMPARED)] = flags.NO_PREDICTION
        return Block(
            window=window,
            predicted=predicted,
            reference=sic,
            kinds=kinds,
            area_km2=self._areas.km2(window),
            spread=None if self._spread is None else self._spread.read(window)[0],
            incidence_deg=None if self._incidence is None else self._incidence.read(window)[0],
            features_db=None
            if self._features is None
            else (self._features[0].read(window)[0], self._features[1].read(window)[0]),
        )


def _notes(
    footprint_m: float, prediction: Mapping[str, str], spread: Mapping[str, str]
) -> Iterator[str]:
    """Yield what the files say of footprints that does not go with the reference's."""
    for tags, name, what in (
        (prediction, "SEAICE_REFERENCE_FOOTPRINT_M", "the network learnt from"),
        (spread, "SEAICE_FOOTPRINT_M", "the uncertainty is that of means over"),
    ):
        try:
            own_m = float(tags.get(name, ""))
        except ValueError:
            continue
        if not 0.8 < own_m / footprint_m < 1.25:
            yield (
                f"{what} a footprint of {own_m / 1000:.4g} km, and is judged by one of"
                f" {footprint_m / 1000:.4g} km; give the Footprint if this reference has the"
                " former too"
            )
    if spread.get("SEAICE_CALIBRATED") == "no":
        yield "the file of the uncertainty says that it was not calibrated"


def _check(comparison: Comparison, reader: Reader) -> None:
    """Check that something was compared, and that it was SIC in percent.

    Raises:
        SeaIceError: No cell has both a prediction and a reference, or the prediction is a
            fraction.
    """
    subject = reader.subject
    counts = comparison.kind_counts
    if not counts[flags.COMPARED]:
        found = ", ".join(
            f"{int(count)} {name}"
            for name, count in zip(flags.NAMES[1:], counts[1:], strict=True)
            if count
        )
        raise SeaIceError(
            f"no cell of {subject.reference} has a SIC where {subject.prediction} has one"
            f" ({found}); check that both are of the same place and day, and their nodata values"
        )
    highest, highest_reference = comparison.highest
    if highest <= 1.0 and highest_reference > 10.0 and not subject.tags:
        raise SeaIceError(
            f"{subject.prediction}: no value above {highest:g}, percent expected; if these are"
            " fractions, multiply them by 100 (raster calculator)"
        )


def _written(
    job: EvaluateJob, files: OutputFiles, result: Result, subject: Subject
) -> dict[str, str]:
    outputs = {}
    if job.report:
        write_report(files.stage(job.report), result, subject)
        outputs["REPORT"] = job.report
    if job.table:
        write_table(files.stage(job.table), result)
        outputs["TABLE"] = job.table
    if job.difference:
        outputs["DIFFERENCE"] = job.difference
    return outputs


def _warnings(result: Result) -> Iterator[str]:
    best = result.best_baseline
    if best is not None and not best.is_beaten:
        yield (
            f"the prediction does not beat a baseline: RMSE {best.prediction.rmse_percent:.1f} %,"
            f" {best.label} {best.scores.rmse_percent:.1f} %"
        )
    elif best is not None and best.is_surely_beaten is False:
        yield (
            f"the prediction beats every baseline, but within chance: RMSE"
            f" {best.prediction.rmse_percent:.1f} %, {best.label} {best.scores.rmse_percent:.1f} %"
        )
    if result.water_left_out:
        yield (
            "the reference gives no SIC below 15 %: ice that the prediction shows on open water is"
            " not judged, and the ice edge cannot be; give a mask that is 0 on land and take cells"
            " without data as open water"
        )
    if result.scores.r2_withheld:
        yield f"R2 is withheld: {result.scores.r2_withheld}"
    if result.intervals.withheld:
        yield f"confidence intervals are withheld: {result.intervals.withheld}"
