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
from .tables import UNDEFINED, Value, text

_MOST_LINES = 6
"""Configurations in one figure; more lines could not be distinguished."""

_PARTS = (TRAINING, VALIDATION, TEST)


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
    done = [s for s in summaries if s.runs]
    scored = [s for s in done if VALIDATION in s.rmse_percent]
    # the configuration that validation would choose
    best = min(scored, key=lambda s: s.rmse_percent[VALIDATION].mean, default=None)
    ranked_by = TEST if any(TEST in s.rmse_percent for s in summaries) else VALIDATION
    loss = "Mean squared error [%²]" if job.task == "regression" else "Cross-entropy [nat]"
    on_baselines = [part for part in (VALIDATION, TEST) if baselines(runs, part)]
    by_baseline = _baseline_rows(done, runs, on_baselines) if on_baselines else []
    networks = {s.name for s in summaries}
    page.render(
        "sweep.html",
        path,
        job=job,
        summaries=summaries,
        runs=runs,
        left_out=left_out,
        data=data,
        split=split,
        store=store_path(str(job.report)),
        best=best,
        best_rmse={
            part: _spread(best.rmse_percent[part])
            for part in (VALIDATION, TEST)
            if best and part in best.rmse_percent
        },
        ranked_by=ranked_by,
        linear=baselines(runs, ranked_by).get("linear"),
        overview=[_overview(s) for s in summaries],
        best_row=[number for number, s in enumerate(summaries) if s is best],
        on_baselines=on_baselines,
        baselines=by_baseline,
        network_rows=[number for number, row in enumerate(by_baseline) if row[0] in networks],
        unbeaten={part: not_beating_baselines(summaries, part) for part in on_baselines},
        done=done,
        errors=_errors(done) if done else None,
        curves=_curves_by_network(done, loss),
        sizes=_sizes(done, ranked_by) if len({s.size for s in done}) >= 3 else None,
        zeros=[(s.name, None if s.zero_share is None else 100 * s.zero_share) for s in done],
        penalised=any("l1=" in s.regularisation for s in summaries),
        zero=ZERO,
        rule=RULE,
    )


def table_of_runs(runs: Sequence[SweepRun]) -> list[dict[str, Value]]:
    """Return one line for each run, for CSV."""
    return [
        {
            "network": one.network,
            "size": one.size,
            "regularisation": one.regularisation,
            "seed": one.seed,
            "parameters": one.parameters,
            "seconds": None if one.error else one.seconds,
            "best_epoch": None if one.error else one.best_epoch,
            "epochs": None if one.error else len(one.training_loss),
            **{f"rmse_{part}_percent": one.rmse_percent.get(part) for part in _PARTS},
            "training_loss_last": one.training_loss[-1] if one.training_loss else None,
            "validation_loss_last": one.validation_loss[-1] if one.validation_loss else None,
            "validation_loss_lowest": min(one.validation_loss, default=None),
            "zero_weights_share": one.zero_share,
            "error": one.error,
        }
        for one in runs
    ]


def _overview(s: Summary) -> list[Value]:
    return [
        s.network,
        s.size,
        s.regularisation,
        s.parameters,
        s.seconds.mean if s.seconds else None,
        f"{s.best_epoch.mean:.0f} / {s.epochs}" if s.best_epoch else None,
        f"{_loss(s.training_loss[-1])} / {_loss(s.validation_loss[-1])}" if s.runs else None,
        *(_spread(s.rmse_percent.get(part)) for part in _PARTS),
        s.diagnosis.label if s.diagnosis else "failed",
    ]


def _baseline_rows(
    done: Sequence[Summary], runs: Sequence[SweepRun], parts: Sequence[str]
) -> list[list[Value]]:
    """Return each baseline's and configuration's RMSE by part, lowest on the last part first."""
    rmse = {part: baselines(runs, part) for part in parts}
    rows: list[list[Value]] = [
        [LABELS.get(name, name), *(rmse[part].get(name) for part in parts)]
        for name in rmse[parts[0]]
    ]
    rows += [[s.name, *(s.rmse_on_cells(part) for part in parts)] for s in done]
    return sorted(rows, key=lambda row: row[-1] if isinstance(row[-1], float) else math.inf)


def _errors(done: Sequence[Summary]) -> Picture:
    series = []
    for part in _PARTS:
        spreads = [s.rmse_percent.get(part) for s in done]
        if any(spreads):
            mean, low, high = np.array(
                [(x.mean, x.low, x.high) if x else (math.nan,) * 3 for x in spreads]
            ).T
            series.append(Series(part, range(len(done)), mean, low=low, high=high))
    numbers = [str(i + 1) for i in range(len(done))]
    return bars(numbers, series, y_label="RMSE [% SIC]", x_label="Configuration")


def _curves_by_network(done: Sequence[Summary], loss: str) -> list[tuple[str, Picture]]:
    """Return the networks' names and curves; of many configurations in several figures."""
    groups: dict[str, list[Summary]] = {}
    for s in done:
        groups.setdefault(s.network, []).append(s)
    return [
        (network, _curves(network, members[start : start + _MOST_LINES], loss))
        for network, members in groups.items()
        for start in range(0, len(members), _MOST_LINES)
    ]


def _curves(network: str, members: list[Summary], loss: str) -> Picture:
    series = []
    for number, s in enumerate(members):
        colour = colours.SERIES[number % len(colours.SERIES)]
        epochs = np.arange(1, s.epochs + 1)
        label = f"{s.size}, {s.regularisation}"
        series += [
            Series(
                f"validation: {label}",
                epochs,
                s.validation_loss,
                low=s.validation_low,
                high=s.validation_high,
                colour=colour,
            ),
            Series(f"training: {label}", epochs, s.training_loss, line="--", colour=colour),
        ]
    return curves(series, x_label="Epoch", y_label=loss, title=network, log_y=True)


def _sizes(done: Sequence[Summary], ranked_by: str) -> Picture:
    """Return RMSE over the number of parameters."""
    groups: dict[tuple[str, str], list[Summary]] = {}
    for s in sorted(done, key=lambda s: s.parameters):
        groups.setdefault((s.network, s.regularisation), []).append(s)
    series = []
    for number, ((network, regularisation), members) in enumerate(groups.items()):
        colour = colours.SERIES[number % len(colours.SERIES)]
        x = [math.log10(s.parameters) for s in members]
        for which, line in ((ranked_by, "-"), (TRAINING, "--")):
            spreads = [s.rmse_percent.get(which) for s in members]
            y = [spread.mean if spread else math.nan for spread in spreads]
            label = f"{which}: {network}, {regularisation}"
            series.append(Series(label, x, y, marker="o", line=line, colour=colour))
    return curves(series, x_label="Trained parameters, power of ten", y_label="RMSE [% SIC]")


def _loss(value: float) -> str:
    """Return three digits or more, never an exponent."""
    return text(round(value)) if value >= 100 else f"{value:.3g}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return UNDEFINED
    deviation = "" if spread.deviation is None else f" ± {text(spread.deviation, 1)}"
    return f"{text(spread.mean, 1)}{deviation}"
