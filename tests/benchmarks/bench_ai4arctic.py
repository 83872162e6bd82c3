"""What a raw scene of AI4Arctic costs in Build training set at 80 m: seconds and peak memory.

Made up in the size of the data set's, 10006 x 10458, chunked as netCDF does it by itself. The peak
holds the pages of the set's own file, 0.4 GiB, which the system may take back.
"""

import tempfile
from pathlib import Path

from measuring import report_run, run_job

from tests.builders.ai4arctic import write_real_size


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "raw.nc")
        write_real_size(path)
        run = run_job(
            "buildtrainingset",
            ai4arctic=str(path),
            resolution=80,
            training_set=str(Path(folder, "set")),
        )
        report_run("build_training_set_ai4arctic_raw", run)


if __name__ == "__main__":
    main()
