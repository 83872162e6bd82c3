"""The page that `evaluate` writes."""

from __future__ import annotations

from ..evaluation import flags
from ..evaluation.accumulator import INCIDENCE_BINS, Subject
from ..evaluation.bins import CHART, PERCENT
from ..evaluation.metrics import ErrorSums
from ..evaluation.result import DISTANCE_BINS, Baseline, Result
from ..evaluation.spread import CALIBRATED
from ..raster.grid import Grid
from . import evaluation_figures as figures
from .errors import error_columns, error_values
from .page import render
from .tables import Column, Table, Value, text

_NUMBER = (
    Column("Quantity"),
    Column("Unit"),
    Column("Prediction", decimals=0),
    Column("Reference", decimals=0),
    Column("Difference", decimals=0),
)


def write_report(path: str, result: Result, subject: Subject) -> None:
    """Write the page."""
    comparison = result.comparison
    spread = comparison.spread if comparison.spread.count else None
    render(
        "evaluation.html",
        path,
        subject=subject,
        result=result,
        tiles=_tiles(result, subject),
        notices=notices(result, subject),
        baselines=_baseline_table(result),
        maps=figures.maps_of(comparison),
        kinds=_kinds_table(result),
        density=figures.density_of(comparison),
        reliability=figures.reliability_of(comparison),
        bars=figures.bars_of(comparison.grouped(PERCENT), PERCENT, by="reference SIC"),
        bins=_bins_table(comparison.grouped(PERCENT), PERCENT.labels, PERCENT.name),
        chart_classes=_bins_table(comparison.grouped(CHART), CHART.labels, CHART.name),
        confusion=figures.confusion_of(comparison.confusion),
        within=_within(result),
        ice=None if result.water_left_out else _ice_table(result),
        edge=None if result.water_left_out else _edge_facts(result),
        incidence=figures.bars_of(comparison.by_incidence, INCIDENCE_BINS, by="incidence angle")
        if comparison.by_incidence.total().count
        else None,
        distance=figures.bars_of(result.by_distance, DISTANCE_BINS, by="distance to the ice edge")
        if result.by_distance and not result.water_left_out
        else None,
        spread=None if spread is None else figures.spread_of(spread),
        spread_table=None if spread is None else _spread_table(result),
        facts=_facts(result, subject),
    )


def _tiles(result: Result, subject: Subject) -> list[tuple[str, str, str, str]]:
    scores = result.scores
    tiles = []
    for name, label, value in (
        ("rmse_percent", "RMSE", scores.rmse_percent),
        ("mae_percent", "Mean absolute error", scores.mae_percent),
        ("bias_percent", "Bias (prediction − reference)", scores.bias_percent),
    ):
        low, high = result.intervals.ranges.get(name, (None, None))
        detail = "" if low is None else f"95 % interval {text(low, 1)} to {text(high, 1)}"
        tiles.append((label, text(value, 1), "% SIC", detail))
    detail = (
        "withheld, see below"
        if scores.r2 is None
        else f"reference varies by {text(scores.reference_std_percent, 1)} % (std)"
    )
    tiles.append(("R²", text(scores.r2, 2), "", detail))
    tiles.append(("Reference cells", text(scores.count), "", _independent(result, subject)))
    return tiles


def _independent(result: Result, subject: Subject) -> str:
    footprints = result.comparison.ice.compared_km2 / (subject.footprint_m / 1000) ** 2
    return f"some {text(round(footprints))} footprints, {result.intervals.blocks} blocks"


