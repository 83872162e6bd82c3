"""Check environment."""

from __future__ import annotations

from ..core import jobs
from .base import SeaIceAlgorithm


class CheckEnvironment(SeaIceAlgorithm):
    """Reports what the worker's Python offers."""

    JOB = jobs.CheckEnvironmentJob
    TAGS = ("python", "torch", "gpu", "version")
