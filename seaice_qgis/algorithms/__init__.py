"""The algorithms: those that do more than their job have a file of their own."""

from __future__ import annotations

from typing import Tuple, Type

from .base import SeaIceAlgorithm
from .buildtrainingset import BuildTrainingSet
from .installenvironment import InstallEnvironment
from .plain import (
    CheckEnvironment,
    CompareNetworks,
    DescribeModel,
    Evaluate,
    IceChartToSic,
    ImportSentinel1,
    ImportSic,
    LandMask,
    SimulateScene,
)
from .predict import Predict
from .train import Train

ALGORITHMS: Tuple[Type[SeaIceAlgorithm], ...] = (
    Train,
    Predict,
    Evaluate,
    CompareNetworks,
    DescribeModel,
    BuildTrainingSet,
    ImportSentinel1,
    ImportSic,
    IceChartToSic,
    LandMask,
    SimulateScene,
    InstallEnvironment,
    CheckEnvironment,
)
