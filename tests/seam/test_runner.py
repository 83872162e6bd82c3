"""The seam from QGIS's side, with the real worker process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from misbehave import MisbehaveJob

from ml_core.errors import CancelledError
from ml_core.events import Message, Metric, Progress
from ml_core.jobs import CheckEnvironmentJob
from seaice_qgis import runner
from seaice_qgis.runner import WorkerError
from tests.builders.folders import files_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the worker is a shell script")


def never() -> bool:
    return False


class Run:
    """Runs an action and keeps its events and the times of the polls."""

    def __init__(self, python):
        self.python = python
        self.events = []
        self.polls = []
        self.cancel = False

    def __call__(self, action, output=None, **more):
        job = MisbehaveJob(action=action, output=str(output) if output else None, **more)
        return runner.run(job, self.events.append, self.poll, self.python)

    def poll(self):
        self.polls.append(time.monotonic())
        return self.cancel


@pytest.fixture
def run(worker_python):
    return Run(worker_python)


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "Färöer 海氷 100 %"
    folder.mkdir()
    return folder / "out put.txt"


def test_events_outputs_and_numbers_arrive_in_order(run, output):
    done = run("succeed", output)
    assert done.outputs == {"OUTPUT": str(output)}
    assert done.numbers == {"NUMBER": 4.5}
    assert run.events[1:] == [
        Progress(0.5),
        Message("half-way, 50 % – Färöer 海氷", "info"),
        Message("look at this", "warning"),
        Metric("loss", 3, 0.25, "%"),
    ]
    assert output.read_text() == "finished succeed"
    assert files_in(output.parent) == ["out put.txt", "out put.txt.aux.xml"]


def test_what_libraries_print_never_becomes_an_event(run):
    done = run("pollute")
    assert done.numbers == {"NUMBER": 4.5}
    assert run.events[1:] == [Progress(0.25), Progress(0.75)]


@pytest.mark.parametrize("action", ["chatter", "flood"])
def test_full_pipes_do_not_stop_the_worker(run, action):
    assert run(action).numbers == {"NUMBER": 4.5}


def test_poll_is_called_while_the_worker_is_silent(run):
    def cancel():
        run.cancel = True

    threading.Timer(1.5, cancel).start()
    with pytest.raises(CancelledError):
        run("deaf")
    assert len(run.polls) > 10  # in 1.5 s; the last event came before most of them


def test_cancel_stops_between_steps_and_leaves_no_file(run, output):
    def cancel_at_work(event):
        run.cancel = run.cancel or isinstance(event, Progress)

    job = MisbehaveJob(action="steps", output=str(output))
    with pytest.raises(CancelledError):
        runner.run(job, cancel_at_work, run.poll, run.python)
    assert files_in(output.parent) == []


def test_a_deaf_worker_is_ended_and_its_file_removed(run, output, monkeypatch):
    monkeypatch.setattr(runner.process, "STOP_S", 0.5)
    run.cancel = True
    with pytest.raises(CancelledError):
        run("deaf", output)
    assert files_in(output.parent) == []


def test_an_exception_in_the_callers_functions_ends_the_worker(run, output, tmp_path):
    def explode(event):
        if isinstance(event, Progress):
            raise RuntimeError("the dialog is gone")

    pid_file = tmp_path / "pid"
    job = MisbehaveJob(action="steps", output=str(output), pid_file=str(pid_file))
    with pytest.raises(RuntimeError, match="the dialog is gone"):
        runner.run(job, explode, never, run.python)
    assert not alive(int(pid_file.read_text()))
    assert files_in(output.parent) == []


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("fail", r"^hh\.tif: values 0-255, dB expected; give calibrated backscatter$"),
        ("bug", r"KeyError: 'never'"),
        ("memory", r"not enough memory; close other programs or give a smaller tile"),
        ("disk", r"/data/sic\.tif: the disk is full; free some space"),
        ("lacking", r"lacks no_such_library; run Install environment"),
        ("kill", r"killed, most likely because the computer ran out of memory"),
        ("crash", r"crashed \(signal SIGSEGV\); the end of its log follows"),
        ("leave", r"ended without a result"),
    ],
)
def test_a_failure_says_why_and_leaves_no_file(run, output, action, message):
    with pytest.raises(WorkerError, match=message):
        run(action, output)
    assert files_in(output.parent) == []


def test_a_failure_leaves_an_earlier_output_as_it_was(run, output):
    output.write_text("earlier")
    with pytest.raises(WorkerError):
        run("kill", output)
    assert files_in(output.parent) == [output.name]
    assert output.read_text() == "earlier"


def test_a_bug_carries_its_traceback_and_a_crash_the_end_of_the_log(run):
    with pytest.raises(WorkerError) as bug:
        run("bug")
    assert "misbehave.py" in bug.value.details
    with pytest.raises(WorkerError) as crash:
        run("crash")
    assert "Segmentation fault" in crash.value.details


def test_two_runs_at_once_do_not_disturb_each_other(worker_python, tmp_path):
    results = {}

    def work(name):
        run = Run(worker_python)
        results[name] = run("chatter", tmp_path / name), len(run.events)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("one", "two"):
        assert results[name][0].outputs == {"OUTPUT": str(tmp_path / name)}
        assert results[name][1] == 20001
        assert (tmp_path / name).read_text() == "finished chatter"


def test_the_caller_killed_ends_the_worker_which_removes_its_files(worker_python, tmp_path):
    output, pid_file = tmp_path / "out.txt", tmp_path / "pid"
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.path[:0] = sys.argv[4:]\n"
            "from misbehave import MisbehaveJob\n"
            "from seaice_qgis import runner\n"
            "job = MisbehaveJob(action='steps', output=sys.argv[2], pid_file=sys.argv[3])\n"
            "runner.run(job, lambda event: None, lambda: False, sys.argv[1])",
            worker_python,
            str(output),
            str(pid_file),
            str(Path(__file__).parent),
            str(Path(runner.__file__).parents[1]),
        ]
    )
    worker = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    wait_for(lambda: len(files_in(tmp_path)) > 1)
    caller.kill()
    caller.wait()
    wait_for(lambda: not alive(worker))
    assert files_in(tmp_path) == ["pid"]


def test_a_worker_killed_from_outside_leaves_no_file(run, output, tmp_path):
    pid_file = tmp_path / "pid"

    def kill_it(event):
        if isinstance(event, Progress):
            os.kill(int(pid_file.read_text()), 9)

    job = MisbehaveJob(action="steps", output=str(output), pid_file=str(pid_file))
    with pytest.raises(WorkerError, match=r"killed, most likely because .* out of memory"):
        runner.run(job, kill_it, never, run.python)
    assert files_in(output.parent) == []


def test_a_worker_stopped_from_outside_is_a_failure_and_not_a_cancelled_run(run, output, tmp_path):
    pid_file = tmp_path / "pid"

    def stop_it(event):
        if isinstance(event, Progress):
            os.kill(int(pid_file.read_text()), 15)

    job = MisbehaveJob(action="steps", output=str(output), pid_file=str(pid_file))
    with pytest.raises(WorkerError, match=r"stopped from outside, by a signal"):
        runner.run(job, stop_it, never, run.python)
    assert files_in(output.parent) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, r"cannot be started \(No such file or directory\); run Install environment"),
        ("not a program", r"cannot be started \(Exec format error\); run Install environment"),
        ("#!/bin/sh\nexit 1\n", r"not a Python that starts \(exit code 1\); run Install"),
        ("#!/bin/sh\necho version 3 6; exit 1\n", r"is Python 3\.6, but the worker needs 3\.10"),
        (
            "#!/bin/sh\necho version 3 11; echo broken >&2; exit 1\n",
            r"the worker did not start \(exit code 1\)",
        ),
    ],
)
def test_a_python_that_does_not_do(tmp_path, script, message):
    python = tmp_path / "python"
    if script is not None:
        python.write_text(script)
        python.chmod(0o755)
    with pytest.raises(WorkerError, match=message):
        runner.run(CheckEnvironmentJob(), lambda event: None, never, str(python))


def test_no_job_files_stay_behind(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("succeed")
    with pytest.raises(WorkerError):
        run("kill")
    assert files_in(tmp_path) == []


def test_variables_of_qgis_do_not_reach_the_worker(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PROJ_LIB", "/nowhere")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    messages = []
    runner.run(CheckEnvironmentJob(), messages.append, never, sys.executable)
    assert any(event.text.startswith("torch ") for event in messages if isinstance(event, Message))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("waited in vain")
