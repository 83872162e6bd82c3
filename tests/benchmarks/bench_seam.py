"""What the seam costs: a job that does nothing, run as the plugin runs jobs.

The packaged plugin is laid out in a temporary folder and given one more job, whose work is empty.
It is compared with an empty program in the same Python; the two take turns, since a machine's speed
drifts.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import ROOT, report

ROUNDS = 15

NO_OP_JOB = """

@dataclass(frozen=True)
class NoOpJob(Job):
    NAME: ClassVar[str] = "noop"


JOBS["noop"] = NoOpJob
"""
NO_OP_RUN = """
from ..events import Done


def run(job, files, report):
    return Done()
"""


def plugin_with_noop(folder):
    """Lay the plugin out with the additional job and return the folder that holds it."""
    sys.path.insert(0, str(ROOT / "tools"))
    import package

    plugin, _ = package.build(ROOT, folder / "build", folder / "dist")
    (plugin / "ml_core" / "runs" / "noop.py").write_text(NO_OP_RUN)
    jobs = plugin / "ml_core" / "jobs" / "__init__.py"
    header = "from dataclasses import dataclass\nfrom typing import ClassVar\n"
    docstring, future, rest = jobs.read_text().partition("from __future__ import annotations\n")
    jobs.write_text(docstring + future + header + rest + NO_OP_JOB)
    return plugin.parent


def seconds(action):
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main():
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, str(plugin_with_noop(Path(folder))))
        from seaice_qgis import runner
        from seaice_qgis.core import jobs

        def job():
            runner.run(jobs.NoOpJob(), lambda event: None, lambda: False, sys.executable)

        def nothing():
            subprocess.run([sys.executable, "-c", "pass"], check=True)

        job(), nothing()  # the first round also fills caches
        turns = [(seconds(job), seconds(nothing)) for _ in range(ROUNDS)]
    report("noop_job_s", statistics.median(turn[0] for turn in turns), "s")
    report("python_start_s", statistics.median(turn[1] for turn in turns), "s")
    overhead = statistics.median(job_s - nothing_s for job_s, nothing_s in turns)
    report("seam_overhead_s", overhead, "s")


if __name__ == "__main__":
    main()
