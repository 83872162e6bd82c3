"""Compare SIC networks."""

from __future__ import annotations

from ..core import jobs
from .base import SeaIceAlgorithm


class CompareNetworks(SeaIceAlgorithm):
    """Trains several networks, sizes and regularisations and compares them."""

    JOB = jobs.CompareNetworksJob
    TAGS = ("over-fitting", "under-fitting", "regularisation", "dropout", "L2", "sweep")
