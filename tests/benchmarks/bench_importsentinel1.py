"""What the import of a full Sentinel-1 EW scene costs: seconds and peak memory.

Real annotation (SEAICE_TEST_DATA), simulated pixels at the annotated size, 10708 x 10487. The
import runs in a process of its own, as the plugin runs it, from the folder and from a zip.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.builders.safe import real_annotation, real_annotation_product, zipped

ROOT = Path(__file__).resolve().parents[2]


def figure(metric, value, unit):
    print(json.dumps({"metric": metric, "value": round(value, 1), "unit": unit}), flush=True)


def main():
    if real_annotation() is None:
        figure("import_sentinel1_skipped_without_test_data", 1, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        safe = real_annotation_product(folder)
        for name, product in (("folder", safe), ("zip", zipped(safe, Path(folder, "scene.zip")))):
            outputs = {key: str(Path(folder, f"{key}.tif")) for key in ("hh", "hv", "incidence")}
            job = {"job": "importsentinel1", "parameters": {"product": str(product), **outputs}}
            path = Path(folder, "job.json")
            path.write_text(json.dumps(job))
            start = time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, "-m", "ml_core", "run", str(path)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            _, status, usage = os.wait4(child.pid, 0)
            if status:
                raise SystemExit(f"the import failed with status {status}")
            figure(f"import_sentinel1_ew_{name}", time.perf_counter() - start, "s")
            figure(f"import_sentinel1_ew_{name}_processor", usage.ru_utime + usage.ru_stime, "s")
            figure(f"import_sentinel1_ew_{name}_memory", usage.ru_maxrss / 2**10, "MiB")


main()
