"""Import passive-microwave SIC."""

from __future__ import annotations

from typing import ClassVar, Mapping

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class ImportSic(SeaIceAlgorithm):
    """Brings a passive-microwave SIC product into percent with its footprint."""

    JOB = jobs.ImportSicJob
    STYLES: ClassVar[Mapping[str, styling.Style]] = {"OUTPUT": styling.sic}
    TAGS = ("NSIDC", "OSI SAF", "Bremen", "AMSR2", "SSMIS", "radiometer", "reference")
