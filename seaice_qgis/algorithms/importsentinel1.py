"""Import a Sentinel-1 scene."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class ImportSentinel1(SeaIceAlgorithm):
    """Calibrates and geocodes a Sentinel-1 GRD product."""

    JOB = jobs.ImportSentinel1Job
    STYLES: ClassVar[Mapping[str, styling.Style]] = {
        "HH": styling.grey,
        "HV": styling.grey,
        "INCIDENCE": styling.grey,
    }
    TAGS = ("calibration", "geocoding", "thermal noise", "SAFE", "GRD", "backscatter")
