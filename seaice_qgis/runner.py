"""Runs a job in a worker process: events come out, cancellation goes in, failures are raised."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from typing import Callable, Optional

from . import environment, process
from .core import ROOT, errors, events, files, jobs

OnEvent = Callable[[events.Event], None]

_DONE = 0
_STOPPED = (3, -2, -15)
"""Exit codes of a worker that was asked to stop: by itself, or by SIGINT or SIGTERM."""

_KILLED = (-9, 137, 0xC0000017, 0xC000012D)
"""Exit codes of a process that the system ended for memory: SIGKILL, and Windows' two."""


class WorkerError(errors.SeaIceError):
    """The worker failed; ``details`` is its traceback or the tail of its log."""

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text)
        self.details = details


def run(job: jobs.Job, on_event: OnEvent, poll: process.Poll, python: str) -> events.Done:
    """Run a job in a worker process and return its outputs and numbers.

    Whatever happens but success, the job's unfinished output files are gone when this returns or
    raises.

    Args:
        job: What to run.
        on_event: Receives every event but the last, on the caller's thread.
        poll: Called at least ten times a second, also while the worker is silent; True cancels.
        python: The worker's Python.

    Raises:
        CancelledError: `poll` returned True.
        WorkerError: The worker could not start, failed, crashed or was killed.
    """
    run_id = uuid.uuid4().hex[:12]
    folder = tempfile.mkdtemp(prefix="seaice-")
    try:
        return _Run(on_event, poll).run(job, run_id, folder, python)
    except BaseException:
        files.remove_parts(job.output_paths().values(), run_id)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """What is known of one run while its events come in."""

    def __init__(self, on_event: OnEvent, poll: process.Poll) -> None:
        self._on_event = on_event
        self._poll = poll
        self._started = False
        self._done: Optional[events.Done] = None
        self._failed: Optional[events.Failed] = None

    def run(self, job: jobs.Job, run_id: str, folder: str, python: str) -> events.Done:
        job_path, log_path = os.path.join(folder, "job.json"), os.path.join(folder, "log.txt")
        with open(job_path, "w", encoding="utf-8") as job_file:
            job_file.write(jobs.dumps(job, run_id))
        try:
            with open(log_path, "wb") as log:
                code, cancelled = process.run_lines(
                    [python, "-m", "ml_core", "run", "--attached", job_path],
                    self._take,
                    self._poll,
                    environment=process.child_environment(python_path=ROOT),
                    folder=folder,
                    errors=log,
                )
        except OSError as error:
            raise WorkerError(
                f"{python}: the worker's Python cannot be started ({error.strerror});"
                f" {environment.INSTALL}, or name another"
            ) from error
        if code == _DONE and self._done is not None:
            return self._done
        if cancelled:
            raise errors.CancelledError
        raise self._error(code, python, process.tail(log_path))

    def _take(self, line: str) -> None:
        event = events.decode(line)
        if isinstance(event, events.Done):
            self._done = event
        elif isinstance(event, events.Failed):
            self._failed = event
        elif event is not None:
            self._started = True
            self._on_event(event)

    def _error(self, code: int, python: str, log: str) -> WorkerError:
        """Return why the worker ended, and the remedy."""
        if self._failed is not None:
            details = self._failed.details
            return WorkerError(self._failed.text, f"{details}\n{log}".strip() if details else "")
        if code in _KILLED:
            return WorkerError(
                "the worker was killed, most likely because the computer ran out of memory;"
                " close other programs, or give a smaller tile size, batch size or chip size",
                log,
            )
        if code in _STOPPED:
            # Not by `poll`: a run that nobody here cancelled must not pass for one that was.
            return WorkerError(
                "the worker was stopped from outside, by a signal to its process, before it was"
                " done; run the algorithm again",
                log,
            )
        if not self._started:
            return WorkerError(_why_not_started(python, code), log)
        if code == _DONE:
            return WorkerError("the worker ended without a result; its log follows", log)
        return WorkerError(
            f"the worker crashed ({_code_text(code)}); the end of its log follows. If it happens"
            " again, try the device cpu or another runtime, and report it",
            log,
        )


def _why_not_started(python: str, code: int) -> str:
    version = environment.probe([python])
    if version is None:
        return (
            f"{python}: this is not a Python that starts ({_code_text(code)});"
            f" {environment.INSTALL}, or name another worker's Python"
        )
    if version < environment.OLDEST:
        found, oldest = (".".join(map(str, pair)) for pair in (version, environment.OLDEST))
        return (
            f"{python} is Python {found}, but the worker needs {oldest} or newer;"
            f" {environment.INSTALL}, or name another worker's Python"
        )
    return f"{python}: the worker did not start ({_code_text(code)}); the end of its log follows"


def _code_text(code: int) -> str:
    if code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code:#x}" if code > 0xFFFF else f"exit code {code}"
