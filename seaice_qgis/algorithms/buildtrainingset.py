"""Build a training set."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback

from ..core import events, jobs
from .base import SeaIceAlgorithm, is_temporary


class BuildTrainingSet(SeaIceAlgorithm):
    """Adds a scene and its reference to a training set."""

    JOB = jobs.BuildTrainingSetJob
    TAGS = ("dataset", "chips", "many scenes")

    def finish(self, done: events.Done, feedback: QgsProcessingFeedback) -> None:
        """Warn of a set in a temporary folder, which vanishes with QGIS."""
        folder = done.outputs.get("TRAINING_SET", "")
        if folder and is_temporary(folder):
            feedback.pushWarning(
                f"The training set is in a temporary folder, {folder}, which vanishes with QGIS:"
                " give a folder of your own"
            )
