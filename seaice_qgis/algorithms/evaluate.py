"""Evaluate sea-ice concentration."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class Evaluate(SeaIceAlgorithm):
    """Compares a map of sea-ice concentration with a reference."""

    JOB = jobs.EvaluateJob
    STYLES: ClassVar[Mapping[str, styling.Style]] = {"DIFFERENCE": styling.difference}
    TAGS = ("validate", "accuracy", "error", "RMSE", "ice edge", "IIEE", "extent")
