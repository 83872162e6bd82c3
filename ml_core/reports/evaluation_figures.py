"""The figures of the report of `evaluate`."""

from __future__ import annotations

import numpy as np

from ..evaluation import flags
from ..evaluation.accumulator import Comparison
from ..evaluation.bins import PERCENT, TENTHS, Bins
from ..evaluation.metrics import Confusion, ErrorSums
from ..evaluation.spread import SpreadSums
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
    scale = "; each pixel is the mean of some cells" if comparison.factor > 1 else ""
    return maps.maps(
        [
            maps.Panel(reference, "Reference", colours.sic()),
            maps.Panel(reference + error, "Prediction, averaged", colours.sic()),
            maps.Panel(error, "Prediction minus reference", colours.difference(float(limit))),
            maps.Panel(numbered, "Cells", colours.categories("", classes), classes),
        ],
        (height_m * comparison.factor, width_m * comparison.factor),
        alt="Maps of the reference, the prediction, their difference, and which cells count",
        caption=f"On the reference's grid{scale}. SIC in the colours of ice charts"
        " (WMO/TD-No. 1215); grey: not compared.",
        columns=2,
    )


def density_of(comparison: Comparison) -> Picture:
    """Draw how often which prediction meets which reference."""
    scores = comparison.grouped(PERCENT).scores()
    known = [item for item in scores if item.count]
    return charts.density(
        comparison.density.counts,
        comparison.density.edges,
        comparison.density.edges,
        x_label="Reference [% SIC]",
        y_label="Prediction [% SIC]",
        alt="Number of cells by reference and prediction",
        caption="Number of cells by reference and prediction, and the mean prediction in each bin"
        " of the reference.",
        means=Series(
            "mean prediction",
            [_number(item.reference_mean_percent) for item in known],
            [_number(item.prediction_mean_percent) for item in known],
        ),
    )


def reliability_of(comparison: Comparison) -> Picture:
    """Draw the mean reference for each predicted SIC."""
    known = [item for item in comparison.by_prediction.scores() if item.count]
    return charts.curves(
        [
            Series(
                "mean reference",
                [_number(item.prediction_mean_percent) for item in known],
                [_number(item.reference_mean_percent) for item in known],
                marker="o",
            )
        ],
        x_label="Predicted SIC [%]",
        y_label="Mean reference [% SIC]",
        alt="Mean reference for each predicted SIC",
        caption="Reliability: what the reference is on average where a SIC is predicted. On the"
        " dashed line a predicted 60 % means 60 %.",
        diagonal=True,
        square=True,
        x_limits=(0, 100),
        y_limits=(0, 100),
    )


def bars_of(sums: ErrorSums, bins: Bins, *, by: str) -> Picture:
    """Draw RMSE and bias for each bin that has cells."""
    kept = [
        (label, scores)
        for label, scores in zip(bins.labels, sums.scores(), strict=True)
        if scores.count
    ]
    positions = range(len(kept))
    return charts.bars(
        [label for label, _ in kept],
        [
            Series("RMSE", positions, [_number(scores.rmse_percent) for _, scores in kept]),
            Series("bias", positions, [_number(scores.bias_percent) for _, scores in kept]),
        ],
        x_label=bins.name,
        y_label="% SIC",
        counts=[scores.count for _, scores in kept],
        alt=f"RMSE and bias by {by}",
        caption=f"RMSE and bias by {by}; n: cells.",
    )


def confusion_of(confusion: Confusion) -> Picture:
    """Draw which tenth is predicted for each tenth of the reference."""
    counts = confusion.counts.astype(float)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, counts / np.maximum(total, 1), np.nan)
    return charts.matrix(
        shares,
        TENTHS.labels,
        x_label="Prediction [tenths]",
        y_label="Reference [tenths]",
        alt="Share of predicted tenths for each tenth of the reference",
        caption="For each tenth of the reference (row): the percentage of its cells that are"
        " predicted as each tenth.",
    )


def spread_of(spread: SpreadSums) -> list[Picture]:
    """Draw error against stated spread, and coverage of intervals."""
    skill = spread.skill()
    top = max(max(row[2], row[3]) for row in skill) * 1.1 + 1
    levels = np.linspace(0.05, 0.99, 48)
    held = [spread.coverage(float(level)) for level in levels]
    return [
        charts.curves(
            [
                Series(
                    "cells of like uncertainty",
                    [row[2] for row in skill],
                    [row[3] for row in skill],
                    marker="o",
                )
            ],
            x_label="Stated uncertainty, standard deviation [% SIC]",
            y_label="RMSE [% SIC]",
            alt="RMSE against stated uncertainty",
            caption="Spread and skill: on the dashed line errors are as large as stated.",
            diagonal=True,
            square=True,
            x_limits=(0, top),
            y_limits=(0, top),
        ),
        charts.curves(
            [Series("observed", 100 * levels, [100 * _number(share) for share in held])],
            x_label="Nominal interval [%]",
            y_label="Cells within it [%]",
            alt="Coverage of intervals",
            caption="Coverage: share of cells whose reference lies within the interval.",
            diagonal=True,
            square=True,
            x_limits=(0, 100),
            y_limits=(0, 100),
        ),
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
