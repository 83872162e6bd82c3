"""What the import of a full Sentinel-1 EW scene costs: seconds and peak memory.

Real annotation (SEAICE_TEST_DATA), simulated pixels at the annotated size, 10708 x 10487, from the
folder and from a zip.
"""

import tempfile
from pathlib import Path

from measuring import report, report_run, run_job

from tests.builders.safe import real_annotation, real_annotation_product, zipped


def main():
    if real_annotation() is None:
        report("import_sentinel1_skipped_without_test_data", 1, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        safe = real_annotation_product(folder)
        outputs = {name: str(Path(folder, f"{name}.tif")) for name in ("hh", "hv", "incidence")}
        for name, product in (("folder", safe), ("zip", zipped(safe, Path(folder, "scene.zip")))):
            run = run_job("importsentinel1", product=str(product), **outputs)
            report_run(f"import_sentinel1_ew_{name}", run)


if __name__ == "__main__":
    main()
