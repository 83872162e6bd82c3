"""What the training report shows of an experiment on a training set."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ...checkpoint import ModelCard
from ...reports.maps import MAX_SIDE_PX
from ...reports.tables import Column, Table
from ...reports.training import TrainingView
from ..judgement import unbeaten
from ..plan import Plan
from ..scene import TrainingData
from ..split import TRAINING, VALIDATION
from ..verdict import RULE, verdict
from ..view import curve_of
from .experiment import SetOutcome
from .split import SceneSplit

_FEW_SCENES = 3


def view_of(
    name: str,
    plan: Plan,
    scenes: Mapping[str, TrainingData],
    split: SceneSplit,
    outcome: SetOutcome,
    card: ModelCard,
) -> TrainingView:
    """Return what the report shows: all errors, and maps of the largest validation scene."""
    shown = max(split.validation or split.training, key=lambda key: outcome_pixels(outcome, key))
    data, judged = scenes[shown], outcome.judgements[shown]
    step = max(1, math.ceil(max(data.grid.shape) / MAX_SIDE_PX))
    thinned = np.array(data.store[::step, ::step])
    training = outcome.together(split.training)[0].total()
    validation, density = None, None
    if split.validation:
        errors, density = outcome.together(split.validation)
        validation = errors.total()
    first, scale = outcome.first, plan.task.loss_scale
    word = verdict(
        [epoch.training for epoch in first.epochs],
        [epoch.validation for epoch in first.epochs],
        training.rmse_percent,
        validation.rmse_percent if validation else None,
        outcome.baselines.get("linear"),
    )
    level = {"fitted": "good", "over-fitted": "warning", "under-fitted": "warning"}
    height_m, width_m = data.grid.nominal_pixel_size_m
    role = VALIDATION if split.validation else TRAINING
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = np.where(data.cells.count, data.cells.count, np.nan)
        reference_cells = data.sums[..., -1] / counts
    return TrainingView(
        title=f"training set {name}, {len(scenes)} scenes; maps of {shown}",
        card=card,
        loss_label=plan.task.loss_label,
        loss_unit=plan.task.loss_unit,
        curve=curve_of(first, scale),
        second=curve_of(outcome.second, scale) if outcome.second else None,
        training=training,
        validation=validation,
        density=density,
        baselines=outcome.baselines,
        footprints=split.footprints["validation"],
        hh_db=thinned[..., 0],
        sic_percent=thinned[..., -1],
        roles=np.where(np.isfinite(thinned[..., -1]), np.float32(role), np.float32(np.nan)),
        predicted_percent=judged.predicted,
        reference_cells=reference_cells,
        pixel_size_m=(step * height_m, step * width_m),
        cell_size_m=(data.cells.size_px * height_m, data.cells.size_px * width_m),
        verdict=(
            word.word.capitalize(),
            f"{word.reason}. {RULE}" if validation else word.reason,
            level.get(word.word, "info"),
        ),
        warnings=_warnings(split, outcome),
        scenes=_table(split, outcome),
        held_out="validation scenes",
        everything="all scenes",
    )


def outcome_pixels(outcome: SetOutcome, name: str) -> int:
    """Return how many reference pixels of a scene were judged."""
    return outcome.judgements[name].scores.count


def _table(split: SceneSplit, outcome: SetOutcome) -> Table:
    rows = []
    for part, names in (("validation", split.validation), ("training", split.training)):
        for name in names:
            s = outcome.judgements[name].scores
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
        caption="Errors by scene, of the fit that was validated",
    )


def _warnings(split: SceneSplit, outcome: SetOutcome) -> tuple[str, ...]:
    warnings = []
    if 0 < len(split.validation) < _FEW_SCENES:
        warnings.append(
            f"{len(split.validation)} scenes validate. The error on other scenes may differ much;"
            " add scenes of other days and regions."
        )
    text = unbeaten(outcome.baselines, "validation scenes")
    if text:
        warnings.append(f"{text}.")
    return tuple(warnings)
