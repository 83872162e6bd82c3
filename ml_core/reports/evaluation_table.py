"""All numbers of `evaluate`: the job's output numbers, and a table of them as CSV."""

from __future__ import annotations

from ..evaluation import flags
from ..evaluation.accumulator import INCIDENCE_BINS
from ..evaluation.bins import CHART, PERCENT, TENTHS
from ..evaluation.metrics import ErrorSums, Scores
from ..evaluation.result import DISTANCE_BINS, Result
from .tables import Value, write_csv

_UNITS = {
    "EDGE_DISTANCE": "km",
    "WITHIN_ONE_TENTH": "",
    "COVERAGE_90": "",
    "INTERVAL_WIDTH": "percent",
    "INTERVAL_SCORE": "percent",
}


def numbers(result: Result) -> dict[str, float]:
    """Return the job's output numbers; what is undefined or withheld is absent."""
    scores, ice = result.scores, result.comparison.ice
    best = result.best_baseline
    low, high = result.intervals.ranges.get("rmse_percent", (None, None))
    found: dict[str, float | None] = {
        "RMSE": scores.rmse_percent,
        "RMSE_LOW": low,
        "RMSE_HIGH": high,
        "MAE": scores.mae_percent,
        "BIAS": scores.bias_percent,
        "R2": scores.r2,
        "COUNT": float(scores.count),
        "BASELINE_RMSE": best.scores.rmse_percent if best else None,
        "WITHIN_ONE_TENTH": result.comparison.confusion.within(1),
        "COVERAGE_90": result.comparison.intervals.coverage,
        "INTERVAL_WIDTH": result.comparison.intervals.width_percent,
        "INTERVAL_SCORE": result.comparison.intervals.score_percent,
    }
    if result.polygons:
        by_polygon = result.polygons.scores
        found |= {"POLYGON_RMSE": by_polygon.rmse_percent, "POLYGONS": float(by_polygon.count)}
    if not result.water_left_out:
        found |= {
            "EXTENT_PREDICTION": ice.extent_km2[0],
            "EXTENT_REFERENCE": ice.extent_km2[1],
            "AREA_PREDICTION": ice.area_km2[0],
            "AREA_REFERENCE": ice.area_km2[1],
            "IIEE": ice.iiee_km2,
            "IIEE_OVER": ice.over_km2,
            "IIEE_UNDER": ice.under_km2,
            "EDGE_DISTANCE": result.edge.mean_km if result.edge else None,
        }
    return {name: float(value) for name, value in found.items() if value is not None}


def write_table(path: str, result: Result) -> None:
    """Write all numbers as CSV: one a line, with its section, item, unit and 95 % interval."""
    rows: list[list[Value]] = []

    def add(section: str, item: str, scores: Scores) -> None:
        rows.append([section, item, "count", "", scores.count, None, None, ""])
        if not scores.count:
            return
        for name in ("rmse", "mae", "bias", "reference_mean", "reference_std"):
            low, high = (None, None)
            if section == "all":
                low, high = result.intervals.ranges.get(f"{name}_percent", (None, None))
            value = getattr(scores, f"{name}_percent")
            rows.append([section, item, name, "percent", value, low, high, ""])
        rows.append([section, item, "r2", "", scores.r2, None, None, scores.r2_withheld])

    add("all", "", result.scores)
    for baseline in result.baselines:
        add("baseline", baseline.name, baseline.scores)
        add("prediction on the cells of the baseline", baseline.name, baseline.prediction)
    if result.polygons:
        add("polygons, by area", "", result.polygons.scores)
    for section, labels, sums in _groups(result):
        for label, scores in zip(labels, sums.scores(), strict=True):
            add(section, label, scores)
    for name, value in numbers(result).items():
        if name.startswith(("EXTENT", "AREA", "IIEE")):
            rows.append(["ice", "", name.lower(), "km2", value, None, None, ""])
        elif name in _UNITS:
            rows.append(["ice", "", name.lower(), _UNITS[name], value, None, None, ""])
    comparison = result.comparison
    for kind, name in enumerate(flags.NAMES):
        count, area = int(comparison.kind_counts[kind]), float(comparison.kind_km2[kind])
        rows.append(["cells", name, "count", "", count, None, None, ""])
        rows.append(["cells", name, "area", "km2", area, None, None, ""])
    for row, label in enumerate(TENTHS.labels):
        for col, other in enumerate(TENTHS.labels):
            count = int(comparison.confusion.counts[row, col])
            item = f"reference {label}, prediction {other}"
            rows.append(["tenths", item, "count", "", count, None, None, ""])
    heads = ("section", "item", "quantity", "unit", "value", "low95", "high95", "note")
    write_csv(path, [dict(zip(heads, row, strict=True)) for row in rows])


def _groups(result: Result) -> list[tuple[str, tuple[str, ...], ErrorSums]]:
    comparison = result.comparison
    groups = [
        ("reference bin", PERCENT.labels, comparison.grouped(PERCENT)),
        ("chart class", CHART.labels, comparison.grouped(CHART)),
        ("prediction bin", PERCENT.labels, comparison.by_prediction),
    ]
    if comparison.by_incidence.total().count:
        groups.append(("incidence angle", INCIDENCE_BINS.labels, comparison.by_incidence))
    if result.by_distance:
        groups.append(("distance to edge", DISTANCE_BINS.labels, result.by_distance))
    return groups
