"""Cross-validation: every part of the data validates once; then the network that is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..datasets.scene_data import Scenes
from ..datasets.training_data import DataSplit
from ..errors import SeaIceError
from ..evaluation.scene_scores import ScoresByScene, merged
from ..events import Reporter
from .config import TrainingConfig
from .device import Device
from .experiment import Outcome, refit_on, run


def cross_validate(
    scenes: Scenes,
    config: TrainingConfig,
    split: DataSplit,
    device: Device,
    report: Reporter,
    *,
    refit: bool,
) -> Outcome:
    """Fit and score a network for each fold, and return the network that is kept.

    The errors returned are those of all folds together: each reference pixel is compared with a
    network that did not see it.

    Args:
        report: Receives progress 0-1, losses and messages.
        refit: Whether the network that is kept is fitted on the full data; else it is that of the
            fold with the lowest error.

    Raises:
        SeaIceError: A fold cannot be learnt from, or its fit went astray.
    """
    number = len(split.fits)
    parts = number + refit
    folds = []
    for k, splits in enumerate(split.fits):
        part = report.part(k / parts, (k + 1) / parts)
        try:
            fold = run(scenes, config, splits, device, part)
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
    if not refit:
        return together
    last = report.part(number / parts, 1)
    return replace(together, refit=refit_on(split.full, scenes, config, folds, device, last))


def _merged(parts: Sequence[ScoresByScene]) -> ScoresByScene:
    """Return the errors of all folds by scene."""
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
