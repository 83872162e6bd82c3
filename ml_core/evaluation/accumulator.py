"""Sums over the cells of a prediction and a reference, added while they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Grid, Window
from ..raster.polygon_bands import PolygonPixels
from .baselines import ReferenceSample
from .bins import CHART, PERCENT, TENTHS, Bins
from .extent import IceSums, edge_cells, edge_places, is_ice
from .flags import COMPARED, NAMES, NO_PREDICTION
from .intervals import IntervalSums
from .metrics import Confusion, Density, ErrorSums
from .polygons import PolygonComparison

OVERVIEW_PX = 512
"""Rows and columns of the overview at most."""

_MOST_SAMPLED = 250_000

_STRIP_CELLS = 1_000_000
"""Edges are looked for in strips of so many cells, to need little memory."""

INCIDENCE_BINS = Bins(
    "Incidence angle [deg]",
    ("<20", *(f"{low}–{low + 2}" for low in range(20, 46, 2)), ">46"),
    tuple(float(low) for low in range(20, 48, 2)),
)

_ALL_STARTS = tuple(sorted({*PERCENT.starts, *TENTHS.starts, *CHART.starts}))

_Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Subject:
    """What a comparison is about.

    Attributes:
        prediction: Name of the layer.
        reference: Name of the layer.
        footprint_m: Of the reference.
        is_gaussian: Whether the prediction was averaged over a Gaussian footprint; else over cells.
        notes: What was recognised in the layers.
        warnings: What makes the comparison doubtful.
        tags: The prediction file's tags on its provenance.
        has_features: Whether HH and HV were given.
        nodata_is_water: Whether reference cells without data count as open water.
    """

    prediction: str
    reference: str
    prediction_grid: Grid
    reference_grid: Grid
    footprint_m: float
    is_gaussian: bool
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    has_features: bool = False
    nodata_is_water: bool = False


@dataclass(frozen=True)
class Block:
    """What is known of a window of the reference's grid, (h, w) each.

    Attributes:
        predicted: SIC in percent, averaged over the cells; NaN where there is none.
        reference: SIC in percent; NaN where there is none.
        kinds: What each cell is, as in `flags`.
        area_km2: True areas.
        interval: Lower and upper bound of the stated 90 % interval in percent, or None.
        incidence_deg: Incidence angle, or None.
        features_db: Footprint means of HH and HV, or none.
        polygons: Of a chart, which polygon each cell lies in, or None.
    """

    window: Window
    predicted: _Floats
    reference: _Floats
    kinds: NDArray[np.uint8]
    area_km2: NDArray[np.float64]
    interval: tuple[_Floats, _Floats] | None = None
    incidence_deg: _Floats | None = None
    features_db: Sequence[_Floats] = ()
    polygons: PolygonPixels | None = None


@dataclass
class Comparison:
    """Sums over the cells of a reference's grid, added window by window.

    Attributes:
        by_reference: Errors by the reference's SIC, in bins that all others are made of.
        by_prediction: Errors by the predicted SIC, in percent bins.
        by_incidence: Errors by incidence angle; without cells where it is not given.
        confusion: Tenths.
        density: Cells by reference and prediction.
        ice: Extent, area and edge errors.
        intervals: References against the stated 90 % interval.
        overview: Errors in the pixels of a smaller raster (6, height, width).
        kind_counts: Cells of each kind.
        kind_km2: Their area.
        polygons: Of a chart, sums over polygons.
        lowest_reference: The lowest SIC of the reference.
        highest_reference: The highest.
        highest_prediction: The highest SIC of the prediction.
    """

    grid: Grid
    by_reference: ErrorSums = field(default_factory=lambda: ErrorSums(len(_ALL_STARTS) + 1))
    by_prediction: ErrorSums = field(default_factory=lambda: ErrorSums(len(PERCENT)))
    by_incidence: ErrorSums = field(default_factory=lambda: ErrorSums(len(INCIDENCE_BINS)))
    confusion: Confusion = field(default_factory=lambda: Confusion(len(TENTHS)))
    density: Density = field(default_factory=lambda: Density(np.linspace(0, 100, 51)))
    ice: IceSums = field(default_factory=IceSums)
    intervals: IntervalSums = field(default_factory=IntervalSums)
    polygons: PolygonComparison = field(default_factory=PolygonComparison)
    lowest_reference: float = np.inf
    highest_reference: float = -np.inf
    highest_prediction: float = -np.inf

    def __post_init__(self) -> None:
        """Make room for what depends on the grid's size."""
        height, width = self.grid.shape
        self.factor = max(1, -(-max(height, width) // OVERVIEW_PX))
        self._overview_shape = -(-height // self.factor), -(-width // self.factor)
        self._overview = ErrorSums(self._overview_shape[0] * self._overview_shape[1])
        self.kind_counts: NDArray[np.int64] = np.zeros(len(NAMES), np.int64)
        self.kind_km2: NDArray[np.float64] = np.zeros(len(NAMES))
        # kind of each cell, and twice a bit: ice in the prediction, ice in the reference
        self._cells: NDArray[np.uint8] = np.full(self.grid.shape, 255, np.uint8)
        self._stride = max(1, int(np.ceil(np.sqrt(height * width / _MOST_SAMPLED))))
        self._sampled: list[tuple[NDArray[Any], ...]] = []  # of several types

    @property
    def overview(self) -> NDArray[np.float64]:
        """Sums in the pixels of a smaller raster, (6, height, width)."""
        return self._overview.sums.reshape(6, *self._overview_shape)

    def overview_means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean error and mean reference in the pixels of that raster, (height, width)."""
        error, reference = self._overview.means()
        return error.reshape(self._overview_shape), reference.reshape(self._overview_shape)

    def add(self, block: Block) -> None:
        """Add a window; windows do not overlap."""
        kinds = block.kinds
        self.kind_counts += np.bincount(kinds.ravel(), minlength=len(NAMES))
        self.kind_km2 += np.bincount(kinds.ravel(), block.area_km2.ravel(), minlength=len(NAMES))
        here = kinds == COMPARED
        if block.polygons is not None:
            sic = np.where(here | (kinds == NO_PREDICTION), block.reference, np.float32(np.nan))
            self.polygons.add(block.window, block.polygons, sic, block.predicted)
        ice = [here & is_ice(sic) for sic in (block.predicted, block.reference)]
        self._cells[block.window.slices] = kinds * 4 + ice[0] * 2 + ice[1]
        if not here.any():
            return
        predicted, reference = block.predicted[here], block.reference[here]
        self.by_reference.add(predicted, reference, np.digitize(reference, _ALL_STARTS))
        self.by_prediction.add(predicted, reference, PERCENT.index(predicted))
        self.confusion.add(TENTHS.index(predicted), TENTHS.index(reference))
        self.density.add(predicted, reference)
        self.ice.add(predicted, reference, block.area_km2[here])
        rows, cols = np.nonzero(here)
        rows, cols = rows + block.window.row, cols + block.window.col
        pixel = rows // self.factor * self._overview_shape[1] + cols // self.factor
        self._overview.add(predicted, reference, pixel)
        self.lowest_reference = min(self.lowest_reference, float(reference.min()))
        self.highest_prediction = max(self.highest_prediction, float(predicted.max()))
        self.highest_reference = max(self.highest_reference, float(reference.max()))
        if block.interval is not None:
            lower, upper = (bound[here] for bound in block.interval)
            known = np.isfinite(lower) & np.isfinite(upper)
            self.intervals.add(lower[known], upper[known], reference[known])
        if block.incidence_deg is not None:
            known = np.isfinite(block.incidence_deg[here])
            angles = INCIDENCE_BINS.index(block.incidence_deg[here][known])
            self.by_incidence.add(predicted[known], reference[known], angles)
        chosen = (rows % self._stride == 0) & (cols % self._stride == 0)
        more = tuple(values[here][chosen] for values in block.features_db)
        self._sampled.append(
            (rows[chosen], cols[chosen], predicted[chosen], reference[chosen], *more)
        )

    def grouped(self, bins: Bins) -> ErrorSums:
        """Return the errors by the reference's SIC in PERCENT, TENTHS or CHART bins."""
        middles = np.array([-np.inf, *_ALL_STARTS])  # the lowest SIC of each fine bin
        sums = ErrorSums(len(bins))
        np.add.at(sums.sums.T, bins.index(middles), self.by_reference.sums.T)
        return sums

    def sample(self) -> tuple[ReferenceSample, NDArray[np.float32]]:
        """Return compared cells, evenly thinned to some 250 000, and their predicted SIC (N,)."""
        row, col, predicted, reference, *features = (
            np.concatenate(columns) for columns in zip(*self._sampled, strict=True)
        )
        known = np.column_stack(features).astype(np.float32) if features else None
        return ReferenceSample(row, col, reference, known), predicted

    def check(self, subject: Subject) -> None:
        """Check that something was compared, and that it was SIC in percent.

        Raises:
            SeaIceError: No cell has both a prediction and a reference, or the prediction is a
                fraction.
        """
        counts = self.kind_counts
        if not counts[COMPARED]:
            found = ", ".join(
                f"{int(count)} {name}"
                for name, count in zip(NAMES[1:], counts[1:], strict=True)
                if count
            )
            raise SeaIceError(
                f"no cell of {subject.reference} has a SIC where {subject.prediction} has one"
                f" ({found}); check that both are of the same place and day, and their nodata"
                " values"
            )
        highest = self.highest_prediction
        if highest <= 1.0 and self.highest_reference > 10.0 and not subject.tags:
            raise SeaIceError(
                f"{subject.prediction}: no value above {highest:g}, percent expected; if these are"
                " fractions, multiply them by 100 (raster calculator)"
            )

    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the ice edges of prediction and reference lie, (N, 3) each, as `places`."""
        predicted, reference = (edge_places(self.grid, self._edge_cells(bit)) for bit in (2, 1))
        return predicted, reference

    def _edge_cells(self, bit: int) -> Iterator[NDArray[np.integer]]:
        """Yield rows and columns of an edge's cells, (N, 2) for each strip of the grid."""
        height, width = self.grid.shape
        strip = max(1, _STRIP_CELLS // width)
        for row in range(0, height, strip):
            first = max(0, row - 1)  # a cell's neighbours count
            cells = self._cells[first : row + strip + 1]
            edge = edge_cells(cells & bit > 0, cells // 4 == COMPARED)[row - first :][:strip]
            yield np.argwhere(edge) + np.array([row, 0])

    def kinds_overview(self) -> NDArray[np.float32]:
        """Return the kind of one cell in each pixel of the overview; NaN where none was added."""
        half = self.factor // 2
        cells = self._cells[half :: self.factor, half :: self.factor]
        return np.where(cells == 255, np.nan, cells // 4).astype(np.float32)
