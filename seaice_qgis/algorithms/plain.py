"""Algorithms that only run their job: styles of their outputs and search terms."""

from __future__ import annotations

from .. import styling
from ..core import jobs
from .base import SeaIceAlgorithm


class Evaluate(SeaIceAlgorithm):
    """Compares a map of sea-ice concentration with a reference."""

    JOB = jobs.EvaluateJob
    STYLES = {"DIFFERENCE": styling.difference}
    TAGS = ("validate", "accuracy", "error", "RMSE", "ice edge", "IIEE", "extent")


class CompareNetworks(SeaIceAlgorithm):
    """Trains several networks, sizes and regularisations and compares them."""

    JOB = jobs.CompareNetworksJob
    TAGS = ("over-fitting", "under-fitting", "regularisation", "dropout", "L2", "sweep")


class DescribeModel(SeaIceAlgorithm):
    """Shows a network's layers and model card."""

    JOB = jobs.DescribeModelJob
    TAGS = ("model card", "layers", "receptive field")


class ImportSentinel1(SeaIceAlgorithm):
    """Calibrates and geocodes a Sentinel-1 GRD product."""

    JOB = jobs.ImportSentinel1Job
    STYLES = {
        "HH": styling.grey,
        "HV": styling.grey,
        "INCIDENCE": styling.grey,
    }
    TAGS = ("calibration", "geocoding", "thermal noise", "SAFE", "GRD", "backscatter")


class ImportSic(SeaIceAlgorithm):
    """Brings a passive-microwave SIC product into percent with its footprint."""

    JOB = jobs.ImportSicJob
    STYLES = {"OUTPUT": styling.sic}
    TAGS = ("NSIDC", "OSI SAF", "Bremen", "AMSR2", "SSMIS", "radiometer", "reference")


class IceChartToSic(SeaIceAlgorithm):
    """Brings an ice chart to SIC on a scene's grid."""

    JOB = jobs.IceChartToSicJob
    STYLES = {"OUTPUT": styling.sic}
    TAGS = ("SIGRID-3", "egg code", "shapefile", "reference")


class LandMask(SeaIceAlgorithm):
    """Makes a mask of land on a layer's grid from a coastline."""

    JOB = jobs.LandMaskJob
    STYLES = {"OUTPUT": styling.land, "REFERENCE_MASK": styling.land}
    TAGS = ("coastline", "coast", "GSHHG", "OpenStreetMap", "Natural Earth", "buffer")


class SimulateScene(SeaIceAlgorithm):
    """Makes a Sentinel-1 scene whose sea-ice concentration is known."""

    JOB = jobs.SimulateSceneJob
    STYLES = {
        "HH": styling.grey,
        "HV": styling.grey,
        "INCIDENCE": styling.grey,
        "TRUE_SIC": styling.sic,
        "REFERENCE": styling.sic,
    }
    TAGS = ("synthetic", "test data", "demo", "speckle")


class CheckEnvironment(SeaIceAlgorithm):
    """Reports what the worker's Python offers."""

    JOB = jobs.CheckEnvironmentJob
    TAGS = ("python", "torch", "gpu", "version")
