"""How long qgis_process takes until predict says its first word, beside the import of torch.

The packaged plugin runs in a QGIS with settings of its own. What counts is the line in which
predict names its runtime, which is known once the network is loaded; qgis_process may hold lines
back, so that the figure is an upper bound. Both take turns, since a machine's speed drifts.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import scene
from measuring import ROOT, report

sys.path.insert(0, str(ROOT / "tools"))
import environments
import package

ROUNDS = 7
FIRST_WORD = "Runtime:"


def main():
    with tempfile.TemporaryDirectory() as folder:
        plugin, _ = package.build(ROOT, Path(folder, "build"), Path(folder, "dist"))
        qgis = environments.HeadlessQgis(plugin.parent, Path(folder, "settings"))
        hh, hv = scene.scene(1000)
        run = qgis.command("predict", HH=hh, HV=hv, MODEL=scene.model(), OUTPUT=f"{folder}/sic.tif")
        turns = [(first_word(run, qgis.environment), import_torch()) for _ in range(ROUNDS)]
    worker, torch = (statistics.median(times) for times in zip(*turns, strict=True))
    over = statistics.median(first - second for first, second in turns)
    report("qgis_process_to_first_event_s", worker, "s")
    report("import_torch_s", torch, "s")
    report("worker_start_s", over, "s")


def first_word(command, environment):
    """Seconds until predict says its first word."""
    started = time.perf_counter()
    seconds = None
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if seconds is None and FIRST_WORD in line:
                seconds = time.perf_counter() - started
    if process.returncode or seconds is None:
        raise RuntimeError(f"predict failed: {''.join(said)}")
    return seconds


def import_torch():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