def notices(result: Result, subject: Subject) -> list[tuple[str, str]]:
    """Return what the analyst should know of a result: text and level, as of a notice."""
    found = []
    best = result.best_baseline
    if best is None:
        found.append(
            ("The area is too small, or the footprint too large, for baselines.", "warning")
        )
    else:
        own, other = (text(scores.rmse_percent, 1) for scores in (best.prediction, best.scores))
        if best.is_beaten:
            sure = best.is_surely_beaten
            found.append(
                (
                    f"The prediction beats every baseline: RMSE {own} %, the best of them"
                    f" ({best.label}) {other} %."
                    + (
                        " The difference is within chance on a scene of this size."
                        if sure is False
                        else ""
                    ),
                    "warning" if sure is False else "good",
                )
            )
        else:
            found.append(
                (
                    f"The prediction does not beat a baseline: RMSE {own} %, {best.label} {other}"
                    " %. On this scene it is worth no more than that.",
                    "warning",
                )
            )
    if result.water_left_out:
        found.append(
            (
                f"{subject.reference} gives no SIC below 15 %: open water has no data, like land."
                " Ice that the prediction shows on open water is not evaluated, and extent, ice"
                " edge error and edge distance are withheld. To evaluate them, give a mask that is"
                " 0 on land and take cells without data as open water.",
                "warning",
            )
        )
    if result.scores.r2_withheld:
        found.append((f"R² is withheld: {result.scores.r2_withheld}.", "warning"))
    if result.intervals.withheld:
        found.append(
            (f"Confidence intervals are withheld: {result.intervals.withheld}.", "warning")
        )
    coverage = result.comparison.spread.coverage(0.9)
    if coverage is not None and not CALIBRATED[0] <= coverage <= CALIBRATED[1]:
        much = "small" if coverage < CALIBRATED[0] else "large"
        found.append(
            (
                f"The uncertainty is not calibrated on this scene: its 90 % interval holds"
                f" {100 * coverage:.0f} % of the cells, so it is too {much}.",
                "warning",
            )
        )
    return found


def _baseline_table(result: Result) -> Table:
    rows: list[list[Value]] = [
        [
            one.label,
            one.scores.rmse_percent,
            one.prediction.rmse_percent,
            _beaten(one),
            one.scores.count,
        ]
        for one in result.ranked_baselines
    ]
    return Table(
        [
            Column("Baseline"),
            Column("its RMSE", "% SIC", 1),
            Column("RMSE of the prediction", "% SIC", 1),
            Column("The prediction"),
            Column("Cells"),
        ],
        rows,
        note=(
            "The area is halved; each half is predicted from the reference of the other, with a"
            " gap of one footprint between them, along rows or columns, whichever is kinder to the"
            " baseline. The baselines so know the reference of this very scene, which a network"
            " may not; the mean is that of the reference itself. Beyond chance: squared errors,"
            " paired cell by cell and summed over blocks as large as the error's autocorrelation,"
            " differ at 95 %; not stated under 20 blocks."
        ),
    )


def _beaten(baseline: Baseline) -> str:
    if not baseline.is_beaten:
        return "not beaten"
    words = {True: "beaten beyond chance", False: "beaten within chance", None: "beaten"}
    return words[baseline.is_surely_beaten]


def _bins_table(sums: ErrorSums, labels: tuple[str, ...], name: str) -> Table:
    rows: list[list[Value]] = [
        [
            label,
            scores.count,
            *error_values(scores),
            scores.reference_mean_percent,
            scores.prediction_mean_percent,
        ]
        for label, scores in zip((*labels, "all"), (*sums.scores(), sums.total()), strict=True)
    ]
    return Table(
        [
            Column(name),
            Column("Cells"),
            *error_columns(1),
            Column("Mean reference", "% SIC", 1),
            Column("Mean prediction", "% SIC", 1),
        ],
        rows,
        strong=frozenset({len(rows) - 1}),
    )


def _within(result: Result) -> list[tuple[str, str]]:
    confusion = result.comparison.confusion
    return [
        (label, "–" if share is None else f"{100 * share:.1f} % of the cells")
        for label, share in (
            ("Same tenth", confusion.within(0)),
            ("Within one tenth", confusion.within(1)),
            ("Within two tenths", confusion.within(2)),
        )
    ]


