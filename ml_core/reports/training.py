"""The report of `train`: curves, split, errors and model card of a fitted network."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..datasets.split import PARTS, VALIDATION
from ..datasets.training_data import DataSplit, TrainingData
from ..evaluation.baselines import LABELS
from ..evaluation.fit_diagnosis import RULE, diagnose
from ..evaluation.openwater import OpenWater
from ..evaluation.scene_scores import NETWORK, pooled, unbeaten_baseline
from ..training.config import TrainingConfig
from ..training.experiment import Outcome
from ..training.fit import Fit
from . import colours, modelcard, openwater, page
from .charts import Mark, Series, curves, density
from .errors import error_columns, error_values
from .figures import Picture
from .maps import MAX_SIDE_PX, Panel, maps
from .tables import Column, Table, text

_COLOURS: Final = {
    "left out": "#f1d7c3",
    "training": "#9ecae1",
    "validation": "#d1600a",
    "buffer": "#b9b9b9",
}
_LEVELS: Final = {"fitted": "good", "over-fitted": "warning", "under-fitted": "warning"}
_FEW_SCENES: Final = 3


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
        data: What was learnt from; maps show the scene with the most reference compared.
        water: What the network predicts on a scene of open water; None where none was given.
    """
    scored = outcome.validation or outcome.training
    shown = max(scored, key=lambda name: scored[name].scores.count)
    several = len(data.scenes) > 1
    validation = f"validation {data.parts_noun}"
    page.render(
        "training.html",
        path,
        title=f"{data.title}; maps of {shown}" if several else data.title,
        tiles=_tiles(outcome, data, validation),
        diagnosis=_diagnosis(outcome),
        warnings=_warnings(outcome, data),
        curves=_curves(outcome, config),
        split=_split_map(outcome, data, shown, validation),
        errors=_errors(outcome, config),
        folds=_folds(outcome, data),
        scenes=_scenes(outcome, split) if several else None,
        baselines=_baselines(outcome, config, validation),
        scatter=_scatter(outcome, validation),
        maps=_maps(outcome, data, shown, validation),
        cross_validated=bool(outcome.folds),
        water=water,
        water_map=openwater.picture(water) if water else None,
        water_table=openwater.table(water) if water else None,
        settings=modelcard.settings(card),
        card=card,
        card_rows=modelcard.rows(card),
    )


def baseline_warning(outcome: Outcome, parts_noun: str) -> str:
    """Return a line where the network does not beat every baseline; empty where it does."""
    best = unbeaten_baseline(outcome.baselines)
    if best is None:
        return ""
    return (
        f"The network (RMSE {outcome.baselines[NETWORK]:.1f} %) does not beat every baseline on the"
        f" validation {parts_noun}; the best of them ({LABELS.get(best, best)}) errs by"
        f" {outcome.baselines[best]:.1f} %"
    )


def _tiles(
    outcome: Outcome, data: TrainingData, validation: str
) -> list[tuple[str, str, str, str]]:
    scores, fit = outcome.scores, outcome.first.fit
    training, held_out = scores["training"], scores["validation"]
    footprints = sum(data.footprints(fold.splits) for fold in outcome.fits)
    tiles = [
        (
            "RMSE of cross-validation" if outcome.folds else f"RMSE on the {validation}",
            text(held_out.rmse_percent if held_out else None, 1),
            "% SIC",
            f"{footprints:.1f} independent footprints" if held_out else "none kept",
        ),
        (
            "RMSE on the training part",
            text(training.rmse_percent if training else None, 1),
            "% SIC",
            "",
        ),
        ("Best epoch", str(fit.best_epoch), "", f"of {len(fit.epochs)}"),
    ]
    if "linear" in outcome.baselines:
        linear = text(outcome.baselines["linear"], 1)
        tiles.append((f"Linear regression, same {data.parts_noun}", linear, "% SIC", ""))
    return tiles


def _diagnosis(outcome: Outcome) -> tuple[str, str]:
    """Return the diagnosis of the fit and the kind of notice that shows it."""
    training, validation = (outcome.scores[part] for part in ("training", "validation"))
    epochs = outcome.first.fit.epochs
    found = diagnose(
        [epoch.training for epoch in epochs],
        [epoch.validation for epoch in epochs],
        training.rmse_percent if training else None,
        validation.rmse_percent if validation else None,
        outcome.baselines.get("linear"),
    )
    rule = f". {RULE}" if validation else ""
    return f"{found.label.capitalize()}: {found.reason}{rule}", _LEVELS.get(found.label, "info")


