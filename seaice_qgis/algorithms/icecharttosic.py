"""Ice chart to SIC."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class IceChartToSic(SeaIceAlgorithm):
    """Brings an ice chart to SIC on a scene's grid."""

    JOB = jobs.IceChartToSicJob
    STYLES: ClassVar[Mapping[str, styling.Style]] = {"OUTPUT": styling.sic}
    TAGS = ("SIGRID-3", "egg code", "shapefile", "reference")
