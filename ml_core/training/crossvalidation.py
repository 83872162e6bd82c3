"""Cross-validation: every part of the scene validates once; then the network that is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..events import Reporter
from .device import Device
from .experiment import Outcome, fit_everything, run
from .judgement import Judgement, merged
from .plan import Plan
from .scene import TrainingData
from .split import Split, draw_folds

EVERYTHING: Final = "everything"
"""Value of `keep`: the network is fitted on the whole scene. Else the best fold's is kept."""


def draw(data: TrainingData, plan: Plan) -> list[Split]:
    """Return the folds' splits.

    Raises:
        SeaIceError: The scene is too small for so many.
    """
    return draw_folds(data.cells, data.length_px, plan.folds)


def cross_validate(
    data: TrainingData, plan: Plan, splits: Sequence[Split], device: Device, report: Reporter
) -> Outcome:
    """Fit and judge a network for each fold, and return the network that is kept.

    The errors returned are those of all folds together: each reference pixel is judged by a
    network that did not see it.

    Args:
        data: The scene.
        plan: What to fit and how.
        splits: The folds.
        device: What computes.
        report: Receives progress 0-1, losses and messages.
    """
    parts = len(splits) + (plan.keep == EVERYTHING)
    folds = []
    for number, split in enumerate(splits):
        part = report.part(number / parts, (number + 1) / parts)
        outcome = run(data, replace(plan, refit=False), split, device, part)
        folds.append(outcome)
        report.info(
            f"Fold {number + 1} of {len(splits)}: RMSE {rmse(outcome):.1f} % SIC on validation"
        )
    best = min(folds, key=rmse)
    together = replace(
        best,
        training=merged([fold.training for fold in folds]),
        validation=merged([judged for fold in folds if (judged := fold.validation)]),
        baselines=_pooled(folds),
        folds=tuple(folds),
    )
    if plan.keep != EVERYTHING:
        return together
    epochs = round(float(np.median([fold.first.best_epoch for fold in folds])))
    scaling, second = fit_everything(
        data, plan, epochs, device, report.part(len(splits) / parts, 1)
    )
    return replace(together, state=second.state, scaling=scaling, second=second)


def rmse(outcome: Outcome) -> float:
    """Return an outcome's RMSE in percent on its validation part; infinity without one."""
    scores = outcome.validation.scores if outcome.validation else None
    if scores is None or scores.rmse_percent is None:
        return math.inf
    return scores.rmse_percent


def spread(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return mean and standard deviation (of a sample) of the folds' RMSE in percent."""
    values = [value for outcome in outcomes if math.isfinite(value := rmse(outcome))]
    if len(values) < 2:
        return (values or [math.nan])[0], math.nan
    return float(np.mean(values)), float(np.std(values, ddof=1))


def _pooled(folds: Sequence[Outcome]) -> dict[str, float]:
    """Return each predictor's RMSE over the cells of all folds."""
    squares: dict[str, float] = {}
    total = 0
    for fold in folds:
        cells = _cells(fold.validation)
        total += cells
        for name, value in fold.baselines.items():
            squares[name] = squares.get(name, 0.0) + cells * value * value
    return {name: math.sqrt(value / total) for name, value in squares.items()} if total else {}


def _cells(judged: Judgement | None) -> int:
    return int(np.isfinite(judged.predicted).sum()) if judged else 0
