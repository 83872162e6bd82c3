"""Train SIC network."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from qgis.core import QgsProcessingFeedback

from .. import settings
from ..core import events, jobs
from .base import SeaIceAlgorithm, is_temporary


class Train(SeaIceAlgorithm):
    """Fits a network to a scene whose sea-ice concentration is known."""

    JOB = jobs.TrainJob
    TAGS = ("u-net", "deep learning", "neural network", "machine learning", "fit")

    def finish(self, done: events.Done, feedback: QgsProcessingFeedback) -> None:
        """Keep a model that was written to a temporary path, which vanishes with QGIS."""
        model = done.outputs.get("MODEL", "")
        if not model or not is_temporary(model):
            return
        folder = settings.models_folder()
        kept = folder / f"{datetime.now():%Y-%m-%d_%H%M%S}_{Path(model).name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(model, kept)
        except OSError as error:
            feedback.pushWarning(
                f"The model is in a temporary file, {model}, and could not be kept in {folder}"
                f" ({error.strerror}): copy it before you close QGIS"
            )
            return
        feedback.pushWarning(
            f"The model was written to a temporary file, which vanishes with QGIS; it is also kept"
            f" as {kept}"
        )
