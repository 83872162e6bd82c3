"""What can befall the worker while it trains or predicts: the message, and that no file is left.

With the real jobs; tests/seam/test_runner.py has the finer points, with a job made for them.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml_core.events import Progress
from ml_core.jobs import loads
from seaice_qgis import environment, runner
from seaice_qgis.runner import WorkerError
from tests.builders.workplace import PREDICT, TRAIN, Workplace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stands in for Python by scripts")

ROOT = Path(__file__).resolve().parents[2]
LONG = {"epochs": 10000, "refit": False}
"""A training that lasts until it is ended."""


@pytest.fixture
def place(tmp_path):
    return Workplace(tmp_path)


def job_of(place, name, **changes):
    return loads(place.job(name, **changes).read_text(encoding="utf-8"))[0]


@pytest.fixture
def python_with(tmp_path):
    """Write a worker's Python in which a module of a given name and text comes before others."""

    def write(module, text):
        folder = tmp_path / "first"
        folder.mkdir()
        (folder / f"{module}.py").write_text(text)
        program = tmp_path / "python"
        program.write_text(
            f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(folder))}:"$PYTHONPATH"'
            f' exec {shlex.quote(sys.executable)} "$@"\n'
        )
        program.chmod(0o755)
        return str(program)

    return write


@pytest.mark.parametrize("name", [TRAIN, PREDICT])
@pytest.mark.parametrize(
    ("module", "text", "says"),
    [
        (
            "torch",
            "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
            r"\(Python 3\.\d+\) lacks torch; run Install environment in QGIS, or install the libr",
        ),
        (
            "sitecustomize",
            "import sys; sys.version_info = (3, 9, 18, 'final', 0)",
            r"\(Python 3\.9\) is too old, Python 3\.10 or newer is needed; run Install environment"
            r" in QGIS, or name another Python",
        ),
    ],
    ids=["without torch", "an old one"],
)
def test_a_workers_python_that_does_not_do(place, python_with, name, module, text, says):
    with pytest.raises(WorkerError, match=says):
        runner.run(job_of(place, name), id, lambda: False, python_with(module, text))
    assert place.left() == []


def test_a_workers_python_that_has_gone(place, tmp_path, monkeypatch):
    monkeypatch.setenv("SEAICE_PYTHON", str(tmp_path / "python"))
    with pytest.raises(environment.errors.SeaIceError, match=r"no such program, but the environm"):
        environment.find("", tmp_path)
    with pytest.raises(WorkerError, match=r"cannot be started \(No such file or directory\); run"):
        runner.run(job_of(place, TRAIN), id, lambda: False, str(tmp_path / "python"))
    assert place.left() == []


def test_a_worker_killed_while_it_trains(place):
    def kill(event):
        if isinstance(event, Progress) and event.fraction > 0.05:
            (worker,) = children()
            os.kill(worker, signal.SIGKILL)

    with pytest.raises(WorkerError, match=r"worker was killed, most likely .* close other progr"):
        runner.run(job_of(place, TRAIN, **LONG), kill, lambda: False, sys.executable)
    assert place.left() == []


CALLER = """
import sys
from pathlib import Path
from ml_core.jobs import loads
from seaice_qgis import runner
job = loads(Path(sys.argv[1]).read_text(encoding="utf-8"))[0]
runner.run(job, lambda event: print(event, flush=True), lambda: False, sys.executable)
"""
"""Stands in for QGIS: it runs a job as the plugin does."""


def test_qgis_killed_while_it_trains(place):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(place.job(TRAIN, **LONG))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while "Metric" not in (line := caller.stdout.readline()):
        assert line, "the run ended"
    (worker,) = children(caller.pid)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    end = time.monotonic() + 60
    while runs(worker):
        assert time.monotonic() < end, "the worker goes on"
        time.sleep(0.05)
    assert place.left() == []


def children(parent=None):
    """Return the process ids of a process's children that run ml_core."""
    tasks = Path(f"/proc/{parent or os.getpid()}/task").glob("*/children")
    found = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in found if b"ml_core" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
