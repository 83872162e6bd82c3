"""The report of `train`: curves, split, errors and model card of a fitted network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..datasets.open_water import TrainingWater
from ..datasets.split import BUFFER, LEFT_OUT, PARTS, TEST, TRAINING, VALIDATION
from ..datasets.training_data import DataSplit, TrainingData
from ..evaluation.baselines import LABELS
from ..evaluation.fit_diagnosis import RULE, FitDiagnosis, diagnose
from ..evaluation.metrics import Scores
from ..evaluation.openwater import HH_CELL_M, OpenWater, WaterRow
from ..evaluation.scene_scores import NETWORK, pooled, unbeaten_baseline
from ..events import Reporter
from ..sweep.summary import Spread
from ..training import importance
from ..training.config import TrainingConfig
from ..training.experiment import Outcome
from . import colours, modelcard, page, reference_map
from .charts import Mark, Series, bars, curves, density
from .figures import Picture
from .maps import MAX_SIDE_PX, Panel, maps

_COLOURS: Final = {
    "left out": "#f1d7c3",
    "training": "#9ecae1",
    "validation": "#d1600a",
    "buffer": "#b9b9b9",
}


def write(
    path: str,
    config: TrainingConfig,
    data: TrainingData,
    split: DataSplit,
    outcome: Outcome,
    card: ModelCard,
    water: OpenWater | None,
) -> None:
    """Write the report as one HTML file.

    Args:
        data: The training data; maps show the scene with the most reference compared.
        water: What the network predicts on a scene of open water; None where none was given.
    """
    scored = outcome.validation or outcome.training
    shown = max(scored, key=lambda name: scored[name].scores.count)
    scores, fit = outcome.scores, outcome.first.result
    folds = [_fold(number, fold, data) for number, fold in enumerate(outcome.folds, 1)]
    baselines = sorted(outcome.baselines.items(), key=lambda item: item[1])
    names = {**_labels(outcome), NETWORK: "this network"}
    page.render(
        "training.html",
        path,
        data=data,
        outcome=outcome,
        task=config.task,
        shown=shown,
        scores=scores,
        training_rmse=_rmse(scores["training"]),
        validation_rmse=_rmse(scores["validation"]),
        remedy=_keep_validated(outcome),
        observed=any(scene.observations is not None for scene in data.scenes.values()),
        simulated=any(
            scene.acquisition.get("SEAICE_SOURCE") == "simulated" for scene in data.scenes.values()
        ),
        validated=modelcard.validated(card),
        footprints=sum(data.footprints(fold.splits) for fold in outcome.fits),
        few_footprints=data.few_footprints([fold.splits for fold in outcome.fits]),
        baseline_warning=baseline_warning(outcome, data.parts_noun),
        diagnosis=_diagnosis(outcome, scores),
        rule=RULE,
        first_candidate=next((e.number for e in fit.epochs if e.is_candidate), len(fit.epochs)),
        curves=_curves(outcome, config),
        taught=[
            (
                name,
                split.part_of(name),
                data.scenes[name].observations,
                _split_map(outcome, data, name, observes=config.task.observes),
            )
            for name in _taught(outcome, shown)
        ],
        errors=[
            (name.capitalize(), *s.errors_percent, s.r2, s.count)
            for name, s in scores.items()
            if s is not None
        ],
        folds=folds,
        over_folds=Spread.of([fold[1] for fold in folds if fold[1] is not None]),
        scenes=[
            (name, split.part_of(name), *s.errors_percent, s.count)
            for name, s in _scores_by_scene(outcome).items()
        ],
        baselines=[(names.get(name, name), rmse) for name, rmse in baselines],
        network_row=[i for i, (name, _) in enumerate(baselines) if name == NETWORK],
        scatter=_scatter(outcome) if outcome.validation else None,
        maps=_maps(outcome, data, shown) if outcome.validation else None,
        importance=card.metrics.get(importance.KEY),
        channel_rows=_channel_rows(card),
        channel_bars=_channel_bars(card),
        water=water,
        water_map=_water_map(water, config.water) if water else None,
        water_by_angle=_water_rows(water.by_angle) if water else [],
        water_by_hh=_water_rows(water.by_hh) if water else [],
        hh_cell_km=HH_CELL_M / 1000,
        water_trained=config.water,
        settings=modelcard.settings(card),
        card=card,
        calibration=modelcard.calibration(card),
        acquired=modelcard.acquired(card),
    )


def log(outcome: Outcome, card: ModelCard, parts_noun: str, report: Reporter) -> None:
    """Log what the error is of, and warn where a baseline does better."""
    if outcome.validation:
        report.info(f"Validated: {modelcard.validated(card)}{_keep_validated(outcome)}")
    if text := baseline_warning(outcome, parts_noun):
        report.warning(text)


def _keep_validated(outcome: Outcome) -> str:
    """Return how to get a file with validated weights; empty where it has them."""
    if outcome.refit is None:
        return ""
    if outcome.folds:
        return (
            ". To keep validated weights instead, set Network kept of a cross-validation (KEEP) to"
            " that of the best fold (best_fold)"
        )
    return ". To keep the validated weights instead, switch off Refit on the full data (REFIT)"


def baseline_warning(outcome: Outcome, parts_noun: str) -> str:
    """Return a line where the network does not beat every baseline; empty where it does."""
    best = unbeaten_baseline(outcome.baselines)
    if best is None:
        return ""
    return (
        f"The network (RMSE {outcome.baselines[NETWORK]:.1f} %) does not beat every baseline on the"
        f" validation {parts_noun}; the best of them ({_labels(outcome).get(best, best)}) has an"
        f" RMSE of {outcome.baselines[best]:.1f} %"
    )


def _labels(outcome: Outcome) -> dict[str, str]:
    """Return what the baselines are called; the regression sees all that the network sees."""
    several = len(outcome.first.normalisation.mean) > len(("HH", "HV"))
    regression = {"linear": "linear regression on the channels' means"} if several else {}
    return {**LABELS, **regression}


def _diagnosis(outcome: Outcome, scores: Mapping[str, Scores | None]) -> FitDiagnosis:
    epochs = outcome.first.result.epochs
    training, validation = map(_rmse, scores.values())
    return diagnose(
        [epoch.training for epoch in epochs],
        [epoch.validation for epoch in epochs],
        training,
        validation,
        outcome.baselines.get("linear"),
    )


def _fold(
    number: int, fold: Outcome, data: TrainingData
) -> tuple[int, float | None, float | None, int, float]:
    """Return number, RMSE on validation and training, best epoch and footprints of a fold."""
    training, validation = map(_rmse, fold.scores.values())
    return number, validation, training, fold.first.result.best_epoch, data.footprints(fold.splits)


def _rmse(scores: Scores | None) -> float | None:
    return scores.rmse_percent if scores else None


def _scores_by_scene(outcome: Outcome) -> dict[str, Scores]:
    """Return the scores by scene: on validation where it has been held out, else on training."""
    scored = {**outcome.training, **outcome.validation}
    order = {**outcome.validation, **outcome.training}
    return {name: scored[name].scores for name in order}


def _curves(outcome: Outcome, config: TrainingConfig) -> Picture:
    first = outcome.first.result

    def losses(label: str, values: Iterable[float | None], **look: str) -> Series:
        y = np.array(list(values), float) * config.task.loss_scale  # NaN without validation
        return Series(label, np.arange(1, y.size + 1), y, **look)

    series = [losses("training, as fitted (dropout on)", (e.training for e in first.epochs))]
    if first.epochs[0].validation is not None:
        series.append(losses("validation", (e.validation for e in first.epochs)))
    series = [replace(item, marker="o") for item in series]
    for number, fold in enumerate(outcome.folds, 1):
        values = (e.validation for e in fold.first.result.epochs)
        series.append(losses(f"validation, fold {number}", values, line="-."))
    if outcome.refit:
        values = (e.training for e in outcome.refit.result.epochs)
        series.append(losses("training, refit on the full data", values, line=":"))
    if any(e.l2 + e.l1 > 0 for e in first.epochs):
        series.append(losses("L2 and L1 terms", (e.l2 + e.l1 for e in first.epochs), line="--"))
    best = Mark(first.best_epoch, f"best epoch, {first.best_epoch}")
    return curves(
        series,
        x_label="Epoch",
        y_label=f"{config.task.loss_label.capitalize()} [{config.task.loss_unit}]",
        log_y=True,
        marks=[best] if first.epochs[0].validation is not None else [],
    )


def _taught(outcome: Outcome, shown: str) -> list[str]:
    """Return the scenes whose reference is drawn: one that trains, and the one that is shown."""
    trains = max(outcome.training, key=lambda name: outcome.training[name].scores.count)
    return list(dict.fromkeys([trains, shown]))


def _split_map(outcome: Outcome, data: TrainingData, shown: str, *, observes: bool) -> Picture:
    scene = data.scenes[shown]
    if scene.observations is not None:
        splits = [fit.splits[shown] for fit in outcome.fits]
        return reference_map.draw(scene, splits, observes=observes)
    step = max(1, math.ceil(max(scene.grid.shape) / MAX_SIDE_PX))
    thinned = np.array(scene.array[::step, ::step])
    hh_db, sic_percent = thinned[..., 0], thinned[..., -1]
    names = [
        (f"fold {number + 1}", colours.SERIES[number % len(colours.SERIES)])
        for number in range(len(outcome.folds))
    ] or [(name, _COLOURS[name]) for name in sorted(_COLOURS, key=PARTS.__getitem__)]
    roles = _roles(outcome, shown, sic_percent, step, scene.grid.shape)
    # data are left out only where a fraction of them was asked for; whole scenes need no buffer
    legend = tuple(name for number, name in enumerate(names) if (roles == number).any())
    height_m, width_m = scene.grid.nominal_pixel_size_m
    low, high = np.nanquantile(hh_db, (0.02, 0.98))
    grey = colours.backscatter("sigma0 [dB]", float(low), float(high))
    return maps(
        [
            Panel(hh_db, "HH", grey),
            Panel(sic_percent, "Reference", colours.sic()),
            Panel(roles, "Split", colours.categories("Part", tuple(names)), legend=legend),
        ],
        (step * height_m, step * width_m),
    )


def _roles(
    outcome: Outcome,
    shown: str,
    sic_percent: NDArray[np.float32],
    step: int,
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Return the role, or the fold, of every n-th pixel; NaN where there is no reference."""
    split = outcome.splits[shown]
    roles = split.roles.astype(np.float32)
    for number, fold in enumerate(outcome.folds):
        roles[fold.splits[shown].roles == VALIDATION] = number
    rows, cols = (np.arange(0, side, step) // split.cell_px for side in shape)
    return np.where(np.isfinite(sic_percent), roles[np.ix_(rows, cols)], np.float32(np.nan))


def _maps(outcome: Outcome, data: TrainingData, shown: str) -> Picture:
    scene = data.scenes[shown]
    predicted = outcome.validation[shown].predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = scene.sums[..., -1] / np.where(scene.cells.count, scene.cells.count, np.nan)
    known = np.where(np.isfinite(predicted), reference, np.nan)
    limit = max(5.0, float(np.nanmax(np.abs(predicted - known))))
    height_m, width_m = scene.grid.nominal_pixel_size_m
    return maps(
        [
            Panel(known, f"Reference, validation {data.parts_noun}", colours.sic()),
            Panel(predicted, "Predicted there", colours.sic()),
            Panel(predicted - known, "Predicted minus reference", colours.difference(limit)),
        ],
        (scene.cells.size_px * height_m, scene.cells.size_px * width_m),
    )


def _scatter(outcome: Outcome) -> Picture:
    counted = pooled(outcome.validation.values())[1]
    return density(
        counted.counts,
        counted.edges,
        x_label="Reference SIC [%]",
        y_label="Predicted SIC [%]",
        count_label="Number of reference values",
    )


def _rises(card: ModelCard) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the rise of the RMSE in each draw by channel, the largest first; empty without any."""
    found = (card.metrics.get(importance.KEY) or {}).get("rises_percent", {})
    rises = [(name, np.array(values, float)) for name, values in found.items()]
    return sorted(rises, key=lambda one: -one[1].mean())


def _channel_rows(card: ModelCard) -> list[tuple[str, str, float, float, float, float]]:
    """Return channel, layer, mean, standard deviation, lowest and highest rise."""
    layers = card.training.get("inputs", {})
    return [
        (name, layers.get(name, ""), r.mean(), r.std(ddof=1), r.min(), r.max())
        for name, r in _rises(card)
    ]


def _channel_bars(card: ModelCard) -> Picture | None:
    rises = _rises(card)
    if not rises:
        return None
    mean, low, high = zip(*((r.mean(), r.min(), r.max()) for _, r in rises), strict=True)
    return bars(
        [name for name, _ in rises],
        [Series("", range(len(rises)), mean, low=low, high=high)],
        y_label="Rise of the RMSE [% SIC]",
        x_label="Channel",
    )


def _water_rows(rows: Iterable[WaterRow]) -> list[tuple[str, float, float, float]]:
    return [(r.label, 100 * r.share, r.mean_percent, 100 * r.ice_share) for r in rows]


def _water_map(water: OpenWater, trained: TrainingWater | None) -> Picture:
    panels = [Panel(water.sic_percent, "Predicted SIC on open water", colours.sic())]
    if trained:
        panels.append(_water_parts(water, trained))
    return maps(panels, water.pixel_size_m, columns=len(panels))


def _water_parts(water: OpenWater, trained: TrainingWater) -> Panel:
    """Return the map of what of the scene trained and what was held out."""
    split = trained.split
    step = round(water.pixel_size_m[0] / trained.data.grid.nominal_pixel_size_m[0])
    rows, cols = (
        np.minimum(np.arange(side) * step + step // 2, length - 1) // split.cell_px
        for side, length in zip(water.sic_percent.shape, split.shape_px, strict=True)
    )
    order = (TRAINING, TEST, BUFFER, LEFT_OUT)
    names = ("training", "held out", "buffer", "left out")
    number = np.argsort(order)[np.searchsorted(np.sort(order), split.roles[np.ix_(rows, cols)])]
    values = np.where(np.isfinite(water.sic_percent), number, np.nan)
    shades = ("#9ecae1", "#d1600a", "#b9b9b9", "#f1d7c3")
    classes = tuple(zip(names, shades, strict=True))
    legend = tuple(one for k, one in enumerate(classes) if (values == k).any())
    return Panel(values, "What trained", colours.categories("", classes), legend=legend)
