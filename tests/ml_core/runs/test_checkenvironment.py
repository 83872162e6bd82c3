import os

import numpy
import torch

from ml_core.jobs import CheckEnvironmentJob
from tests.builders.jobs import execute


def test_the_libraries_and_processors_are_listed():
    text = execute(CheckEnvironmentJob())[1].text
    assert torch.__version__.split("+")[0] in text
    assert numpy.__version__ in text
    assert str(os.cpu_count()) in text or str(len(os.sched_getaffinity(0))) in text
