"""References: the SIC that a network learns from or is evaluated with, on its own grid."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.sources import RasterSource
from .aligned import AlignedBand, Resampling
from .grid import Grid, Window
from .mask import SeaMask
from .polygon_bands import PolygonBands, PolygonPixels, PolygonsOnGrid
from .radiometry import Floats, Mask
from .reading import Band, open_band

_BLOCK_PX = 1024

FOOTPRINT_TAG = "SEAICE_FOOTPRINT_M"

UNCERTAINTY_BAND = "Uncertainty of the sea-ice concentration"
"""Description of a band that holds one standard deviation of band 1, in % SIC."""

UNCERTAINTY_BAND_TAG = "SEAICE_UNCERTAINTY_BAND"
"""Tag of a file with such a band: its number."""

_LARGEST_FRACTION_FLAG = 2.56
"""Fraction products store flags 251-255 scaled by 0.004 or 0.01."""

_MOST_FLAGS = 8
"""Distinct values above 1 that can be flags of a fraction product; percent has more of them."""


class Reference:
    """Sea-ice concentration in percent on its own grid.

    Values below 0 or above 100 are flags (land, pole hole, missing) and not valid. Values whose
    pixel's centre a mask leaves out are not valid, either: land lies in their footprint.

    Attributes:
        footprint_m: The ground area that one value averages, full width at half maximum.
        has_footprint: Whether that is known; else it is the pixel size.
        own_grid: The grid of the file.
        notes: What was recognised: fractions, flags and how many.
        resolution_m: Pixel size of the file.
        date: Day, time or period of the values, ISO 8601, where the file's tags give it; else
            empty.
        is_fraction: Whether the file holds fractions 0-1, which are given out in percent.
        mask: The mask, where there is one.
        has_uncertainty: Whether the file holds the uncertainty of its values.
        polygons: Of an ice chart, which polygon each value is of: ``numbered`` where the file holds
            their numbers; else empty.
        chart: The ice chart that it was made from, where the file's tags name it.
    """

    def __init__(
        self,
        band: Band,
        footprint_m: float | None,
        mask: Band | None = None,
        uncertainty: Band | None = None,
        polygons: PolygonBands | None = None,
    ) -> None:
        self._unmasked = self._band = band
        self._polygons = polygons
        self.polygons = "numbered" if polygons else ""
        self._uncertainty = uncertainty
        self.has_uncertainty = uncertainty is not None
        self.label = band.label
        self.own_grid = band.grid
        self.resolution_m = band.grid.resolution_m
        known_m = footprint_m or _tagged(band)
        self.has_footprint, self.footprint_m = bool(known_m), known_m or self.resolution_m
        self.date = band.tags.get("SEAICE_DATE") or band.tags.get("SEAICE_START", "")
        product = band.tags.get("SEAICE_PRODUCT", "") if polygons else ""
        self.chart = product and f"{product} {self.date}".strip()
        self.notes: list[str] = []
        self.is_fraction = self._recognise()
        self.mask = None if mask is None else SeaMask(mask, band.grid)
        if self.mask:
            self._band = copy.copy(band)
            self._band.leave_out_where_not(self.mask.read)

    @classmethod
    @contextmanager
    def open(
        cls,
        source: RasterSource,
        footprint_m: float | None = None,
        mask: RasterSource | None = None,
    ) -> Iterator[Reference]:
        """Open a reference and recognise its unit and flags.

        Args:
            footprint_m: Ground size of one value; None or 0: what the file's tag says, else its
                pixel size.
            mask: Values are left out where it is 0 or nodata.

        Raises:
            SeaIceError: The layer cannot be read, or holds no SIC.
        """
        with ExitStack() as stack:
            band = stack.enter_context(open_band(source))
            over = None if mask is None else stack.enter_context(open_band(mask))
            number = _uncertainty_band(band)
            uncertainty = None
            if number is not None and number != source.band == 1:
                of_band = dataclasses.replace(source, band=number, nodata=())
                uncertainty = stack.enter_context(open_band(of_band))
            polygons = PolygonBands.of(band, source, stack)
            yield cls(band, footprint_m, over, uncertainty, polygons)

    def read_own(self, window: Window | None = None) -> tuple[Floats, Mask]:
        """Return SIC in percent on the reference's own grid and where it is valid.

        Args:
            window: Pixels of the own grid; all of it when None.

        Returns:
            SIC in percent, NaN where invalid, and the valid mask, both (h, w).
        """
        return self._sic(*self._band.read(window or self.own_grid.window))

    def read_own_uncertainty(self, window: Window) -> tuple[Floats, Mask]:
        """Return one standard deviation in % SIC on the own grid, and where it is known (h, w)."""
        if self._uncertainty is None:
            none = np.zeros((window.height, window.width), bool)
            return np.full(none.shape, np.nan, np.float32), none
        values, valid = self._uncertainty.read(window)
        return values, valid & (values >= 0) & (values <= 100)

    def leave_out(self, where: Mask) -> None:
        """Give out no values of these pixels (H, W) of the own grid any more."""

        def holds(window: Window) -> Mask:
            inside = window.clipped(*self.own_grid.shape)
            kept = np.ones((window.height, window.width), bool)
            kept[inside.moved(-window.row, -window.col).slices] = ~where[inside.slices]
            return kept

        for band in {self._band, self._unmasked}:
            band.leave_out_where_not(holds)

    def read_flagged(self, window: Window) -> tuple[Floats, Mask, Floats, Mask]:
        """Return SIC on the own grid, and the file's own values, among which are its flags.

        Args:
            window: Pixels of the own grid.

        Returns:
            SIC in percent and where it is valid, as `read_own` gives them, then the values as the
            file holds them and where it has data; all (h, w).
        """
        values, valid = self._band.read(window)
        return *self._sic(values, valid), values, valid

    def on(self, grid: Grid) -> ReferenceOnGrid:
        """Return the reference as seen from another grid: each pixel gets the value it lies in."""
        sic = AlignedBand(self._band, grid, resampling=Resampling.NEAREST)
        uncertainty = None
        if self._uncertainty is not None:
            uncertainty = AlignedBand(self._uncertainty, grid, resampling=Resampling.NEAREST)
        polygons = None if self._polygons is None else self._polygons.on(grid)
        return ReferenceOnGrid(self, sic, uncertainty, polygons)

    def check_use(self, grid: Grid, *, needs_ice_and_water: bool = True) -> None:
        """Check that a network can learn from the reference on a scene's grid.

        Args:
            needs_ice_and_water: Whether a single value is refused.

        Raises:
            SeaIceError: The reference does not overlap the grid, has no value there or a single
                one.
        """
        on_grid = self.on(grid)
        low, high = np.inf, -np.inf
        for window in grid.window.blocks(_BLOCK_PX):
            sic, valid = on_grid.read(window)
            if valid.any():
                low, high = min(low, float(sic[valid].min())), max(high, float(sic[valid].max()))
            if low < high or (low == high and not needs_ice_and_water):
                return
        if low > high and self.mask:
            raise SeaIceError(
                f"{self.label} has no SIC where the scene lies, or {self.mask.label} leaves out all"
                " of it; give both for the scene's region, and check their CRS"
            )
        if low > high:
            raise SeaIceError(
                f"{self.label} has no SIC where the scene lies; give the reference of the scene's"
                " region and day, and check the CRS of both"
            )
        raise SeaIceError(
            f"{self.label} has one value only ({low:g} %) where the scene lies; a network needs"
            " water and ice to learn from: choose a scene across the ice edge"
        )

    def share_masked(self, grid: Grid) -> float:
        """Return the share of the SIC that lies on a scene's grid which the mask leaves out."""
        bands = [
            AlignedBand(band, grid, resampling=Resampling.NEAREST)
            for band in (self._unmasked, self._band)
        ]
        before, after = (
            sum(
                int(np.count_nonzero(self._sic(*band.read(window))[1]))
                for window in grid.window.blocks(_BLOCK_PX)
            )
            for band in bands
        )
        return 1 - after / before if before else 0.0

    def log_mask(self, footprint_m: float, grid: Grid, report: Reporter) -> None:
        """Log what the mask leaves out on a scene's grid; warn where its buffer is too small."""
        mask = self.mask
        if mask is None:
            return
        share = f"{100 * self.share_masked(grid):.1f} %"
        report.info(f"{mask.label}: {share} of the reference on the scene is left out")
        if mask.buffer_m is not None and mask.buffer_m < 0.95 * footprint_m:
            report.warning(
                f"{mask.label}: its buffer around land is {mask.buffer_m / 1000:.4g} km, less than"
                f" the reference's footprint of {footprint_m / 1000:.4g} km: values are kept into"
                " which land spills. Make the mask again by Land mask, with this Footprint"
            )

    def _sic(self, values: Floats, valid: Mask) -> tuple[Floats, Mask]:
        if self.is_fraction:
            # 1.0 in float32 must not come out above 100 %
            values = np.where(values <= 1.0001, np.minimum(values, 1), values) * np.float32(100)
        valid = valid & (values >= 0) & (values <= 100)
        return np.where(valid, values, np.float32(np.nan)), valid

    def _recognise(self) -> bool:
        """Say whether the values are fractions; note that and the flags."""
        distinct: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        counts: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        for window in self.own_grid.window.blocks(_BLOCK_PX):
            values, valid = self._band.read(window)
            found, number = np.unique(_rounded(values[valid]), return_counts=True)
            distinct, inverse = np.unique(np.concatenate([distinct, found]), return_inverse=True)
            counts = np.bincount(
                inverse, weights=np.concatenate([counts, number]), minlength=distinct.size
            ).astype(np.int64)
        is_fraction = _are_fractions(distinct)
        limit = 1.0001 if is_fraction else 100.0
        inside = (distinct >= 0) & (distinct <= limit)
        if not inside.any():
            raise SeaIceError(
                f"{self.label}: no value between 0 and 100 %"
                + (f" (values {distinct[0]:g} to {distinct[-1]:g})" if distinct.size else "")
                + "; give a layer of sea-ice concentration"
            )
        if is_fraction:
            self.notes.append(
                f"{self.label}: values {distinct[inside][0]:g} to {distinct[inside][-1]:g} are"
                " taken as fractions and multiplied by 100"
            )
        for flags, where in ((distinct > limit, "above"), (distinct < 0, "below")):
            if flags.any():
                low, high = float(distinct[flags][0]), float(distinct[flags][-1])
                span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
                bound = (f"{limit:.0f}" if where == "above" else "0") + (
                    "" if is_fraction else " %"
                )
                self.notes.append(
                    f"{self.label}: {int(counts[flags].sum())} pixels {where} {bound} ({span}) are"
                    " flags, not SIC, and are left out"
                )
        return is_fraction


