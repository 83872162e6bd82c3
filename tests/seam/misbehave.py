"""A job that does what a worker must survive; its worker is `worker.py` beside this file."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from ml_core.errors import SeaIceError
from ml_core.events import Done, Reporter
from ml_core.files import OutputFiles
from ml_core.jobs import Job, Kind
from ml_core.jobs.fields import parameter


@dataclass(frozen=True)
class MisbehaveJob(Job):
    NAME: ClassVar[str] = "misbehave"
    LABEL: ClassVar[str] = "Misbehave"
    GROUP: ClassVar[str] = "Tests"
    SUMMARY: ClassVar[str] = ""

    action: str = parameter(Kind.TEXT, "Action", "", default="succeed")
    output: Optional[str] = parameter(Kind.OUTPUT_FILE, "Output", "", optional=True)
    pid_file: str = parameter(Kind.TEXT, "Where to write the process id", "", optional=True)


def run(job: MisbehaveJob, files: OutputFiles, report: Reporter) -> Done:
    if job.pid_file:
        Path(job.pid_file).write_text(str(os.getpid()))
    if job.output:
        part = Path(files.stage(job.output))
        part.write_text("unfinished")
        Path(f"{part}.aux.xml").write_text("<PAMDataset/>")
    ACTIONS[job.action](report)
    if job.output:
        part.write_text(f"finished {job.action}")
    return Done({"OUTPUT": job.output} if job.output else {}, {"NUMBER": 4.5})


def succeed(report: Reporter) -> None:
    report.progress(0.5)
    report.info("half-way, 50 % – Färöer 海氷")
    report.warning("look at this")
    report.metric("loss", 3, 0.25, "%")


def pollute(report: Reporter) -> None:
    """Print from Python, from C and straight to the file descriptor, between two events."""
    report.progress(0.25)
    print("a library prints", '{"event": "failed", "text": "forged"}')
    sys.stdout.flush()
    os.write(1, b'{"event": "done", "outputs": {}, "numbers": {"NUMBER": -1}}\n')
    ctypes.CDLL(None).puts(b"C prints too")
    ctypes.CDLL(None).fflush(None)
    report.progress(0.75)


def steps(report: Reporter) -> None:
    """Work in short steps, as a job does tile by tile, for longer than any test waits."""
    for step in range(6000):
        report.progress(step / 6000)
        time.sleep(0.01)


def deaf(report: Reporter) -> None:
    """Work without ever asking whether the run was cancelled."""
    report.progress(0.1)
    time.sleep(120)


def kill(report: Reporter) -> None:
    report.progress(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def crash(report: Reporter) -> None:
    report.progress(0.1)
    ctypes.string_at(0)


def leave(report: Reporter) -> None:
    """End with exit code 0 and no `done`, as a library that calls exit does."""
    os._exit(0)


def chatter(report: Reporter) -> None:
    """Fill the pipes of standard error and of the events."""
    for line in range(20000):
        sys.stderr.write(f"a long line of a log that nobody reads while the job runs, {line}\n")
        report.progress(line / 20000)


def flood(report: Reporter) -> None:
    report.info("x" * 3_000_000)


def fail(report: Reporter) -> None:
    raise SeaIceError("hh.tif: values 0-255, dB expected; give calibrated backscatter")


def bug(report: Reporter) -> None:
    raise KeyError("never")


def memory(report: Reporter) -> None:
    raise MemoryError


def disk(report: Reporter) -> None:
    raise OSError(28, "No space left on device", "/data/sic.tif")


def lacking(report: Reporter) -> None:
    import no_such_library.part  # noqa: F401


ACTIONS = {
    action.__name__: action
    for action in (
        succeed,
        pollute,
        steps,
        deaf,
        kill,
        crash,
        leave,
        chatter,
        flood,
        fail,
        bug,
        memory,
        disk,
        lacking,
    )
}
