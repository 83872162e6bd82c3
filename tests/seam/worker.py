"""`python -m ml_core` that also knows the job of `misbehave.py`.

Called as the worker's Python is: `worker.py -m ml_core ARGUMENTS`.
"""

import runpy
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
import misbehave

from ml_core import jobs

jobs.JOBS[misbehave.MisbehaveJob.NAME] = misbehave.MisbehaveJob
sys.modules["ml_core.runs.misbehave"] = misbehave
assert sys.argv[1:3] == ["-m", "ml_core"]
sys.argv[:3] = ["ml_core"]
runpy.run_module("ml_core", run_name="__main__")
