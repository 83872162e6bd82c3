"""The jobs: one dataclass per algorithm that holds every parameter once."""

from __future__ import annotations

import json
from typing import Dict, Tuple, Type

from ..errors import JobError
from .base import Job, Number, dumps
from .buildtrainingset import BuildTrainingSetJob
from .checkenvironment import CheckEnvironmentJob
from .comparenetworks import CompareNetworksJob
from .describemodel import DescribeModelJob
from .evaluate import EvaluateJob
from .fields import Choice, Kind, Spec
from .icecharttosic import IceChartToSicJob
from .importsentinel1 import ImportSentinel1Job
from .importsic import ImportSicJob
from .landmask import LandMaskJob
from .predict import PredictJob
from .simulatescene import SimulateSceneJob
from .sources import FROM_FILE, RasterSource, VectorSource
from .train import TrainJob

__all__ = [
    "FROM_FILE",
    "JOBS",
    "BuildTrainingSetJob",
    "CheckEnvironmentJob",
    "Choice",
    "CompareNetworksJob",
    "DescribeModelJob",
    "EvaluateJob",
    "ImportSentinel1Job",
    "IceChartToSicJob",
    "ImportSicJob",
    "Job",
    "Kind",
    "LandMaskJob",
    "Number",
    "PredictJob",
    "RasterSource",
    "SimulateSceneJob",
    "Spec",
    "TrainJob",
    "VectorSource",
    "dumps",
    "loads",
]

JOBS: Dict[str, Type[Job]] = {
    job.NAME: job
    for job in (
        TrainJob,
        PredictJob,
        EvaluateJob,
        CompareNetworksJob,
        DescribeModelJob,
        CheckEnvironmentJob,
        SimulateSceneJob,
        ImportSicJob,
        IceChartToSicJob,
        LandMaskJob,
        ImportSentinel1Job,
        BuildTrainingSetJob,
    )
}


def loads(text: str) -> Tuple[Job, str]:
    """Return the checked job and the run id in a job file's text.

    Raises:
        JobError: The text is no job file, or a parameter is wrong.
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise JobError(f"the job file is not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("job") not in JOBS:
        raise JobError(
            f'a job file is {{"job": NAME, "parameters": …}} with NAME one of {", ".join(JOBS)}'
        )
    parameters = record.get("parameters", {})
    if not isinstance(parameters, dict):
        raise JobError('"parameters" must be an object of names and values')
    run_id = str(record.get("run_id", ""))
    if run_id and not run_id.isalnum():
        raise JobError(f"run_id {run_id!r} must be letters and digits")
    return JOBS[record["job"]].from_dict(parameters), run_id
