"""A child process: its clean environment, and its output line by line while the caller goes on."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Callable, Dict, Mapping, Optional, Sequence, Tuple

from .core import ROOT

POLL_S = 0.05
"""Longest time between two calls of `poll`, plus what the caller's own functions take."""

STOP_S = 10.0
"""How long a child may take to stop by itself once its standard input is closed."""

_TERMINATE_S = 5.0
"""How long it may take after it was asked to terminate, before it is killed."""

_DRAIN_S = 1.0
"""How long to wait for the end of the output of a child that has ended (its own children may hold
the pipe open)."""

Poll = Callable[[], bool]
"""Called at least ten times a second; True cancels."""


_REMOVED = ("VIRTUAL_ENV", "LD_LIBRARY_PATH", "__PYVENV_LAUNCHER__")
_REMOVED_PREFIXES = ("PYTHON", "PROJ_", "GDAL_", "DYLD_")


def child_environment(
    inherited: Mapping[str, str] = os.environ,
    *,
    windows: bool = sys.platform == "win32",
    python_path: Optional[Path] = ROOT,
) -> Dict[str, str]:
    """Return a worker's environment variables: this process's without what QGIS set for itself.

    PYTHONEXECUTABLE makes a virtual environment's Python forget its environment, PROJ_LIB breaks
    the PROJ inside rasterio, and QGIS's library folders shadow those of the worker's libraries.

    Args:
        inherited: The variables to start from.
        windows: Whether QGIS's folders are taken out of PATH.
        python_path: The folder that holds ml_core; None: no PYTHONPATH.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name.upper() not in _REMOVED and not name.upper().startswith(_REMOVED_PREFIXES)
    }
    if windows:
        root = inherited.get("OSGEO4W_ROOT", "").lower().rstrip("\\/")
        for name in [name for name in kept if name.upper() == "PATH"]:
            kept[name] = ";".join(
                entry for entry in kept[name].split(";") if not _is_qgis(entry, root)
            )
    if python_path is not None:
        kept["PYTHONPATH"] = str(python_path)
    kept["PYTHONUTF8"] = "1"  # paths in a log are written whatever the console's code page
    kept["PYTHONFAULTHANDLER"] = "1"  # a crash in a library leaves its traceback in the log
    return kept


def _is_qgis(entry: str, root: str) -> bool:
    """Return whether a folder in PATH belongs to QGIS (Windows)."""
    entry = entry.lower()
    if root and (entry.rstrip("\\/") == root or entry.startswith((root + "\\", root + "/"))):
        return True
    return any(part.startswith(("qgis", "osgeo4w")) for part in re.split(r"[\\/]", entry))


def run_lines(
    command: Sequence[str],
    on_line: Callable[[str], None],
    poll: Poll,
    *,
    environment: Dict[str, str],
    folder: str,
    errors: Optional[IO[bytes]] = None,
    stop_s: Optional[float] = None,
) -> Tuple[int, bool]:
    """Run a command and return once it has ended.

    Args:
        command: The program and its arguments; no shell sees them.
        on_line: Receives each line of standard output, on the caller's thread.
        poll: Called at least ten times a second, also while the child is silent. Once it returns
            True the child's standard input is closed; a child that has not ended after `stop_s` is
            terminated, and then killed.
        environment: The child's environment variables.
        folder: The child's working folder.
        errors: Receives standard error; None: it is part of the lines.
        stop_s: How long the child may take to stop by itself; None: `STOP_S`.

    Returns:
        The exit code, negative for the signal that killed it (POSIX), and whether `poll` cancelled.

    Raises:
        OSError: The command could not be started.
    """
    child = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors or subprocess.STDOUT,
        env=environment,
        cwd=folder,
        creationflags=_NO_WINDOW,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    lines: queue.Queue[Optional[bytes]] = queue.Queue()
    threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    try:
        cancelled = _pump(child, lines, on_line, poll, STOP_S if stop_s is None else stop_s)
    finally:
        # Also when on_line or poll raises: no child outlives the call.
        _close(child.stdin)
        if child.poll() is None:
            child.kill()
        child.wait()
    return child.returncode, cancelled


_NO_WINDOW = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0


def _pump(
    child: subprocess.Popen[bytes],
    lines: queue.Queue[Optional[bytes]],
    on_line: Callable[[str], None],
    poll: Poll,
    stop_s: float,
) -> bool:
    """Hand out lines and poll until the child has ended and its output is read.

    Returns:
        Whether `poll` cancelled.
    """
    cancelled_at: Optional[float] = None
    ended_at: Optional[float] = None
    polled_at = 0.0
    finished = False
    while not (finished and child.poll() is not None):
        try:
            line = lines.get(timeout=POLL_S)
            if line is None:
                finished = True
            else:
                on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
        except queue.Empty:
            pass
        if finished:
            try:
                child.wait(POLL_S)
            except subprocess.TimeoutExpired:
                pass
        now = time.monotonic()
        if now - polled_at >= POLL_S:
            polled_at = now
            if poll() and cancelled_at is None:
                cancelled_at = time.monotonic()
                _close(child.stdin)
        if child.poll() is not None:
            ended_at = ended_at or now
            finished = finished or (now - ended_at > _DRAIN_S and lines.empty())
        elif cancelled_at is not None:
            waited = now - cancelled_at
            if waited > stop_s + _TERMINATE_S:
                child.kill()
            elif waited > stop_s:
                child.terminate()
    return cancelled_at is not None


def _read(stream: IO[bytes], lines: queue.Queue[Optional[bytes]]) -> None:
    """Put every line of a pipe into a queue, then None.

    A thread, because pipes cannot be waited for on Windows.
    """
    try:
        with stream:
            for line in stream:
                lines.put(line)
    except (OSError, ValueError):
        pass
    lines.put(None)


def _close(stream: Optional[IO[bytes]]) -> None:
    if stream is not None:
        try:
            stream.close()
        except OSError:
            pass


def tail(path: str, characters: int = 1500) -> str:
    """Return the end of a log file, from the start of a line where one is near."""
    try:
        with open(path, "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - 4 * characters))
            text = log.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    if len(text) <= characters:
        return text
    return text[-characters:].partition("\n")[2] or text[-characters:]