def _ice_table(result: Result) -> Table:
    ice = result.comparison.ice
    rows: list[list[Value]] = []
    for label, (predicted, reference) in (
        ("Sea-ice extent: area of cells with 15 % or more", ice.extent_km2),
        ("Sea-ice area: those cells times their SIC", ice.area_km2),
        ("Area that cells below 15 % would add", ice.open_area_km2),
    ):
        rows.append([label, "km²", predicted, reference, predicted - reference])
    return Table(
        _NUMBER,
        rows,
        note=(
            f"True areas of the {ice.compared_km2:,.0f} km² where both have a value. Cells below"
            " 15 % count neither for extent nor for area."
        ).replace(",", "\u202f"),
    )


def _edge_facts(result: Result) -> list[tuple[str, str]]:
    ice, edge = result.comparison.ice, result.edge

    def km2(value: float) -> str:
        return f"{text(round(value))} km²"

    facts = [
        ("Integrated ice edge error (IIEE)", km2(ice.iiee_km2)),
        ("  ice in the prediction alone (over)", km2(ice.over_km2)),
        ("  ice in the reference alone (under)", km2(ice.under_km2)),
        ("  of it: error of the extent |over − under|", km2(ice.extent_error_km2)),
        ("  of it: ice in the wrong place", km2(ice.misplacement_km2)),
    ]
    if edge is None:
        return [*facts, ("Distance between the ice edges", "no edge in one of them")]
    return [
        *facts,
        ("Mean distance between the ice edges", f"{edge.mean_km:.1f} km"),
        ("  from the prediction's edge to the reference's", f"{edge.from_prediction_km:.1f} km"),
        ("  from the reference's edge to the prediction's", f"{edge.from_reference_km:.1f} km"),
        ("95 % of the edge cells lie within", f"{edge.p95_km:.1f} km"),
    ]


def _kinds_table(result: Result) -> Table:
    comparison = result.comparison
    rows: list[list[Value]] = [
        [name, int(count), float(area)]
        for name, count, area in zip(
            flags.NAMES, comparison.kind_counts, comparison.kind_km2, strict=True
        )
        if count
    ]
    return Table(
        [Column("Cells of the reference"), Column("Number"), Column("Area", "km²", 0)], rows
    )


def _spread_table(result: Result) -> Table:
    rows: list[list[Value]] = [
        [label, count, 100 * held]
        for label, count, held in result.comparison.spread.coverage_by_sic()
    ]
    total = result.comparison.spread.coverage(0.9)
    rows.append(["all", result.comparison.spread.count, None if total is None else 100 * total])
    return Table(
        [Column(PERCENT.name), Column("Cells"), Column("within the 90 % interval", "%", 1)],
        rows,
        strong=frozenset({len(rows) - 1}),
    )


def _facts(result: Result, subject: Subject) -> list[tuple[str, str]]:
    def grid(of: Grid) -> str:
        return f"{of.width} × {of.height} px of {of.resolution_m:.5g} m, {of.crs.to_string()[:40]}"

    support = (
        f"Gaussian footprint, {subject.footprint_m / 1000:.4g} km full width at half maximum"
        if subject.is_gaussian
        else "the reference's cell"
    )
    found = result.intervals
    size_km = result.comparison.factor * result.comparison.grid.resolution_m / 1000
    facts = [
        ("Prediction", f"{subject.prediction}: {grid(subject.prediction_grid)}"),
        ("Reference", f"{subject.reference}: {grid(subject.reference_grid)}"),
        ("The prediction is averaged over", support + "; at least half of it must have a value"),
        (
            "Confidence intervals",
            f"bootstrap of {found.blocks} blocks of some {found.block_px * size_km:.0f} km; the"
            f" error's autocorrelation falls to 1/e within"
            f" {found.autocorrelation_px * size_km:.0f} km"
            + (f"; withheld: {found.withheld}" if found.withheld else ""),
        ),
        (
            "Cells without data",
            "open water, outside the mask" if subject.nodata_is_water else "left out",
        ),
    ]
    facts += [(name, value) for name, value in subject.tags.items()]
    facts += [("Noted", note) for note in subject.notes]
    return facts
