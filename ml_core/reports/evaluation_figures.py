"""The figures of the report of `evaluate`."""

from __future__ import annotations

import numpy as np

from ..evaluation import flags
from ..evaluation.accumulator import Comparison
from ..evaluation.bins import PERCENT, TENTHS, Bins
from ..evaluation.intervals import LEVEL, IntervalSums
from ..evaluation.metrics import Confusion, ErrorSums
from . import charts, colours, maps
from .charts import Series
from .figures import Picture


def maps_of(comparison: Comparison) -> Picture:
    """Draw reference, prediction, difference and what each cell is."""
    error, reference = comparison.overview_means()
    limit = float(np.nanquantile(np.abs(error), 0.98)) if np.isfinite(error).any() else 1.0
    limit = max(5.0, np.ceil(limit / 5) * 5)
    kinds = comparison.kinds_overview()
    shown = [kind for kind in range(len(flags.NAMES)) if (kinds == kind).any()]
    numbered = np.full(kinds.shape, np.nan)
    for number, kind in enumerate(shown):
        numbered[kinds == kind] = number
    classes = tuple((flags.NAMES[kind], flags.COLOURS[kind]) for kind in shown)
    height_m, width_m = comparison.grid.pixel_size_m
    return maps.maps(
        [
            maps.Panel(reference, "Reference", colours.sic()),
            maps.Panel(reference + error, "Prediction, averaged", colours.sic()),
            maps.Panel(error, "Prediction minus reference", colours.difference(float(limit))),
            maps.Panel(numbered, "Cells", colours.categories("", classes), classes),
        ],
        (height_m * comparison.factor, width_m * comparison.factor),
        columns=2,
    )


def density_of(comparison: Comparison) -> Picture:
    """Draw how often which prediction meets which reference, and the mean prediction of each."""
    known = [item for item in comparison.grouped(PERCENT).scores() if item.count]
    return charts.density(
        comparison.density.counts,
        comparison.density.edges,
        x_label="Reference [% SIC]",
        y_label="Prediction [% SIC]",
        means=Series(
            "mean prediction",
            _numbers([item.reference_mean_percent for item in known]),
            _numbers([item.prediction_mean_percent for item in known]),
        ),
    )


def reliability_of(comparison: Comparison) -> Picture:
    """Draw the mean reference for each predicted SIC."""
    known = [item for item in comparison.by_prediction.scores() if item.count]
    means = Series(
        "mean reference",
        _numbers([item.prediction_mean_percent for item in known]),
        _numbers([item.reference_mean_percent for item in known]),
        marker="o",
    )
    return charts.curves(
        [means],
        x_label="Predicted SIC [%]",
        y_label="Mean reference [% SIC]",
        square=(0, 100),
    )


def bars_of(sums: ErrorSums, bins: Bins) -> Picture:
    """Draw RMSE and bias for each bin that has cells."""
    labels, scores = zip(
        *((label, s) for label, s in zip(bins.labels, sums.scores(), strict=True) if s.count),
        strict=True,
    )
    places = range(len(labels))
    return charts.bars(
        labels,
        [
            Series("RMSE", places, _numbers([s.rmse_percent for s in scores])),
            Series("bias", places, _numbers([s.bias_percent for s in scores])),
        ],
        x_label=bins.name,
        y_label="% SIC",
        counts=[s.count for s in scores],
    )


def confusion_of(confusion: Confusion) -> Picture:
    """Draw which tenth is predicted for each tenth of the reference."""
    counts = confusion.counts.astype(float)
    total = counts.sum(axis=1, keepdims=True)
    return charts.matrix(
        np.where(total > 0, counts / np.maximum(total, 1), np.nan),
        TENTHS.labels,
        x_label="Prediction [tenths]",
        y_label="Reference [tenths]",
    )


def coverage_of(intervals: IntervalSums) -> Picture:
    """Draw the share of cells that intervals of like width hold."""
    rows = intervals.rows_by_width()
    half, held = [row[3] / 2 for row in rows], [100 * row[2] for row in rows]
    return charts.curves(
        [
            Series("cells of like half-width", half, held, marker="o"),
            Series("as it should be", half, [100 * LEVEL] * len(half)),
        ],
        x_label="Half-width of the 90 % interval [% SIC]",
        y_label="Cells within it [%]",
    )


def _numbers(values: list[float | None]) -> np.ndarray:
    """Return values (N,), NaN where there is none."""
    return np.array(values, float)
