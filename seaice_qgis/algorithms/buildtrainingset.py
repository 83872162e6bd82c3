"""Build a training set."""

from __future__ import annotations

from ..core import jobs
from .base import SeaIceAlgorithm


class BuildTrainingSet(SeaIceAlgorithm):
    """Adds a scene and its reference to a training set."""

    JOB = jobs.BuildTrainingSetJob
    TAGS = ("dataset", "chips", "many scenes")
