from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))


@pytest.fixture(scope="session")
def worker_python(tmp_path_factory):
    """A program that takes a Python's arguments and whose ml_core knows the job `misbehave`."""
    program = tmp_path_factory.mktemp("worker") / "python"
    program.write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'worker.py'))}"
        ' "$@"\n'
    )
    program.chmod(0o755)
    return str(program)
