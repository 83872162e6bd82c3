"""Predict sea-ice concentration."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class Predict(SeaIceAlgorithm):
    """Maps the sea-ice concentration of a scene with a fitted network."""

    JOB = jobs.PredictJob
    STYLES: ClassVar[Mapping[str, styling.Style]] = {
        "OUTPUT": styling.sic,
        "UNCERTAINTY": styling.uncertainty,
    }
    TAGS = ("segmentation", "inference", "ice chart")