class ReferenceOnGrid:
    """A reference read through another grid; it keeps its coarse values."""

    def __init__(
        self,
        reference: Reference,
        band: AlignedBand,
        uncertainty: AlignedBand | None,
        polygons: PolygonsOnGrid | None,
    ) -> None:
        self._reference = reference
        self._band = band
        self._uncertainty = uncertainty
        self._polygons = polygons
        self.grid = band.grid

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return SIC in percent (h, w), NaN where invalid, and the valid mask (h, w)."""
        return self._reference._sic(*self._band.read(window))

    def read_uncertainty(self, window: Window) -> Floats:
        """Return one standard deviation in % SIC (h, w), NaN where it is not known."""
        if self._uncertainty is None:
            return np.full((window.height, window.width), np.nan, np.float32)
        values, valid = self._uncertainty.read(window)
        return np.where(valid & (values >= 0) & (values <= 100), values, np.float32(np.nan))

    def read_polygons(self, window: Window) -> PolygonPixels:
        """Return which polygon each pixel lies in (h, w); the reference has polygons."""
        assert self._polygons is not None
        return self._polygons.read(window)


def _rounded(values: Floats) -> Floats:
    """Return values rounded so far that even a large reference has few distinct ones."""
    sic = (values >= 0) & (values <= 100)
    result: Floats = np.where(sic, np.round(values, 3), np.round(values))
    return result


def _are_fractions(distinct: NDArray[np.float32]) -> bool:
    """Say whether sorted distinct values are SIC as fractions, with or without flags."""
    values = distinct[(distinct >= 0) & (distinct <= 100)]
    if values.size == 0 or values[-1] > _LARGEST_FRACTION_FLAG:
        return False
    below, above = values[values <= 1.0001], values[values > 1.0001]
    if below.size == 0 or below[-1] == 0:
        return False
    return above.size == 0 or (above.size <= _MOST_FLAGS and below.size > above.size)


def _uncertainty_band(band: Band) -> int | None:
    """Return which band holds the uncertainty, by the file's tag or its bands' descriptions."""
    tag = band.tags.get(UNCERTAINTY_BAND_TAG, "")
    if tag.isdigit() and 1 <= int(tag) <= len(band.descriptions):
        return int(tag)
    named = [
        number
        for number, (name, unit) in enumerate(band.descriptions, 1)
        if name.lower().startswith("uncertainty") and unit == "%"
    ]
    return named[0] if len(named) == 1 else None


def _tagged(band: Band) -> float | None:
    try:
        footprint_m = float(band.tags.get(FOOTPRINT_TAG, ""))
    except ValueError:
        return None
    return footprint_m if footprint_m > 0 else None
