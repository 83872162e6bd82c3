"""Time and memory of evaluating 100-Mpx rasters: `python tests/benchmarks/bench_evaluate.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from measuring import report_run, run_job
from rasterio.windows import Window

SIDE = 10_000


def write(path: Path, side: int, size_m: float, epsg: int, left: float, top: float, seed: int):
    """Write SIC with an ice edge, leads and noise, block by block."""
    rng = np.random.default_rng(seed)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=side,
        width=side,
        count=1,
        dtype="float32",
        crs=f"EPSG:{epsg}",
        transform=Affine(size_m, 0, left, 0, -size_m, top),
        nodata=-9999,
        tiled=True,
        compress="deflate",
        predictor=3,
        zlevel=1,
    ) as dataset:
        for row in range(0, side, 512):
            height = min(512, side - row)
            y = (row + np.arange(height))[:, None] * size_m / 1000
            x = np.arange(side)[None, :] * size_m / 1000
            sic = (
                50 + 60 * np.sin(x / 60 + np.sin(y / 45)) + 8 * rng.standard_normal((height, side))
            )
            sic = np.clip(sic, 0, 100).astype(np.float32)
            dataset.write(sic, 1, window=Window(0, row, side, height))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "prediction.tif", SIDE, 40, 3413, -200_000, -1_000_000, 1)
        write(folder / "same.tif", SIDE, 40, 3413, -200_000, -1_000_000, 2)
        write(folder / "coarse.tif", 400, 12_500, 6931, -2_500_000, 2_500_000, 3)
        for metric, reference, footprint in (
            ("evaluate_100_mpx", "same.tif", None),
            ("evaluate_100_mpx_by_cells", "coarse.tif", None),
            ("evaluate_100_mpx_by_footprints", "coarse.tif", 25000),
        ):
            run = run_job(
                "evaluate",
                prediction=str(folder / "prediction.tif"),
                reference=str(folder / reference),
                footprint=footprint,
                report=str(folder / "report.html"),
                table=str(folder / "table.csv"),
                difference=str(folder / "difference.tif"),
            )
            print(
                f"{SIDE} x {SIDE} px against {reference}, footprint {footprint}:"
                f" {run.numbers['COUNT']:.0f} cells, RMSE {run.numbers['RMSE']:.2f} %"
            )
            report_run(metric, run)


if __name__ == "__main__":
    main()
