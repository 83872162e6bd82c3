"""`python -m ml_core`: reads a job, runs it and reports events as JSON lines on standard output.

Exit codes: 0 done, 1 failed, 2 bad job or usage, 3 cancelled.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import signal
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import IO, List, Optional

from . import __version__, commandline, events
from .errors import CancelledError, JobError, SeaIceError
from .files import OutputFiles
from .jobs import Job, loads

DONE, FAILED, BAD_JOB, CANCELLED = 0, 1, 2, 3

_OLDEST = (3, 10)

_MEMORY = re.compile("out of memory|can't allocate memory|cannot allocate memory", re.IGNORECASE)
"""What PyTorch, CUDA and the C library say when memory runs out, without raising MemoryError."""

_GRACE_S = 2.0
"""How long a cancelled run may take to stop by itself before the process ends; what it still
computes is thrown away."""


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ml_core",
        description="Sea-ice concentration from Sentinel-1 backscatter.",
        epilog="Exit codes: 0 done, 1 failed, 2 bad job or usage, 3 cancelled.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a job file and report events as JSON lines")
    run.add_argument("job", type=Path, help="the job file")
    run.add_argument(
        "--attached",
        action="store_true",
        help="cancel when standard input closes: whoever started the run closed it, or died",
    )
    commandline.add_commands(commands)
    options = parser.parse_args(arguments)
    cancelled = threading.Event()

    def stop(number: int, _frame: object) -> None:
        cancelled.set()
        signal.signal(number, signal.SIG_DFL)  # asked a second time, the process ends at once

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with _claim_stdout() as stream:
        if options.command == "run":
            return run_file(options.job, options.attached, _json_lines(stream), cancelled)
        return _run_command(options, commandline.Printer(stream), cancelled)


def run_file(path: Path, attached: bool, emit: events.Emit, cancelled: threading.Event) -> int:
    """Run a job file and return the exit code.

    Args:
        attached: Whether standard input is watched: the run is cancelled when it closes.
        emit: Receives what happens; the last event says how it ended, unless it was cancelled.
        cancelled: Set to cancel the run.
    """
    try:
        job, run_id = loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        emit(events.Failed(f"{path}: cannot read the job file ({error.strerror})"))
        return BAD_JOB
    except UnicodeDecodeError:
        emit(events.Failed(f"{path}: the job file is not UTF-8 text"))
        return BAD_JOB
    except JobError as error:
        emit(events.Failed(str(error)))
        return BAD_JOB
    files = OutputFiles(run_id)
    if attached:
        threading.Thread(target=_watch_stdin, args=(cancelled, files), daemon=True).start()
    return _execute(job, files, emit, cancelled)


def _run_command(options: argparse.Namespace, emit: events.Emit, cancelled: threading.Event) -> int:
    try:
        job = commandline.job_of(options)
    except JobError as error:
        emit(events.Failed(str(error)))
        return BAD_JOB
    return _execute(job, OutputFiles(), emit, cancelled)


def _json_lines(stream: IO[str]) -> events.Emit:
    lock = threading.Lock()

    def emit(event: events.Event) -> None:
        # A closed pipe means that nobody listens any more; the stdin watcher then cancels the run.
        with lock:
            try:
                stream.write(events.encode(event) + "\n")
                stream.flush()
            except (BrokenPipeError, ValueError):
                pass

    return emit


def _execute(job: Job, files: OutputFiles, emit: events.Emit, cancelled: threading.Event) -> int:
    report = events.Reporter(emit, cancelled.is_set)
    emit(events.Started(job.NAME, __version__))
    if sys.version_info < _OLDEST:
        emit(
            events.Failed(
                f"{_this_python()} is too old, Python 3.10 or newer is needed; run Install"
                " environment in QGIS, or name another Python for the worker"
            )
        )
        return FAILED
    try:
        with files:
            module = import_module(f".runs.{job.NAME}", __package__)
            done: events.Done = module.run(job, files, report)
            report.check_cancelled()
            files.commit()
    except CancelledError:
        return CANCELLED
    except Exception as error:
        emit(_failure(error, job))
        return FAILED
    emit(done)
    return DONE


def _failure(error: Exception, job: Job) -> events.Failed:
    """Return an error as an analyst should read it; only a bug brings its traceback."""
    if isinstance(error, SeaIceError):
        return events.Failed(str(error))
    if isinstance(error, MemoryError) or _MEMORY.search(str(error)):
        return events.Failed(
            "not enough memory; close other programs or give a smaller tile or batch size",
            traceback.format_exc(),
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        folders = {str(Path(path).absolute().parent) for path in job.output_paths().values()}
        where = error.filename or ", ".join(sorted(folders)) or "temporary folder"
        return events.Failed(
            f"{where}: the disk is full; free some space or choose an output on another disk"
        )
    if isinstance(error, ModuleNotFoundError):
        library = (error.name or str(error)).partition(".")[0]
        return events.Failed(
            f"{_this_python()} lacks {library}; run Install environment in QGIS, or install the"
            " library there",
            traceback.format_exc(),
        )
    # What looks like a bug is often a library of another release.
    from . import diagnosis

    old = diagnosis.outdated()
    note = f" (too old here: {', '.join(old)}; run Install environment)" if old else ""
    return events.Failed(f"{type(error).__name__}: {error}{note}", traceback.format_exc())


def _this_python() -> str:
    return f"{sys.executable} (Python {'.'.join(map(str, sys.version_info[:2]))})"


def _claim_stdout() -> IO[str]:
    """Return a stream on standard output and point fd 1 at standard error.

    A library's print, from Python or C, then lands in the log and cannot break the event stream.
    """
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", newline="\n")
    os.dup2(2, 1)
    return stream


def _watch_stdin(cancelled: threading.Event, files: OutputFiles) -> None:
    """Set `cancelled` when standard input closes; end the process if it does not stop by itself.

    os.read, not sys.stdin: a daemon thread inside sys.stdin.buffer.read aborts the interpreter
    at exit.
    """
    if sys.platform == "win32":
        _poll_pipe_until_closed()
    else:
        try:
            while os.read(0, 1):
                pass
        except OSError:
            pass
    cancelled.set()
    time.sleep(_GRACE_S)
    files.discard()
    os._exit(CANCELLED)


def _poll_pipe_until_closed() -> None:
    """Return when the pipe on standard input closes (Windows).

    A thread that blocks in a read of the stdin pipe can hang the import of numpy there
    (https://github.com/numpy/numpy/issues/24290), so the pipe is polled.
    """
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        handle = msvcrt.get_osfhandle(0)
        while ctypes.windll.kernel32.PeekNamedPipe(
            ctypes.c_void_p(handle), None, 0, None, None, None
        ):
            time.sleep(0.2)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Libraries' exit handlers have hung and crashed after the work was done; nothing is left to
    # save.
    os._exit(code)
