"""Simulate a scene."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class SimulateScene(SeaIceAlgorithm):
    """Makes a Sentinel-1 scene whose sea-ice concentration is known."""

    JOB = jobs.SimulateSceneJob
    STYLES: ClassVar[Mapping[str, styling.Style]] = {
        "HH": styling.grey,
        "HV": styling.grey,
        "INCIDENCE": styling.grey,
        "TRUE_SIC": styling.sic,
        "REFERENCE": styling.sic,
    }
    TAGS = ("synthetic", "test data", "demo", "speckle")
