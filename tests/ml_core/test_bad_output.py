"""Outputs of train and predict that cannot be written: what is told, and that no file is left.

Every case runs the worker on a disk of its own.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml_core.__main__ import FAILED
from ml_core.networks import NetworkConfig
from tests.builders.workplace import PREDICT, TRAIN

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
mkdir -p "$1" && mount -t tmpfs -o "$2" none "$1" || exit 77
"$3" -m ml_core run "$4"
echo "code $?"
ls -A "$1" | sed 's/^/left /'
"""
"""Runs a job on a small disk of its own, which ends with the process."""


def on_disk(place, options, job, **changes):
    """Run a job whose outputs go to a disk of its own; return code, message and files left."""
    if not shutil.which("unshare"):
        pytest.skip("needs the program unshare")
    place.outputs = place.folder / "disk"
    if job == PREDICT:
        changes["uncertainty"] = None
    path = place.job(job, **changes)
    command = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    command += ["sh", "-c", SCRIPT, "sh", str(place.outputs), options, sys.executable, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    lines = done.stdout.splitlines()
    failed = [json.loads(line)["text"] for line in lines if '"failed"' in line]
    return (
        f"code {FAILED}" in lines,
        failed[-1],
        [line for line in lines if line.startswith("left ")],
    )


@pytest.mark.parametrize(
    ("job", "options", "says"),
    [
        (TRAIN, "ro", r"/disk: cannot write there \(Read-only file system\); choose another outp"),
        (PREDICT, "ro", r"/disk: cannot write there \(Read-only file system\); choose another ou"),
        (TRAIN, "size=16k", r"/disk: the disk is full \(0\.\d MiB are free\); free some space or"),
        (PREDICT, "size=16k", r"/disk: the disk is full \(0\.\d MiB are free\); free some space"),
    ],
)
def test_an_output_folder_that_cannot_be_written(place, job, options, says):
    failed, message, left = on_disk(place, options, job)
    assert failed
    assert re.search(says, message), message
    assert left == []


def test_a_disk_that_fills_up_while_the_network_is_written(place):
    sizes = {"filters": 8, "depth": 3, "refit": False, "chips_per_epoch": 1}
    failed, message, left = on_disk(place, "size=300k", TRAIN, **sizes)
    assert failed
    assert re.search(r"/disk: the disk is full; free some space or choose", message), message
    assert left == []


def test_a_disk_that_fills_up_while_the_map_is_written(place):
    rough = np.random.default_rng(0).uniform(-30, 0, (2, 1100, 1500)).astype(np.float32)
    scene = {n: place.layer(f"{n}.big.tif", v) for n, v in zip(("hh", "hv"), rough, strict=True)}
    plain = NetworkConfig("same_resolution_cnn", filters=1, depth=1, kernel_size=1)
    scene["model"] = place.network("plain.safetensors", plain)
    failed, message, left = on_disk(place, "size=7m", PREDICT, **scene, compression="none")
    assert failed
    assert re.search(r"/disk: the disk is full \(\d+.* MiB are free\); free some sp", message)
    assert left == []
