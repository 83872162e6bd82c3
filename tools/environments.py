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
from typing import Callable, Dict, List, Optional, Tuple

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
            subprocess.CalledProcessError: venv or pip failed.
        """
        if self.folder.is_symlink() or self._is_current():
            return
        stamp = self.folder / STAMP
        if not _runs(str(self.python), "import pip"):
            base = self.find_base()
            log(f"{self.folder.name}: made from {base}")
            sight = ["--system-site-packages"] if self.sees_base else []
            _call(base, "-m", "venv", "--clear", *sight, str(self.folder))
        stamp.unlink(missing_ok=True)
        files = [argument for path in self.requirements for argument in ("-r", str(path))]
        log(f"{self.folder.name}: installing {' '.join(files[1::2])}")
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
    """Return the Python that imports qgis.

    Raises:
        SetupError: There is none.
    """
    return _of_qgis(
        "Python with QGIS", "QGIS_PYTHON", QGIS_PYTHONS, lambda path: _runs(path, _QGIS_CHECK)
    )


def qgis_process() -> str:
    """Return QGIS's command line program.

    Raises:
        SetupError: There is none.
    """
    return _of_qgis("qgis_process", "QGIS_PROCESS", QGIS_PROCESSES, lambda path: True)


def _of_qgis(what: str, variable: str, names: Tuple[str, ...], fits: Callable[[str], bool]) -> str:
    """Return the first program that fits; on Debian, root gets QGIS installed if need be."""
    given = os.environ.get(variable)
    names = (given,) if given else names
    for attempt in range(2):
        for path in filter(None, map(shutil.which, names)):
            if fits(path):
                return path
        if attempt or given or not _install("qgis", "python3-qgis", "python3-venv"):
            break
    raise SetupError(
        f"No {what} among {', '.join(names)}. Install QGIS 3.22 or newer (on Debian and Ubuntu:"
        " apt-get install qgis python3-qgis python3-venv), or name the program:"
        f" make {variable}=/path/to/it"
    )


def without_screen(python_folder: Optional[str] = None) -> Dict[str, str]:
    """Return environment variables for a QGIS program that runs without a screen.

    Args:
        python_folder: The folder of QGIS's Python; None: of the one that `QGIS` was made from. QGIS
            looks in PATH for the Python whose libraries it takes, and crashes with those of another
            one.
    """
    # the checkout's ml_core must not be found beside the package's
    paths = [path for path in _entries("PYTHONPATH") if Path(path).resolve() != ROOT]
    return {
        **{name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
        **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}),
        "PATH": os.pathsep.join([python_folder or QGIS.base_folder, *_entries("PATH")]),
        "QT_QPA_PLATFORM": "offscreen",
        "SEAICE_PYTHON": str(WORKER.python),
    }


def _entries(variable: str) -> List[str]:
    return [entry for entry in os.environ.get(variable, "").split(os.pathsep) if entry]


class HeadlessQgis:
    """qgis_process with the packaged plugin, without a screen and with settings of its own.

    Args:
        plugins: The folder that holds the packaged plugin.
        settings: The folder of the settings; made where it is missing.
        python_folder: As for `without_screen`.

    Attributes:
        program: The path of qgis_process.
        environment: The environment variables that it needs.

    Raises:
        SetupError: There is no qgis_process.
        subprocess.CalledProcessError: It could not enable the plugin.
    """

    def __init__(self, plugins: Path, settings: Path, python_folder: Optional[str] = None) -> None:
        settings.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.program = qgis_process()
        self.environment = {
            **without_screen(python_folder),
            "QGIS_PLUGINPATH": str(plugins),
            "QGIS_CUSTOM_CONFIG_PATH": str(settings),
            "XDG_RUNTIME_DIR": str(settings),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",  # of QGIS 3.22's own modules
        }
        subprocess.run(
            [self.program, "plugins", "enable", "seaice_qgis"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def command(self, algorithm: str, **parameters: str) -> List[str]:
        """Return the command that runs one of the plugin's algorithms."""
        assigned = [f"{name}={value}" for name, value in parameters.items()]
        return [self.program, "run", f"seaice:{algorithm}", "--", *assigned]


def log(text: str) -> None:
    """Print a line of progress at once."""
    print(f"--- {text}", flush=True)


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
    log(f"installing {' '.join(packages)}")
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


def reporting(action: Callable[[], None]) -> int:
    """Run what needs programs of others, report why it failed, and return the exit code."""
    try:
        action()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"failed with exit code {error.returncode}: {error.cmd}", file=sys.stderr)
        return 1
    return 0


def main(names: List[str]) -> None:
    """Ensure the named environments."""
    for name in names:
        {"worker": WORKER, "qgis": QGIS}[name].ensure()


if __name__ == "__main__":
    sys.exit(reporting(lambda: main(sys.argv[1:])))