def _warnings(outcome: Outcome, data: TrainingData) -> list[str]:
    several, held_out = len(data.scenes) > 1, len(outcome.validation)
    warnings = [] if several else [note for one in data.scenes.values() for note in one.notes]
    if several and 0 < held_out < _FEW_SCENES:
        who = "1 scene validates" if held_out == 1 else f"{held_out} scenes validate"
        warnings.append(
            f"{who}. The error on other scenes may differ much; add scenes of other days and"
            " regions."
        )
    elif held_out:
        few = data.few_footprints([fold.splits for fold in outcome.fits])
        warnings += [f"{few}."] if few else []
    weak = baseline_warning(outcome, data.parts_noun)
    return [*warnings, f"{weak}."] if weak else warnings


def _curves(outcome: Outcome, config: TrainingConfig) -> Picture:
    scale, first = config.task.loss_scale, outcome.first.fit
    epochs = np.arange(1, len(first.epochs) + 1)
    training = [epoch.training * scale for epoch in first.epochs]
    series = [Series("training, as fitted (dropout on)", epochs, training, marker="o")]
    validation = _validation_curve(first, scale)
    if np.isfinite(validation).any():
        series.append(Series("validation", epochs, validation, marker="o"))
    for number, fold in enumerate(outcome.folds, 1):
        values = _validation_curve(fold.first.fit, scale)
        numbers = np.arange(1, len(values) + 1)
        series.append(Series(f"validation, fold {number}", numbers, values, line="-."))
    if outcome.refit:
        again = [epoch.training * scale for epoch in outcome.refit.fit.epochs]
        numbers = np.arange(1, len(again) + 1)
        series.append(Series("training, refit on the full data", numbers, again, line=":"))
    penalty = [(epoch.l2 + epoch.l1) * scale for epoch in first.epochs]
    if max(penalty) > 0:
        series.append(Series("L2 and L1 terms", epochs, penalty, line="--"))
    candidate = next((e.number for e in first.epochs if e.is_candidate), len(first.epochs))
    best = Mark(first.best_epoch, f"best epoch, {first.best_epoch}")
    return curves(
        series,
        x_label="Epoch",
        y_label=f"{config.task.loss_label.capitalize()} [{config.task.loss_unit}]",
        alt="Loss curves of training and validation by epoch",
        caption=(
            "Data loss by epoch, and the penalty on the weights apart from it. The best epoch is"
            f" looked for from epoch {candidate} on, once the learning rate has come down."
        ),
        log_y=True,
        marks=[best] if first.epochs[0].validation is not None else [],
    )


def _validation_curve(fit: Fit, scale: float) -> list[float]:
    return [
        math.nan if epoch.validation is None else epoch.validation * scale for epoch in fit.epochs
    ]


def _split_map(outcome: Outcome, data: TrainingData, shown: str, validation: str) -> Picture:
    scene = data.scenes[shown]
    step = max(1, math.ceil(max(scene.grid.shape) / MAX_SIDE_PX))
    thinned = np.array(scene.array[::step, ::step])
    hh_db, sic_percent = thinned[..., 0], thinned[..., -1]
    if outcome.folds:
        names = tuple(
            (f"fold {number + 1}", colours.SERIES[number % len(colours.SERIES)])
            for number in range(len(outcome.folds))
        )
    else:
        named = sorted((role, name) for name, role in PARTS.items() if name in _COLOURS)
        names = tuple((name, _COLOURS[name]) for _, name in named)
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
            Panel(roles, "Split", colours.categories("Part", names), legend=legend),
        ],
        (step * height_m, step * width_m),
        alt="Maps of HH, the reference and the parts of the split",
        caption=(
            "Whole scenes train or validate; which does what, the table of errors by scene shows."
            if len(data.scenes) > 1
            else "Each fold validates once, while the others train; what lies within a buffer of it"
            " is left out of both."
            if outcome.folds
            else f"The network learns from the training part and is scored on the {validation};"
            " in the buffer between them the reference is left out of both."
        ),
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


