"""What the training report shows of an outcome."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..reports.maps import MAX_SIDE_PX
from ..reports.training import Curve, Fold, TrainingView
from .experiment import Outcome
from .fit import Fit
from .judgement import unbeaten
from .plan import Plan
from .scene import TrainingData
from .split import VALIDATION
from .verdict import RULE, verdict

_FEW_FOOTPRINTS = 20
"""With fewer, one SIC error more or less moves the validation RMSE a lot."""


def view_of(plan: Plan, data: TrainingData, outcome: Outcome, card: ModelCard) -> TrainingView:
    """Return what the report shows."""
    step = max(1, math.ceil(max(data.grid.shape) / MAX_SIDE_PX))
    thinned = np.array(data.store[::step, ::step])
    scores = outcome.validation.scores if outcome.validation else None
    first = outcome.first
    word = verdict(
        [epoch.training for epoch in first.epochs],
        [epoch.validation for epoch in first.epochs],
        outcome.training.scores.rmse_percent,
        scores.rmse_percent if scores else None,
        outcome.baselines.get("linear"),
    )
    level = {"fitted": "good", "over-fitted": "warning", "under-fitted": "warning"}
    judged = outcome.folds or (outcome,)
    footprints = sum(data.footprints(part.split.counts["validation"]) for part in judged)
    height_m, width_m = data.grid.nominal_pixel_size_m
    inputs = card.training["inputs"]
    cells = data.cells
    with np.errstate(invalid="ignore", divide="ignore"):
        reference_cells = data.sums[..., -1] / np.where(cells.count, cells.count, np.nan)
    return TrainingView(
        title=f"{inputs['HH']} and {inputs['HV']}, reference {inputs['reference']}",
        card=card,
        loss_label=plan.task.loss_label,
        loss_unit=plan.task.loss_unit,
        curve=curve_of(first, plan.task.loss_scale),
        second=curve_of(outcome.second, plan.task.loss_scale) if outcome.second else None,
        training=outcome.training.scores,
        validation=scores,
        density=outcome.validation.density if outcome.validation else None,
        baselines=outcome.baselines,
        footprints=footprints,
        hh_db=thinned[..., 0],
        sic_percent=thinned[..., -1],
        roles=_roles(outcome, thinned[..., -1], step, data.grid.shape),
        predicted_percent=(
            outcome.validation.predicted
            if outcome.validation
            else np.full(cells.count.shape, np.nan)
        ),
        reference_cells=reference_cells,
        pixel_size_m=(step * height_m, step * width_m),
        cell_size_m=(cells.size_px * height_m, cells.size_px * width_m),
        verdict=(
            word.word.capitalize(),
            f"{word.reason}. {RULE}" if scores else word.reason,
            level.get(word.word, "info"),
        ),
        folds=tuple(_fold(fold, data, plan.task.loss_scale) for fold in outcome.folds),
        warnings=_warnings(outcome, footprints, data),
    )


def curve_of(fit: Fit, scale: float) -> Curve:
    """Return the losses of a fit, in the unit that a scale gives."""
    return Curve(
        [epoch.training * scale for epoch in fit.epochs],
        [None if e.validation is None else e.validation * scale for e in fit.epochs],
        [(epoch.l2 + epoch.l1) * scale for epoch in fit.epochs],
        fit.best_epoch,
        next((epoch.number for epoch in fit.epochs if epoch.is_candidate), len(fit.epochs)),
    )


def _roles(
    outcome: Outcome, sic_percent: NDArray[np.float32], step: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the role, or the fold, of every n-th pixel; NaN where there is no reference."""
    roles = outcome.split.roles.astype(np.float32)
    for number, fold in enumerate(outcome.folds):
        roles[fold.split.roles == VALIDATION] = number
    rows, cols = (np.arange(0, side, step) // outcome.split.cell_px for side in shape)
    return np.where(np.isfinite(sic_percent), roles[np.ix_(rows, cols)], np.float32(np.nan))


def _fold(outcome: Outcome, data: TrainingData, scale: float) -> Fold:
    return Fold(
        curve_of(outcome.first, scale),
        outcome.training.scores.rmse_percent,
        outcome.validation.scores.rmse_percent if outcome.validation else None,
        data.footprints(outcome.split.counts["validation"]),
    )


def _warnings(outcome: Outcome, footprints: float, data: TrainingData) -> tuple[str, ...]:
    warnings = list(data.notes)
    if outcome.validation and footprints < _FEW_FOOTPRINTS:
        warnings.append(
            f"The validation part holds {footprints:.1f} independent footprints only. Its RMSE is a"
            " rough guide; another Seed draws other blocks and gives another figure."
        )
    text = unbeaten(outcome.baselines, "validation blocks")
    if text:
        warnings.append(f"{text}.")
    return tuple(warnings)
