"""The report of `comparenetworks`: curves laid over each other, errors, diagnoses of fits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..datasets.scene_data import SceneData
from ..datasets.split import Split
from ..evaluation.baselines import LABELS
from ..evaluation.fit_diagnosis import RULE
from ..jobs.comparenetworks import CompareNetworksJob
from ..sweep.runs import TEST, TRAINING, VALIDATION, SweepRun
from ..sweep.store import store_path
from ..sweep.summary import Spread, Summary, baselines, not_beating_baselines
from ..training.losses import ZERO
from . import colours, page
from .charts import Series, bars, curves
from .figures import Picture
from .tables import UNDEFINED, Column, Table, Value, text

_MOST_LINES = 6
"""Configurations in one figure; more lines could not be distinguished."""


def write(
    path: str,
    job: CompareNetworksJob,
    summaries: Sequence[Summary],
    runs: Sequence[SweepRun],
    left_out: Sequence[str],
    data: SceneData,
    split: Split,
) -> None:
    """Write the report as one HTML file.

    Args:
        left_out: Why combinations were left out.
    """
    part = TEST if any(TEST in s.rmse_percent for s in summaries) else VALIDATION
    loss = "Mean squared error [%²]" if job.task == "regression" else "Cross-entropy [nat]"
    assert job.hh is not None
    assert job.reference is not None
    page.render(
        "comparison.html",
        path,
        title=f"{job.hh.label} against {job.reference.label}",
        summaries=summaries,
        left_out=left_out,
        facts=_facts(job, data, split),
        store=store_path(str(job.report)),
        tiles=_tiles(summaries, runs, part),
        overview=_overview(summaries),
        baselines=_baseline_table(summaries, runs),
        errors=_errors(summaries),
        figures=_figures(summaries, loss),
        sizes=_sizes(summaries, part),
        zeros=_zero_weights(summaries),
        rule=RULE,
        failures=[(s.name, error) for s in summaries for error in s.errors],
    )


def _facts(job: CompareNetworksJob, data: SceneData, split: Split) -> list[tuple[str, str]]:
    sources = [(name, getattr(job, name)) for name in ("hh", "hv", "incidence", "reference")]
    parts = ", ".join(
        f"{part} {count} px ({data.footprints(count):.1f} footprints)"
        for part, count in split.counts.items()
        if part != "left out"
    )
    return [
        ("Layers", "; ".join(f"{name}: {source.label}" for name, source in sources if source)),
        ("Grid", f"{data.grid.height} x {data.grid.width} px of {data.grid.resolution_m:.4g} m"),
        ("Footprint of the reference", f"{data.footprint_m / 1000:.4g} km"),
        ("Parts of the reference", parts),
        ("Blocks", f"{len(split.blocks)} validate, {len(split.test_blocks)} test"),
        ("Buffer around each", f"{split.buffer_px * data.grid.resolution_m / 1000:.3g} km"),
        ("Seeds", f"{job.seed} to {job.seed + job.seeds - 1}"),
        ("Length", f"{job.epochs} epochs of {job.chips_per_epoch} chips, {job.chip_size} px"),
        ("Peak learning rate", f"{job.learning_rate:g}"),
    ]


def table_of_runs(runs: Sequence[SweepRun]) -> Table:
    """Return one line for each run, for CSV."""
    columns = [
        Column("Network", name="network"),
        Column("Size", name="size"),
        Column("Regularisation", name="regularisation"),
        Column("Seed", name="seed"),
        Column("Parameters", name="parameters"),
        Column("Seconds", name="seconds"),
        Column("Best epoch", name="best_epoch"),
        Column("Epochs", name="epochs"),
        *(Column(f"RMSE {part}", name=f"rmse_{part}_percent") for part in _PARTS),
        Column("Last training loss", name="training_loss_last"),
        Column("Last validation loss", name="validation_loss_last"),
        Column("Lowest validation loss", name="validation_loss_lowest"),
        Column("Weights at zero", name="zero_weights_share"),
        Column("Error", name="error"),
    ]
    rows: list[list[Value]] = [
        [
            one.network,
            one.size,
            one.regularisation,
            one.seed,
            one.parameters,
            None if one.error else one.seconds,
            None if one.error else one.best_epoch,
            None if one.error else len(one.training_loss),
            *(one.rmse_percent.get(part) for part in _PARTS),
            one.training_loss[-1] if one.training_loss else None,
            one.validation_loss[-1] if one.validation_loss else None,
            min(one.validation_loss, default=None),
            one.zero_share,
            one.error,
        ]
        for one in runs
    ]
    return Table(columns, rows)


_PARTS = (TRAINING, VALIDATION, TEST)


def _best(summaries: Sequence[Summary]) -> Summary | None:
    """Return the configuration that validation would choose."""
    scored = [s for s in summaries if VALIDATION in s.rmse_percent]
    return min(scored, key=lambda s: s.rmse_percent[VALIDATION].mean, default=None)


def _tiles(
    summaries: Sequence[Summary], runs: Sequence[SweepRun], ranked_by: str
) -> list[tuple[str, str, str, str]]:
    best = _best(summaries)
    tiles = [
        ("Configurations", str(len(summaries)), "", f"{len(runs)} runs"),
    ]
    if best:
        for part in (VALIDATION, TEST):
            if part in best.rmse_percent:
                tiles.append(
                    (
                        f"RMSE on {part} of the lowest on validation",
                        _spread(best.rmse_percent[part]),
                        "% SIC",
                        best.name,
                    )
                )
    linear = baselines(runs, ranked_by).get("linear")
    if linear is not None:
        tiles.append((f"Linear regression, {ranked_by}", f"{linear:.1f}", "% SIC", "on cells"))
    return tiles


def _overview(summaries: Sequence[Summary]) -> Table:
    columns = [
        Column("Network"),
        Column("Size"),
        Column("Regularisation"),
        Column("Parameters"),
        Column("Time", "s", 0),
        Column("Best / last epoch"),
        Column("Last loss training / validation"),
        Column("RMSE training", "%"),
        Column("RMSE validation", "%"),
        Column("RMSE test", "%"),
        Column("Fit"),
    ]
    best = _best(summaries)
    rows: list[list[Value]] = []
    for s in summaries:
        last = f"{_loss(s.training_loss[-1])} / {_loss(s.validation_loss[-1])}" if s.runs else None
        rows.append(
            [
                s.network,
                s.size,
                s.regularisation,
                s.parameters,
                s.seconds.mean if s.seconds else None,
                f"{s.best_epoch.mean:.0f} / {s.epochs}" if s.best_epoch else None,
                last,
                *(_spread(s.rmse_percent.get(part)) for part in _PARTS),
                s.diagnosis.label if s.diagnosis else "failed",
            ]
        )
    seeds = max((len(s.runs) for s in summaries), default=0)
    return Table(
        columns,
        rows,
        note=f"Means over {seeds} seeds ± their standard deviation. RMSE per reference pixel, of"
        " the epoch that validation chose; losses at the last epoch, training's as fitted, with"
        " dropout on. The row with the lowest RMSE on validation stands out.",
        strong=frozenset({list(summaries).index(best)}) if best else frozenset(),
    )


def _baseline_table(summaries: Sequence[Summary], runs: Sequence[SweepRun]) -> Table | None:
    parts = [part for part in (VALIDATION, TEST) if baselines(runs, part)]
    if not parts:
        return None
    by_part = {part: baselines(runs, part) for part in parts}
    rows: list[list[Value]] = [
        [LABELS.get(name, name), *(by_part[part].get(name) for part in parts)]
        for name in by_part[parts[0]]
    ]
    for s in summaries:
        values = [
            [t.baselines[part]["network"] for t in s.runs if "network" in t.baselines.get(part, {})]
            for part in parts
        ]
        rows.append([s.name, *(float(np.mean(v)) if v else None for v in values)])
    rows.sort(key=lambda row: row[-1] if isinstance(row[-1], float) else math.inf)
    names = {s.name for s in summaries}
    return Table(
        [Column("Predictor"), *(Column(f"RMSE {part}", "% SIC", 1) for part in parts)],
        rows,
        note="All on the same cells, means over about a quarter of the footprint; so these RMSE"
        " are a little lower than those per pixel above. Baselines learn from the training part;"
        " those of position know no backscatter at all. The networks stand out."
        + "".join(
            f" Not better than every baseline on {part}: {'; '.join(found)}."
            for part in parts
            if (found := not_beating_baselines(summaries, part))
        ),
        strong=frozenset(i for i, row in enumerate(rows) if row[0] in names),
    )


def _errors(summaries: Sequence[Summary]) -> Picture | None:
    done = [s for s in summaries if s.runs]
    if not done:
        return None
    series = []
    for part in _PARTS:
        spreads = [s.rmse_percent.get(part) for s in done]
        if any(spreads):
            series.append(
                Series(
                    part,
                    range(len(done)),
                    [x.mean if x else math.nan for x in spreads],
                    low=[x.low if x else math.nan for x in spreads],
                    high=[x.high if x else math.nan for x in spreads],
                )
            )
    return bars(
        [str(i + 1) for i in range(len(done))],
        series,
        y_label="RMSE [% SIC]",
        x_label="Configuration",
        alt="RMSE of each configuration on the training, validation and test parts",
        caption="RMSE by part; the thin lines reach from the lowest to the highest seed. "
        + "; ".join(f"{i + 1}: {s.name}" for i, s in enumerate(done)),
    )


def _figures(summaries: Sequence[Summary], loss: str) -> list[Picture]:
    """Return the curves, by network; of many configurations in several figures."""
    groups: dict[str, list[Summary]] = {}
    for s in summaries:
        if s.runs:
            groups.setdefault(s.network, []).append(s)
    pictures = []
    for network, members in groups.items():
        for start in range(0, len(members), _MOST_LINES):
            pictures.append(_curves(network, members[start : start + _MOST_LINES], loss))
    return pictures


def _curves(network: str, members: list[Summary], loss: str) -> Picture:
    series = []
    for number, s in enumerate(members):
        colour = colours.SERIES[number % len(colours.SERIES)]
        epochs = np.arange(1, s.epochs + 1)
        label = f"{s.size}, {s.regularisation}"
        series.append(
            Series(
                f"validation: {label}",
                epochs,
                s.validation_loss,
                low=s.validation_low,
                high=s.validation_high,
                colour=colour,
            )
        )
        series.append(
            Series(f"training: {label}", epochs, s.training_loss, line="--", colour=colour)
        )
    return curves(
        series,
        x_label="Epoch",
        y_label=loss,
        title=network,
        alt=f"Training and validation loss of {network} by epoch",
        caption="Means over the seeds: solid validation, its band from the lowest to the highest"
        " seed; dashed training, as fitted. A loss counts output beyond 0-100 %, which maps do not"
        " have.",
        log_y=True,
    )


def _sizes(summaries: Sequence[Summary], ranked_by: str) -> Picture | None:
    """Return RMSE over the number of parameters, where sizes were compared."""
    done = sorted((s for s in summaries if s.runs), key=lambda s: s.parameters)
    if len({s.size for s in done}) < 3:
        return None
    groups: dict[tuple[str, str], list[Summary]] = {}
    for s in done:
        groups.setdefault((s.network, s.regularisation), []).append(s)
    series = []
    for number, ((network, regularisation), members) in enumerate(groups.items()):
        colour = colours.SERIES[number % len(colours.SERIES)]
        x = [math.log10(s.parameters) for s in members]
        for which, line in ((ranked_by, "-"), (TRAINING, "--")):
            y = [
                s.rmse_percent[which].mean if which in s.rmse_percent else math.nan for s in members
            ]
            label = f"{which}: {network}, {regularisation}"
            series.append(Series(label, x, y, marker="o", line=line, colour=colour))
    return curves(
        series,
        x_label="Trained parameters, power of ten",
        y_label="RMSE [% SIC]",
        alt="RMSE over the number of parameters",
        caption="Too simple: both are high. Too complex: training falls on while the other rises.",
    )


def _loss(value: float) -> str:
    """Return three digits or more, never an exponent."""
    return text(round(value)) if value >= 100 else f"{value:.3g}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return UNDEFINED
    deviation = "" if spread.deviation is None else f" ± {text(spread.deviation, 1)}"
    return f"{text(spread.mean, 1)}{deviation}"


def _zero_weights(summaries: Sequence[Summary]) -> Table | None:
    """Return how many weights L1 drove to zero; None where it was not used."""
    rows: list[list[Value]] = [
        [s.name, None if s.zero_share is None else 100 * s.zero_share] for s in summaries if s.runs
    ]
    if not any("l1=" in s.regularisation for s in summaries):
        return None
    return Table(
        [Column("Configuration"), Column(f"Weights below {ZERO:g}", "%", 1)],
        rows,
        note="Convolution and dense weights; the mean over the seeds.",
    )
