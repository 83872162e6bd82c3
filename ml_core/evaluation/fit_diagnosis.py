"""Diagnosis of a fit: under-fitted, fitted or over-fitted, by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_RISEN: Final = 1.15
_APART: Final = 2.0
_NO_BETTER: Final = 0.9
_MEAN_OF: Final = 3
"""Losses are averaged over so many epochs, since those of single epochs scatter."""

RULE: Final = (
    f"Over-fitted: the validation loss ended {100 * (_RISEN - 1):.0f} % above its lowest mean over"
    f" {_MEAN_OF} epochs while the training loss fell, or the RMSE on validation is {_APART:g}"
    " times that on training. Under-fitted: the RMSE on training is more than"
    f" {100 * _NO_BETTER:.0f} % of that of a linear regression on backscatter. Fitted: neither."
)


@dataclass(frozen=True)
class FitDiagnosis:
    """Whether a fit is over- or under-fitted, and the numbers behind it.

    Attributes:
        label: ``under-fitted``, ``fitted``, ``over-fitted`` or ``not validated``.
        reason: The numbers, in a sentence.
    """

    label: str
    reason: str


def diagnose(
    training_loss: Sequence[float],
    validation_loss: Sequence[float | None],
    training_rmse: float | None,
    validation_rmse: float | None,
    linear_rmse: float | None,
) -> FitDiagnosis:
    """Return the diagnosis of a fit by `RULE`.

    Args:
        training_loss: By epoch.
        validation_loss: By epoch, in the same unit; None where there was none.
        training_rmse: Of the network kept, in percent, dropout off.
        validation_rmse: The same on the validation part.
        linear_rmse: Of a linear regression on backscatter, on the validation part.
    """
    known = [value for value in validation_loss if value is not None]
    if training_rmse is None or validation_rmse is None or not known:
        return FitDiagnosis("not validated", "no part of the scene was kept for validation")
    means = _running_means(known)
    lowest = int(np.argmin(means))
    rise = means[-1] / means[lowest]
    trained = _running_means(list(training_loss))
    ratio = validation_rmse / max(training_rmse, 1e-9)
    numbers = (
        f"RMSE {training_rmse:.1f} % on training and {validation_rmse:.1f} % on validation"
        f" ({ratio:.1f} times); validation loss at the end {rise:.2f} times its lowest"
    )
    if linear_rmse is not None:
        numbers += f"; the RMSE of a linear regression on backscatter is {linear_rmse:.1f} %"
        if training_rmse > _NO_BETTER * linear_rmse:
            return FitDiagnosis("under-fitted", numbers)
    if (rise > _RISEN and trained[-1] < trained[lowest]) or ratio > _APART:
        return FitDiagnosis("over-fitted", numbers)
    return FitDiagnosis("fitted", numbers)


def _running_means(values: Sequence[float]) -> list[float]:
    width = min(_MEAN_OF, len(values))
    means = np.convolve(values, np.full(width, 1 / width), "valid")
    return [float(value) for value in means]
