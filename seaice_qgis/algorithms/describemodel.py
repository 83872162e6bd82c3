"""Describe SIC network."""

from __future__ import annotations

from ..core import jobs
from .base import SeaIceAlgorithm


class DescribeModel(SeaIceAlgorithm):
    """Shows a network's layers and model card."""

    JOB = jobs.DescribeModelJob
    TAGS = ("model card", "layers", "receptive field")
