"""The algorithms, one file each; adding one needs its file and a line here."""

from __future__ import annotations

from typing import Tuple, Type

from .base import SeaIceAlgorithm
from .buildtrainingset import BuildTrainingSet
from .checkenvironment import CheckEnvironment
from .comparenetworks import CompareNetworks
from .describemodel import DescribeModel
from .evaluate import Evaluate
from .icecharttosic import IceChartToSic
from .importsentinel1 import ImportSentinel1
from .importsic import ImportSic
from .installenvironment import InstallEnvironment
from .predict import Predict
from .simulatescene import SimulateScene
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
    SimulateScene,
    InstallEnvironment,
    CheckEnvironment,
)
