"""Results: what follows from a comparison once all cells are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .accumulator import Comparison
from .baselines import LABELS, ReferenceSample, cross_fitted
from .bins import Bins
from .bootstrap import Intervals, intervals, is_below
from .extent import EDGE_PERCENT, EdgeDistance, distance_km, edge_distance, places
from .metrics import ErrorSums, Scores
from .polygons import PolygonScores

DISTANCE_BINS = Bins(
    "Distance to the reference's ice edge [km]",
    ("<12.5", "12.5–25", "25–50", "50–100", "100–200", ">200"),
    (12.5, 25.0, 50.0, 100.0, 200.0),
)

_LOWEST_OF_CUT_PRODUCTS = EDGE_PERCENT - 1.0
"""A reference that has no SIC below leaves out open water (Bremen: below 15 %)."""

_FEW_CELLS = 30


@dataclass(frozen=True)
class Baseline:
    """A baseline's error beside the prediction's on the same cells.

    Attributes:
        name: As in `baselines.LABELS`.
        scores: Of the baseline.
        prediction: Of the prediction on the same cells.
        is_surely_beaten: Whether the prediction's error is lower beyond chance; None where too
            few blocks show.
    """

    name: str
    scores: Scores
    prediction: Scores
    is_surely_beaten: bool | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return LABELS[self.name]

    @property
    def is_beaten(self) -> bool:
        """Whether the prediction's RMSE is lower."""
        own, other = self.prediction.rmse_percent, self.scores.rmse_percent
        return own is not None and other is not None and own < other


@dataclass(frozen=True)
class Result:
    """A finished comparison.

    Attributes:
        scores: Of all cells.
        baselines: Those of the reference and of backscatter.
        edge: How far apart the ice edges are; None where one is missing.
        by_distance: Errors by distance to the reference's edge; None without an edge.
        water_left_out: Whether the reference gives no value to open water, so that false ice is
            not evaluated.
        polygons: Errors by the polygons of a chart; None for other references.
    """

    comparison: Comparison
    scores: Scores
    intervals: Intervals
    baselines: tuple[Baseline, ...]
    edge: EdgeDistance | None
    by_distance: ErrorSums | None
    water_left_out: bool
    polygons: PolygonScores | None = None

    @property
    def best_baseline(self) -> Baseline | None:
        """The baseline with the lowest error; None where there is none."""
        return self.ranked_baselines[0] if self.baselines else None

    @property
    def ranked_baselines(self) -> list[Baseline]:
        """The baselines, the best one first."""
        found = [(one.scores.rmse_percent, one) for one in self.baselines]
        return [one for _, one in sorted(found, key=lambda f: math.inf if f[0] is None else f[0])]


def conclude(
    comparison: Comparison,
    footprint_m: float,
    seed: int,
    step: Callable[[float], None] = lambda fraction: None,
) -> Result:
    """Return what follows from a comparison.

    Args:
        comparison: All cells, at least one of them compared.
        footprint_m: The reference's footprint: the gap between the halves that baselines are
            fitted to and compared on.
        seed: Of the bootstrap.
        step: Receives the share of the work that is done, 0-1.
    """
    cells, predicted = comparison.sample()
    ranges = intervals(comparison.overview, seed=seed)
    step(0.3)
    fitted = _baselines(comparison, cells, predicted, footprint_m, ranges)
    step(0.6)
    edge, reference_edge = comparison.edges()
    by_distance = None
    if len(reference_edge):
        by_distance = ErrorSums(len(DISTANCE_BINS))
        km = distance_km(places(comparison.grid, cells.row, cells.col), reference_edge)
        by_distance.add(predicted, cells.sic, DISTANCE_BINS.index(km))
    step(1.0)
    return Result(
        comparison=comparison,
        scores=comparison.by_reference.total(),
        intervals=ranges,
        baselines=fitted,
        edge=edge_distance(edge, reference_edge),
        by_distance=by_distance,
        water_left_out=comparison.lowest_reference >= _LOWEST_OF_CUT_PRODUCTS,
        polygons=comparison.polygons.result(),
    )


def _baselines(
    comparison: Comparison,
    cells: ReferenceSample,
    predicted: NDArray[np.float32],
    footprint_m: float,
    ranges: Intervals,
) -> tuple[Baseline, ...]:
    if cells.features is not None:
        known = np.asarray(np.isfinite(cells.features).all(axis=1))
        if known.sum() < _FEW_CELLS:
            cells = replace(cells, features=None)
        else:
            cells, predicted = cells.part(known), predicted[known]
    # the blocks of the intervals, whose side counts pixels of the overview
    height, width = comparison.grid.shape
    side = ranges.block_px * comparison.factor
    down, across = (max(1, math.floor(n / side + 1e-9)) for n in (height, width))
    block = cells.row * down // height * across + cells.col * across // width
    error = predicted.astype(np.float64) - cells.sic
    result = []
    fitted = cross_fitted(cells, comparison.grid.pixel_size_m, footprint_m)
    for name, values in fitted.items():
        known = np.isfinite(values)
        own, other = error[known], (values - cells.sic)[known]
        is_surely_beaten = None if ranges.withheld else is_below(own, other, block[known])
        scores, prediction = (_scores(sic[known], cells.sic[known]) for sic in (values, predicted))
        result.append(Baseline(name, scores, prediction, is_surely_beaten))
    return tuple(result)


def _scores(predicted: np.ndarray, reference: np.ndarray) -> Scores:
    sums = ErrorSums()
    sums.add(predicted, reference)
    return sums.total()
