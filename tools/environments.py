"""A checkout's two Pythons: the worker's, and the one that tests the plugin inside QGIS.

`python3 tools/environments.py worker qgis` makes the environments that are missing or out of date.
The worker's is closed. The other sees QGIS's own Python and never torch or rasterio, which bring
libraries of their own that clash with QGIS's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ml_core.errors import SeaIceError
from seaice_qgis import environment, process

ROOT = Path(__file__).resolve().parents[1]
STAMP = "requirements.sha256"

QGIS_PYTHONS = (
    "/usr/bin/python3",
    "python3",
    "/Applications/QGIS.app/Contents/MacOS/bin/python3",
    "/Applications/QGIS-LTR.app/Contents/MacOS/bin/python3",
)
QGIS_PROCESSES = (
    # Debian 12's qgis_process is a wrapper that adds an option which QGIS does not know.
    "qgis_process.bin",
    "qgis_process",
    "/Applications/QGIS.app/Contents/MacOS/bin/qgis_process",
    "/Applications/QGIS-LTR.app/Contents/MacOS/bin/qgis_process",
)

_QGIS_CHECK = "import venv, ensurepip, qgis.core"


class SetupError(Exception):
    """Something that is missing and that only the user can install."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of the checkout.

    Attributes:
        folder: Where it lies.
        requirements: The files that list what is in it.
        find_base: Returns the Python that it is made from.
        sees_base: Whether it also sees the libraries of that Python.
    """

    folder: Path
    requirements: Tuple[Path, ...]
    find_base: Callable[[], str]
    sees_base: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return environment.python_in(self.folder)

    @property
    def base_folder(self) -> str:
        """The folder of the Python that it was made from."""
        text = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
        entries = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
        return entries["home"]

    def ensure(self) -> None:
        """Make the environment or bring it up to date; nothing is done when it is.

        A link is used as it is: the environment behind it belongs to another checkout.

        Raises:
            SetupError: No Python on this machine fits.
            subprocess.CalledProcessError: venv or pip failed, and said why.
        """
        if self.folder.is_symlink() or self._is_current():
            return
        stamp = self.folder / STAMP
        if not _runs(str(self.python), "import pip"):
            base = self.find_base()
            say(f"{self.folder.name}: made from {base}")
            sight = ["--system-site-packages"] if self.sees_base else []
            _call(base, "-m", "venv", "--clear", *sight, str(self.folder))
        stamp.unlink(missing_ok=True)
        files = [argument for path in self.requirements for argument in ("-r", str(path))]
        say(f"{self.folder.name}: installing {' '.join(files[1::2])}")
        _call(str(self.python), "-m", "pip", "install", *files)
        stamp.write_text(self._digest())

    def _is_current(self) -> bool:
        try:
            return (self.folder / STAMP).read_text() == self._digest() and self.python.exists()
        except OSError:
            return False

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for path in self.requirements:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def worker_base() -> str:
    """Return a Python that the worker's environment can be made from, as the plugin chooses it.

    Raises:
        SetupError: There is none.
    """
    given = os.environ.get("WORKER_PYTHON", "")
    try:
        return environment.base_python(given)[0]
    except SeaIceError as error:
        if given or not _install("python3", "python3-venv"):
            raise SetupError(f"{error}. For make: WORKER_PYTHON=/path/to/python3") from error
    return environment.base_python()[0]


def qgis_base() -> str:
    """Return the Python that imports qgis; on Debian, root gets QGIS installed if need be.

    Raises:
        SetupError: There is none.
    """
    given = os.environ.get("QGIS_PYTHON")
    names = (given,) if given else QGIS_PYTHONS
    found = _first_python(names, _QGIS_CHECK)
    if found is None and not given and _install("qgis", "python3-qgis", "python3-venv"):
        found = _first_python(names, _QGIS_CHECK)
    if found is None:
        raise SetupError(
            f"No Python with QGIS among {', '.join(names)}. Install QGIS 3.22 or newer (on Debian"
            " and Ubuntu: apt-get install qgis python3-qgis python3-venv), or name the Python that"
            " imports qgis: make setup QGIS_PYTHON=/path/to/python3"
        )
    return found


def qgis_process() -> str:
    """Return QGIS's command line program; on Debian, root gets QGIS installed if need be.

    Raises:
        SetupError: There is none.
    """
    given = os.environ.get("QGIS_PROCESS")
    names = (given,) if given else QGIS_PROCESSES
    for attempt in range(2):
        for name in names:
            path = shutil.which(name)
            if path:
                return path
        if attempt or given or not _install("qgis", "python3-qgis", "python3-venv"):
            break
    raise SetupError(
        f"No qgis_process among {', '.join(names)}. Install QGIS 3.22 or newer (on Debian and"
        " Ubuntu: apt-get install qgis), or name the program: QGIS_PROCESS=/path/to/qgis_process"
    )


def without_screen(inherited: Mapping[str, str], python_folder: str) -> Dict[str, str]:
    """Return environment variables for a QGIS program that runs without a screen.

    Args:
        inherited: The variables to start from.
        python_folder: The folder of QGIS's Python. QGIS looks in PATH for the Python whose
            libraries it takes, and crashes with those of another one.
    """
    path = os.pathsep.join([python_folder, inherited.get("PATH", "")])
    return {
        **inherited,
        "PATH": path,
        "QT_QPA_PLATFORM": "offscreen",
        "SEAICE_PYTHON": str(WORKER.python),
    }


def say(text: str) -> None:
    """Print a line of progress at once."""
    print(f"--- {text}", flush=True)


def _first_python(names: Tuple[str, ...], check: str) -> Optional[str]:
    for name in names:
        path = shutil.which(name)
        if path and _runs(path, check):
            return path
    return None


def _runs(python: str, code: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            timeout=120,
            env=process.child_environment(python_path=None),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _install(*packages: str) -> bool:
    """Install Debian packages; False where that is not ours to do."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    say(f"installing {' '.join(packages)}")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *arguments], check=True, env=quietly)
    return True


def _call(*command: str) -> None:
    kept = process.child_environment(python_path=None)
    subprocess.run(command, check=True, env=kept)


WORKER = Environment(
    ROOT / ".venv",
    (ROOT / "resources/requirements.txt", ROOT / "tests/requirements.txt"),
    worker_base,
)
QGIS = Environment(
    ROOT / ".venv-qgis", (ROOT / "tests/plugin/requirements.txt",), qgis_base, sees_base=True
)


def main(names: List[str]) -> int:
    """Ensure the named environments and return the exit code."""
    try:
        for name in names:
            {"worker": WORKER, "qgis": QGIS}[name].ensure()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"failed with exit code {error.returncode}: {error.cmd}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
