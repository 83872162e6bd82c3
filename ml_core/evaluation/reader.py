"""The layers of an evaluation, read block by block on the reference's grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import numpy as np

from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.evaluate import EvaluateJob
from ..jobs.predict import LOWER_BAND, UPPER_BAND
from ..jobs.sources import RasterSource
from ..observation.band import ObservedBand, overlap
from ..observation.observations import LEAST_JUDGED
from ..observation.support import LEAST_COVER
from ..observation.times import TimeDifference
from ..raster.aligned import AlignedBand, Quantity, Resampling
from ..raster.grid import Window
from ..raster.polygon_bands import PolygonPixels
from ..raster.radiometry import Floats
from ..raster.reading import Band, open_band
from ..raster.reference import Reference
from ..raster.writing import BLOCK_PX
from . import flags
from .accumulator import Block, Subject
from .areas import PixelAreas
from .intervals import DEVIATIONS

_BLOCK_CELLS = 2 * BLOCK_PX

_NO_SIC = ((-1e30, -5.0), (105.0, 1e30))
"""Values of a prediction that are no SIC; a regression may step a little over its bounds."""

_TAGS = ("SEAICE_MODEL", "SEAICE_RUNTIME", "SEAICE_FOOTPRINT_M", "SEAICE_RESOLUTION_M")


class LayerReader:
    """All layers of a comparison, read by blocks of the reference's grid where the prediction lies.

    Args:
        stack: Closes what is opened.
        report: Asked whether the run was cancelled.

    Attributes:
        grid: The part of the reference's grid.
        footprint_m: The reference's footprint.
        subject: What the comparison is about, for the report.

    Raises:
        SeaIceError: The layers do not overlap, are of times too far apart, or one cannot be read.
    """

    def __init__(
        self, job: EvaluateJob, reference: Reference, stack: ExitStack, report: Reporter
    ) -> None:
        assert job.prediction is not None

        def band(source: RasterSource) -> Band:
            return stack.enter_context(open_band(source))

        def observed(
            band: Band, quantity: Quantity = Quantity.PLAIN, least_cover: float = LEAST_COVER
        ) -> ObservedBand:
            return ObservedBand(
                band,
                self.grid,
                self.footprint_m if reference.has_footprint else None,
                quantity=quantity,
                least_cover=least_cover,
                on_part=report.check_cancelled,
            )

        def nearest(source: RasterSource) -> AlignedBand:
            return AlignedBand(band(source), self.grid, resampling=Resampling.NEAREST)

        no_sic = (*job.prediction.nodata, *_NO_SIC)
        prediction = band(dataclasses.replace(job.prediction, nodata=no_sic))
        window = overlap(reference.own_grid, prediction.grid)
        if not window.height or not window.width:
            raise SeaIceError(
                f"{prediction.label} and {reference.label} do not overlap; give a reference of the"
                " same region, and check the CRS of both"
            )
        apart = TimeDifference.between(
            prediction.label, prediction.tags, reference.label, reference.date
        ).check(job.max_hours_apart)
        self._reference = reference
        self._window = window
        self.grid = reference.own_grid.part(window)
        self.footprint_m = reference.footprint_m
        self._prediction = observed(prediction, least_cover=LEAST_JUDGED)
        self._polygons = reference.on(reference.own_grid) if reference.polygons else None
        self._areas = PixelAreas(self.grid)
        quantity = Quantity.SIGMA0_DB if job.units == "db" else Quantity.SIGMA0_LINEAR
        self._features = [observed(band(one), quantity) for one in (job.hh, job.hv) if one]
        # at the cell's centre: an interval is of a footprint already, and angles change slowly
        self._bounds = [nearest(one) for one in _bounds(job.uncertainty)]
        self._incidence = nearest(job.incidence) if job.incidence else None
        self._mask = nearest(job.mask) if job.mask else None
        self._nodata_is_water = job.nodata_is_water
        interval_tags = self._bounds[0].band.tags if self._bounds else {}
        notes = [*reference.notes, *_notes(self.footprint_m, prediction.tags, interval_tags)]
        if apart.hours is None:
            notes.append(apart.text)
        tags = {name: prediction.tags[name] for name in _TAGS if name in prediction.tags}
        self.subject = Subject(
            prediction=prediction.label,
            reference=reference.label,
            prediction_grid=prediction.grid,
            reference_grid=reference.own_grid,
            footprint_m=self.footprint_m,
            is_gaussian=self._prediction.is_gaussian,
            notes=tuple(notes),
            warnings=(apart.text,) if apart.is_notable else (),
            tags=tags,
            has_features=bool(self._features),
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

    def beyond(self) -> Iterator[tuple[Window, PolygonPixels, Floats]]:
        """Yield the polygons and the SIC of a chart where no prediction lies: parts of the same."""
        own, inside = self._reference.own_grid, self._window
        if self._polygons is None or inside == own.window:
            return
        for window in own.window.blocks(_BLOCK_CELLS):
            sic, _ = self._reference.read_own(window)
            sic[window.intersection(inside).moved(-window.row, -window.col).slices] = np.nan
            yield window, self._polygons.read_polygons(window), sic

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
            interval=self._interval(window, predicted),
            incidence_deg=self._incidence.read(window)[0] if self._incidence else None,
            features_db=[band.read(window)[0] for band in self._features],
            polygons=self._polygons.read_polygons(own) if self._polygons else None,
        )

    def _interval(self, window: Window, predicted: Floats) -> tuple[Floats, Floats] | None:
        """Return the bounds of the 90 % interval (h, w); None where no uncertainty is given.

        Args:
            predicted: (h, w) SIC, which a standard deviation is around.
        """
        if not self._bounds:
            return None
        found = [band.read(window)[0] for band in self._bounds]
        if len(found) == 2:
            return found[0], found[1]
        reach = DEVIATIONS * found[0]
        return np.clip(predicted - reach, 0, 100), np.clip(predicted + reach, 0, 100)


def _bounds(source: RasterSource | None) -> list[RasterSource]:
    """Return the bands of the bounds of a 90 % interval; or that of a standard deviation alone."""
    if source is None:
        return []
    with open_band(source) as band:
        number = {name: place for place, (name, _) in enumerate(band.descriptions, 1)}
    if LOWER_BAND in number and UPPER_BAND in number:
        return [dataclasses.replace(source, band=number[name]) for name in (LOWER_BAND, UPPER_BAND)]
    return [source]


def _notes(
    footprint_m: float, prediction: Mapping[str, str], interval: Mapping[str, str]
) -> Iterator[str]:
    """Yield where footprints in the files' tags differ from the reference's."""
    for tags, name, what in (
        (prediction, "SEAICE_REFERENCE_FOOTPRINT_M", "the network was trained with"),
        (interval, "SEAICE_FOOTPRINT_M", "the uncertainty is that of means over"),
    ):
        try:
            own_m = float(tags.get(name, ""))
        except ValueError:
            continue
        if not 0.8 < own_m / footprint_m < 1.25:
            yield (
                f"{what} a footprint of {own_m / 1000:.4g} km, and is compared with one of"
                f" {footprint_m / 1000:.4g} km; give the Footprint if this reference has the"
                " former too"
            )
    if interval.get("SEAICE_CALIBRATED") == "no":
        reason = interval.get("SEAICE_NOT_CALIBRATED", "")
        yield "by its file, the uncertainty was not calibrated" + f": {reason}" * bool(reason)
