"""The page that `evaluate` writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..evaluation import flags
from ..evaluation.accumulator import INCIDENCE_BINS, Subject
from ..evaluation.bins import CHART, PERCENT
from ..evaluation.extent import EDGE_PERCENT
from ..evaluation.intervals import CALIBRATED
from ..evaluation.metrics import ErrorSums
from ..evaluation.result import DISTANCE_BINS, Result
from . import evaluation_figures as figures
from .page import render
from .tables import Value, text

_BEATEN: Final = {True: "beaten beyond chance", False: "beaten within chance", None: "beaten"}


def write_report(path: str, result: Result, subject: Subject) -> None:
    """Write the page."""
    comparison, water_left_out = result.comparison, result.water_left_out
    intervals = comparison.intervals
    by_sic, by_incidence = comparison.grouped(PERCENT), comparison.by_incidence
    render(
        "evaluation.html",
        path,
        subject=subject,
        result=result,
        comparison=comparison,
        notices=notices(result, subject),
        baselines=[
            (
                one.label,
                one.scores.rmse_percent,
                one.prediction.rmse_percent,
                _BEATEN[one.is_surely_beaten] if one.is_beaten else "not beaten",
                one.scores.count,
            )
            for one in result.ranked_baselines
        ],
        maps=figures.maps_of(comparison),
        kinds=[
            (name, int(count), float(area))
            for name, count, area in zip(
                flags.NAMES, comparison.kind_counts, comparison.kind_km2, strict=True
            )
            if count
        ],
        density=figures.density_of(comparison),
        reliability=figures.reliability_of(comparison),
        bars=figures.bars_of(by_sic, PERCENT),
        bins=_rows(by_sic, PERCENT.labels),
        chart_classes=_rows(comparison.grouped(CHART), CHART.labels),
        confusion=figures.confusion_of(comparison.confusion),
        incidence=by_incidence.total().count and figures.bars_of(by_incidence, INCIDENCE_BINS),
        distance=result.by_distance
        and not water_left_out
        and figures.bars_of(result.by_distance, DISTANCE_BINS),
        coverage=intervals.count and figures.coverage_of(intervals),
        coverage_by_sic=[
            *(
                (bin_, cells, 100 * held, width)
                for bin_, cells, held, width in intervals.rows_by_sic()
            ),
            ("all", intervals.count, 100 * (intervals.coverage or 0), intervals.width_percent),
        ],
    )


def _rows(sums: ErrorSums, labels: tuple[str, ...]) -> list[tuple[Value, ...]]:
    """Return label, cells, errors and means of each bin and of all."""
    return [
        (label, s.count, *s.errors_percent, s.reference_mean_percent, s.prediction_mean_percent)
        for label, s in zip((*labels, "all"), (*sums.scores(), sums.total()), strict=True)
    ]


def notices(result: Result, subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield what the analyst should know of a result: text and level, as of a notice."""
    for line in subject.warnings:
        yield f"{line}.", "warning"
    best = result.best_baseline
    if best is None:
        yield "The area is too small, or the footprint too large, for baselines.", "warning"
    else:
        own, other = (text(scores.rmse_percent, 1) for scores in (best.prediction, best.scores))
        if not best.is_beaten:
            yield (
                f"The prediction does not beat a baseline: RMSE {own} %, {best.label} {other} %. On"
                " this scene, that baseline is at least as good.",
                "warning",
            )
        else:
            by_chance = best.is_surely_beaten is False
            doubt = " The difference is within chance on a scene of this size." * by_chance
            yield (
                f"The prediction beats every baseline: RMSE {own} %, the best of them"
                f" ({best.label}) {other} %.{doubt}",
                "warning" if by_chance else "good",
            )
    if result.water_left_out:
        yield (
            f"{subject.reference} gives no SIC below {EDGE_PERCENT:.0f} %: open water has no data,"
            " like land. Ice that the prediction shows on open water is not evaluated, and extent,"
            " ice edge error and edge distance are withheld. To evaluate them, give a mask that is"
            " 0 on land and take cells without data as open water.",
            "warning",
        )
    if result.scores.r2_withheld:
        yield f"R² is withheld: {result.scores.r2_withheld}.", "warning"
    if result.intervals.withheld:
        yield f"Confidence intervals are withheld: {result.intervals.withheld}.", "warning"
    coverage = result.comparison.intervals.coverage
    if coverage is not None and not CALIBRATED[0] <= coverage <= CALIBRATED[1]:
        much = "narrow" if coverage < CALIBRATED[0] else "wide"
        yield (
            f"The uncertainty is not calibrated on this scene: its 90 % interval holds"
            f" {100 * coverage:.0f} % of the cells, so it is too {much}.",
            "warning",
        )
