"""The worker's Python: which one it is, how one is made, and the environment it runs in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from . import process
from .core import errors

VARIABLE = "SEAICE_PYTHON"
"""The environment variable that names the worker's Python, before all else."""

OLDEST, NEWEST = (3, 10), (3, 13)
"""The Python versions that the worker's libraries are built for."""

_PROBE_S = 30
"""How long a Python may take to start."""

INSTALL = "run Install environment in the Processing toolbox (Sea ice, Environment)"
"""The remedy that most errors end with."""


def find(setting: str, folder: Path) -> str:
    """Return the worker's Python.

    Args:
        setting: The Python that the provider's settings name, or empty.
        folder: Where `create` makes environments.

    Raises:
        SeaIceError: There is none, or the one that is named does not exist.
    """
    for named, where in (
        (os.environ.get(VARIABLE, ""), f"the environment variable {VARIABLE}"),
        (setting, "the setting Worker's Python (Settings, Options, Processing, Providers)"),
    ):
        if named.strip():
            found = shutil.which(os.path.expanduser(named.strip()))
            if found is None:
                raise errors.SeaIceError(
                    f"{named}: no such program, but {where} names it as the worker's Python;"
                    f" name a Python {_text(OLDEST)} to {_text(NEWEST)} there, or clear it and"
                    f" {INSTALL}"
                )
            return os.path.abspath(found)
    installed = python_in(folder)
    if not installed.is_file():
        raise errors.SeaIceError(
            f"the Python that does the computing is not installed yet; {INSTALL}, or name one with"
            f" PyTorch and rasterio in the environment variable {VARIABLE}"
        )
    return str(installed)


def python_in(folder: Path) -> Path:
    """Return the interpreter of a virtual environment, which need not exist."""
    if sys.platform == "win32":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def probe(python: Sequence[str], imports: str = "sys") -> Optional[Tuple[int, int]]:
    """Return the version of a Python that imports some modules, or None where it does not."""
    script = f"import {imports}; import sys; print('version', *sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [*python, "-c", script],
            env=process.child_environment(python_path=None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_S,
            creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
        ).stdout.decode("ascii", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+) (\d+)", answer)
    return (int(found[1]), int(found[2])) if found else None


def base_python(given: str = "") -> List[str]:
    """Return the command of a Python that can make the worker's environment.

    Args:
        given: The interpreter that the analyst named, or empty: the `py` launcher's, those in PATH
            and, last, QGIS's own are tried, newest version first.

    Raises:
        SeaIceError: The one named does not fit, or none was found.
    """
    rejected = []
    for command in [[given]] if given else _candidates():
        version = probe(command)
        name = " ".join(command)
        if version is None:
            rejected.append(f"{name} is not a Python that starts within {_PROBE_S} s")
        elif not OLDEST <= version <= NEWEST:
            rejected.append(f"{name} is Python {_text(version)}")
        elif probe(command, "ssl, venv, ensurepip") is None:
            rejected.append(
                f"{name} (Python {_text(version)}) lacks venv, ensurepip or ssl; on Debian and"
                " Ubuntu they are in the package python3-venv"
            )
        else:
            return command
    raise errors.SeaIceError(
        f"no Python {_text(OLDEST)} to {_text(NEWEST)} was found that can make an environment;"
        " install one from python.org (or your system's packages), or name it in the parameter"
        f" Python. Tried: {'; '.join(rejected) or 'nothing, PATH holds no Python'}"
    )


def _candidates() -> Iterator[List[str]]:
    versions = [f"3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    path = process.child_environment().get("PATH")
    if shutil.which("py", path=path) and sys.platform == "win32":
        yield from (["py", f"-{version}"] for version in versions)
    for name in (*(f"python{version}" for version in versions), "python3", "python"):
        found = shutil.which(name, path=path)
        # Windows answers "python" with a stub that opens its shop.
        if found and "WindowsApps" not in found:
            yield [found]
    own = os.path.join(sys.exec_prefix, "python.exe" if sys.platform == "win32" else "bin/python3")
    if os.path.isfile(own):
        yield [own]


def create(
    folder: Path,
    base: Sequence[str],
    requirements: str,
    check: Callable[[str], None],
    on_line: Callable[[str], None],
    poll: process.Poll,
    index: Sequence[str] = (),
) -> str:
    """Make a virtual environment and return its Python; an older one stays until the new one works.

    Args:
        folder: The environment's folder.
        base: The command of the Python that makes it.
        requirements: The file with the libraries and their versions.
        check: Raises where the new Python, whose path it is given, does not do.
        on_line: Receives each line that pip prints.
        poll: As for `process.run_lines`.
        index: Options of pip that name another index for PyTorch, and for nothing else.

    Raises:
        SeaIceError: A step failed.
        CancelledError: `poll` returned True.
    """
    fresh, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    python = str(python_in(fresh))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        _step([*base, "-m", "venv", str(fresh)], "making the environment", on_line, poll)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
        pip += ["--progress-bar", "off"]
        if index:
            torch = [*pip, *index, "--no-deps", _requirement(requirements, "torch")]
            _step(torch, "installing PyTorch", on_line, poll)
        _step([*pip, "-r", requirements], "installing the libraries", on_line, poll)
        check(python)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
    except OSError as error:
        raise errors.SeaIceError(
            f"{folder}: cannot make the environment there ({error.strerror}); end other runs of"
            " this plugin's algorithms and try again"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return str(python_in(folder))


def _requirement(requirements: str, name: str) -> str:
    """Return the line of a library in a file of requirements."""
    lines = Path(requirements).read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if re.match(rf"{name}\b", line))


def _step(
    command: Sequence[str], what: str, on_line: Callable[[str], None], poll: process.Poll
) -> None:
    last: List[str] = []

    def keep(line: str) -> None:
        last[:] = [*last[-14:], line]
        on_line(line)

    code, cancelled = process.run_lines(
        command,
        keep,
        poll,
        environment=process.child_environment(python_path=None),
        folder=str(Path.home()),
        stop_s=0,
    )
    if cancelled:
        raise errors.CancelledError
    if code:
        lines = "\n".join(last)
        raise errors.SeaIceError(
            f"{what} failed: {command[0]} ended with code {code}. Check the connection to the"
            f" internet and the free disk space, then try again. Its last lines:\n{lines}"
        )


def _text(version: Tuple[int, int]) -> str:
    return ".".join(map(str, version))