def _maps(outcome: Outcome, data: TrainingData, shown: str, validation: str) -> Picture | None:
    if not outcome.validation:
        return None
    scene = data.scenes[shown]
    predicted = outcome.validation[shown].predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = scene.sums[..., -1] / np.where(scene.cells.count, scene.cells.count, np.nan)
    known = np.where(np.isfinite(predicted), reference, np.nan)
    limit = max(5.0, float(np.nanmax(np.abs(predicted - known))))
    height_m, width_m = scene.grid.nominal_pixel_size_m
    return maps(
        [
            Panel(known, f"Reference, {validation}", colours.sic()),
            Panel(predicted, "Predicted there", colours.sic()),
            Panel(predicted - known, "Predicted minus reference", colours.difference(limit)),
        ],
        (scene.cells.size_px * height_m, scene.cells.size_px * width_m),
        alt=f"Maps of reference, prediction and their difference in the {validation}",
        caption="By cells of about a quarter of the footprint; nothing here was learnt from.",
    )


def _scatter(outcome: Outcome, validation: str) -> Picture | None:
    if not outcome.validation:
        return None
    counted = pooled(outcome.validation.values())[1]
    return density(
        counted.counts,
        counted.edges,
        counted.edges,
        x_label="Reference SIC [%]",
        y_label="Predicted SIC [%]",
        alt=f"Density of predicted against reference SIC on the {validation}",
        caption=f"Reference pixels of the {validation}.",
    )


def _errors(outcome: Outcome, config: TrainingConfig) -> Table:
    columns = (
        Column("Part"),
        *error_columns(2),
        Column("R²", decimals=3),
        Column("Reference pixels"),
    )
    rows = [
        (name.capitalize(), *error_values(s), s.r2, s.count)
        for name, s in outcome.scores.items()
        if s is not None
    ]
    note = "Each reference pixel at the network's grid counts once"
    if config.task.footprint_px:
        note = (
            "The network's mean over the reference's footprint, of what was predicted, is compared"
            " with the reference, which is what it was fitted to; each pixel counts once"
        )
    if outcome.folds:
        note += ", on training once for each fold that it trains in"
    note += "; SIC is clipped to 0-100 %."
    validation = outcome.scores["validation"]
    if validation and validation.r2 is None:
        note += f" R² of validation is withheld: {validation.r2_withheld}."
    return Table(columns, rows, caption="Errors of the fit that was validated", note=note)


def _scenes(outcome: Outcome, split: DataSplit) -> Table:
    """Return the errors by scene: on validation where it has been held out, else on training."""
    rows = []
    for name, training in {**outcome.validation, **outcome.training}.items():
        s = outcome.validation.get(name, training).scores
        part = split.part_of(name)
        rows.append((name, part, *error_values(s), s.count))
    return Table(
        (Column("Scene"), Column("Part"), *error_columns(2), Column("Reference pixels")),
        rows,
        caption=(
            "Errors by scene, each of the fold's fit that did not see it"
            if outcome.folds
            else "Errors by scene, of the fit that was validated"
        ),
    )


def _baselines(outcome: Outcome, config: TrainingConfig, validation: str) -> Table | None:
    if not outcome.baselines:
        return None
    names = {**LABELS, NETWORK: "this network"}
    ordered = sorted(outcome.baselines.items(), key=lambda item: item[1])
    return Table(
        (Column("Predictor"), Column("RMSE", "% SIC", 2)),
        [(names.get(name, name), rmse) for name, rmse in ordered],
        caption=f"Beside baselines, on the {validation}",
        note=(
            "All on the same cells, means over about a quarter of the footprint. The baselines"
            " learn from the training part; those of position know no backscatter at all."
            + " The network's map is averaged over the footprint."
            * bool(config.task.footprint_px)
        ),
        strong=frozenset(i for i, (name, _) in enumerate(ordered) if name == NETWORK),
    )


def _folds(outcome: Outcome, data: TrainingData) -> Table | None:
    if not outcome.folds:
        return None
    rows: list[tuple[int, float | None, float | None, int, float]] = []
    for number, fold in enumerate(outcome.folds, 1):
        rmse = {part: s.rmse_percent if s else None for part, s in fold.scores.items()}
        best, footprints = fold.first.fit.best_epoch, data.footprints(fold.splits)
        rows.append((number, rmse["validation"], rmse["training"], best, footprints))
    values = [row[1] for row in rows if row[1] is not None]
    note = ""
    if len(values) > 1:
        note = (
            f"Mean {np.mean(values):.1f} %, standard deviation {np.std(values, ddof=1):.1f} %,"
            f" {min(values):.1f} to {max(values):.1f} %: what the error depends on where it is"
            " measured."
        )
    return Table(
        (
            Column("Fold"),
            Column("RMSE on validation", "% SIC", 2),
            Column("RMSE on training", "% SIC", 2),
            Column("Best epoch"),
            Column("Independent footprints", decimals=1),
        ),
        rows,
        caption="Cross-validation",
        note=note,
    )
