"""Cross-validation: every part of the data validates once; then the network that is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..datasets.division import Division, Scenes
from ..errors import SeaIceError
from ..evaluation.scene_scores import Judged, merged
from ..events import Reporter
from .device import Device
from .experiment import Outcome, fit_everything, run
from .plan import Plan

EVERYTHING: Final = "everything"
"""Value of `keep`: the network is fitted on everything. Else the best fold's is kept."""


def cross_validate(
    scenes: Scenes, plan: Plan, division: Division, device: Device, report: Reporter
) -> Outcome:
    """Fit and judge a network for each fold, and return the network that is kept.

    The errors returned are those of all folds together: each reference pixel is judged by a
    network that did not see it.

    Args:
        scenes: The scenes by name.
        plan: What to fit and how.
        division: The folds.
        device: What computes.
        report: Receives progress 0-1, losses and messages.

    Raises:
        SeaIceError: A fold cannot be learnt from, or its fit went astray.
    """
    number = len(division.fits)
    parts = number + (plan.keep == EVERYTHING)
    folds = []
    for k, splits in enumerate(division.fits):
        part = report.part(k / parts, (k + 1) / parts)
        try:
            fold = run(scenes, plan, splits, device, part)
        except SeaIceError as error:
            raise SeaIceError(f"Fold {k + 1} of {number}: {error}") from error
        folds.append(fold)
        report.info(f"Fold {k + 1} of {number}: RMSE {fold.rmse_percent:.1f} % SIC on validation")
    together = replace(
        min(folds, key=lambda fold: fold.rmse_percent),
        training=_merged([fold.training for fold in folds]),
        validation=_merged([fold.validation for fold in folds]),
        baselines=_pooled(folds),
        folds=tuple(folds),
    )
    if plan.keep != EVERYTHING:
        return together
    last = report.part(number / parts, 1)
    return replace(
        together, second=fit_everything(scenes, plan, division.everything, folds, device, last)
    )


def _merged(parts: Sequence[Judged]) -> Judged:
    """Return the folds' judgements by scene."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: merged([part[name] for part in parts if name in part]) for name in names}


def _pooled(folds: Sequence[Outcome]) -> dict[str, float]:
    """Return each predictor's RMSE over the cells of all folds."""
    squares: dict[str, float] = {}
    total = 0
    for fold in folds:
        cells = sum(int(np.isfinite(part.predicted).sum()) for part in fold.validation.values())
        total += cells
        for name, value in fold.baselines.items():
            squares[name] = squares.get(name, 0.0) + cells * value * value
    return {name: math.sqrt(value / total) for name, value in squares.items()} if total else {}
