"""`make test`: the tests, each part in the Python that it is meant for.

Everything but tests/plugin runs in the worker's environment; tests/plugin runs inside QGIS,
without a screen and with settings of its own, so that no user's QGIS profile is read or changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import List

from environments import QGIS, ROOT, WORKER, log, without_screen

TESTS = ROOT / "tests"
QGIS_SETTINGS = ROOT / ".qgis-settings"
"""Where pytest-qgis lets QGIS keep its settings; removed before every run."""

NO_TESTS = 5
"""pytest's exit code where a selection, such as `-m slow`, leaves no test."""


def main(arguments: List[str]) -> int:
    """Run both parts with pytest's arguments; return 1 if one failed or no test ran at all."""
    no_bytecode = {"PYTHONDONTWRITEBYTECODE": "1"}
    worker = subprocess.run(
        [
            str(WORKER.python),
            "-m",
            "pytest",
            f"--ignore={TESTS / 'plugin'}",
            f"--ignore={TESTS / 'benchmarks'}",
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, **no_bytecode},
    )
    log("tests inside QGIS")
    shutil.rmtree(QGIS_SETTINGS, ignore_errors=True)
    plugin = subprocess.run(
        [str(QGIS.python), "-m", "pytest", str(TESTS / "plugin"), *arguments],
        cwd=ROOT,
        env={**without_screen(), **no_bytecode},
    )
    if plugin.returncode < 0:
        log(f"QGIS crashed (signal {-plugin.returncode}); if all tests passed, when it closed")
    codes = {worker.returncode, plugin.returncode}
    return 0 if 0 in codes and codes <= {0, NO_TESTS} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
