"""The columns of errors that tables of several reports share."""

from __future__ import annotations

from ..evaluation.metrics import Scores
from .tables import Column, Value


def error_columns(decimals: int) -> list[Column]:
    """Return the heads of `error_values`."""
    return [Column(label, "% SIC", decimals) for label in ("RMSE", "MAE", "Bias")]


def error_values(scores: Scores) -> list[Value]:
    """Return RMSE, mean absolute error and mean error (prediction minus reference)."""
    return [scores.rmse_percent, scores.mae_percent, scores.bias_percent]
