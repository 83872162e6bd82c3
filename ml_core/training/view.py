"""What the training report shows of an outcome."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..datasets.division import Scenes, few_footprints, footprints, parts_noun
from ..datasets.split import VALIDATION
from ..datasets.training_data import Material
from ..evaluation.fit_diagnosis import RULE, verdict
from ..evaluation.scene_scores import together, unbeaten
from ..reports.maps import MAX_SIDE_PX
from ..reports.tables import Column, Table
from ..reports.training import Curve, Fold, TrainingView
from .experiment import Outcome
from .fit import Fit
from .plan import Plan

_FEW_SCENES = 3


def view_of(plan: Plan, material: Material, outcome: Outcome, card: ModelCard) -> TrainingView:
    """Return what the report shows: all errors, and maps of the scene that tells most."""
    scenes, scale = material.scenes, plan.task.loss_scale
    judgements = outcome.validation or outcome.training
    shown = max(judgements, key=lambda name: judgements[name].scores.count)
    data, cells = scenes[shown], scenes[shown].cells
    several, noun = len(scenes) > 1, parts_noun(scenes)
    step = max(1, math.ceil(max(data.grid.shape) / MAX_SIDE_PX))
    thinned = np.array(data.store[::step, ::step])
    training, validation = (outcome.scores[part] for part in ("training", "validation"))
    assert training is not None  # without a training part there is no fit
    first, second = outcome.first.fit, outcome.second
    word = verdict(
        [epoch.training for epoch in first.epochs],
        [epoch.validation for epoch in first.epochs],
        training.rmse_percent,
        validation.rmse_percent if validation else None,
        outcome.baselines.get("linear"),
    )
    level = {"fitted": "good", "over-fitted": "warning", "under-fitted": "warning"}
    independent = sum(footprints(scenes, fold.splits) for fold in outcome.fits)
    height_m, width_m = data.grid.nominal_pixel_size_m
    with np.errstate(invalid="ignore", divide="ignore"):
        reference_cells = data.sums[..., -1] / np.where(cells.count, cells.count, np.nan)
    return TrainingView(
        title=f"{material.title}; maps of {shown}" if several else material.title,
        card=card,
        loss_label=plan.task.loss_label,
        loss_unit=plan.task.loss_unit,
        curve=_curve(first, scale),
        second=_curve(second.fit, scale) if second else None,
        training=training,
        validation=validation,
        density=together(outcome.validation.values())[1] if outcome.validation else None,
        baselines=outcome.baselines,
        footprints=independent,
        hh_db=thinned[..., 0],
        sic_percent=thinned[..., -1],
        roles=_roles(outcome, shown, thinned[..., -1], step, data.grid.shape),
        predicted_percent=judgements[shown].predicted,
        reference_cells=reference_cells,
        pixel_size_m=(step * height_m, step * width_m),
        cell_size_m=(cells.size_px * height_m, cells.size_px * width_m),
        verdict=(
            word.word.capitalize(),
            f"{word.reason}. {RULE}" if validation else word.reason,
            level.get(word.word, "info"),
        ),
        folds=tuple(_fold(fold, scenes, scale) for fold in outcome.folds),
        warnings=_warnings(outcome, scenes),
        scenes=_scenes(material, outcome) if several else None,
        held_out=f"validation {noun}",
        everything="all scenes" if several else "the whole scene",
        footprint_means=plan.task.footprint_px > 0,
    )


def _curve(fit: Fit, scale: float) -> Curve:
    """Return the losses of a fit, in the unit that a scale gives."""
    return Curve(
        [epoch.training * scale for epoch in fit.epochs],
        [None if e.validation is None else e.validation * scale for e in fit.epochs],
        [(epoch.l2 + epoch.l1) * scale for epoch in fit.epochs],
        fit.best_epoch,
        next((epoch.number for epoch in fit.epochs if epoch.is_candidate), len(fit.epochs)),
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


def _fold(outcome: Outcome, scenes: Scenes, scale: float) -> Fold:
    rmse = {part: s.rmse_percent if s else None for part, s in outcome.scores.items()}
    return Fold(
        _curve(outcome.first.fit, scale),
        rmse["training"],
        rmse["validation"],
        footprints(scenes, outcome.splits),
    )


def _scenes(material: Material, outcome: Outcome) -> Table:
    """Return the errors by scene: on validation where it has been held out, else on training."""
    rows = []
    for name, judged in {**outcome.validation, **outcome.training}.items():
        s = outcome.validation.get(name, judged).scores
        part = material.division.part_of(name)
        rows.append((name, part, s.rmse_percent, s.mae_percent, s.bias_percent, s.count))
    return Table(
        (
            Column("Scene"),
            Column("Part"),
            Column("RMSE", "% SIC", 2),
            Column("MAE", "% SIC", 2),
            Column("Bias", "% SIC", 2),
            Column("Reference pixels"),
        ),
        rows,
        caption=(
            "Errors by scene, each of the fold's fit that did not see it"
            if outcome.folds
            else "Errors by scene, of the fit that was validated"
        ),
    )


def _warnings(outcome: Outcome, scenes: Scenes) -> tuple[str, ...]:
    warnings = [note for data in scenes.values() for note in data.notes] if len(scenes) == 1 else []
    held_out = len(outcome.validation)
    if len(scenes) > 1 and 0 < held_out < _FEW_SCENES:
        who = "1 scene validates" if held_out == 1 else f"{held_out} scenes validate"
        warnings.append(
            f"{who}. The error on other scenes may differ much; add scenes of other days and"
            " regions."
        )
    elif held_out:
        few = few_footprints(scenes, [fold.splits for fold in outcome.fits])
        warnings += [f"{few}."] if few else []
    text = unbeaten(outcome.baselines, f"validation {parts_noun(scenes)}")
    if text:
        warnings.append(f"{text}.")
    return tuple(warnings)
