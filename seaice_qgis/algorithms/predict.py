"""Predict sea-ice concentration."""

from __future__ import annotations

from typing import Mapping

from osgeo import gdal

from .. import styling
from ..core import errors, jobs
from .base import SeaIceAlgorithm

_CODECS: Mapping[str, str] = {"zstd": "ZSTD", "lerc": "LERC_ZSTD"}
"""Compressions that GDAL is not always built with."""


class Predict(SeaIceAlgorithm):
    """Maps the sea-ice concentration of a scene with a fitted network."""

    JOB = jobs.PredictJob
    STYLES = {
        "OUTPUT": styling.sic,
        "UNCERTAINTY": styling.uncertainty,
    }
    TAGS = ("segmentation", "inference", "ice chart")

    def check_job(self, job: jobs.Job) -> None:
        """Refuse a compression that this QGIS could not read: the layer would not load."""
        assert isinstance(job, jobs.PredictJob)
        codec = _CODECS.get(job.compression)
        options = gdal.GetDriverByName("GTiff").GetMetadataItem("DMD_CREATIONOPTIONLIST")
        if codec and f"<Value>{codec}</Value>" not in options:
            raise errors.SeaIceError(
                f"Compression: the GDAL {gdal.__version__} of this QGIS cannot read {codec}; choose"
                " Deflate"
            )
