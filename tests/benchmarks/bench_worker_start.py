"""How long qgis_process takes until predict says its first word, beside the import of torch.

The packaged plugin runs in a QGIS with settings of its own. What counts is the line in which
predict names its runtime, which is known once the network is loaded; qgis_process may hold lines
back, so that the figure is an upper bound. Both take turns, since a machine's speed drifts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import material

sys.path.insert(0, str(material.ROOT / "tools"))
import environments
import package

ROUNDS = 7
FIRST_WORD = "Runtime:"


def main():
    program = environments.qgis_process()
    with tempfile.TemporaryDirectory() as folder:
        plugin, _ = package.build(material.ROOT, Path(folder, "build"), Path(folder, "dist"))
        settings = Path(folder, "settings")
        settings.mkdir()
        inherited = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        environment = {
            **inherited,
            "QGIS_PLUGINPATH": str(plugin.parent),
            "QGIS_CUSTOM_CONFIG_PATH": str(settings),
            "QT_QPA_PLATFORM": "offscreen",
            "SEAICE_PYTHON": sys.executable,
        }
        enable = [program, "plugins", "enable", "seaice_qgis"]
        subprocess.run(enable, env=environment, check=True, capture_output=True)
        hh, hv = material.scene(1000)
        values = {"HH": hh, "HV": hv, "MODEL": material.model(), "OUTPUT": f"{folder}/sic.tif"}
        inputs = [f"{name}={value}" for name, value in values.items()]
        run = [program, "run", "seaice:predict", "--", *inputs]
        turns = [(first_word(run, environment), import_torch()) for _ in range(ROUNDS)]
    worker, torch = (statistics.median(times) for times in zip(*turns, strict=True))
    over = statistics.median(first - second for first, second in turns)
    material.report("qgis_process_to_first_event_s", worker, "s")
    material.report("import_torch_s", torch, "s")
    material.report("worker_start_s", over, "s")


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
