"""Scenes on disk and training sets of them, made for the tests."""

import numpy as np
import rasterio
from scipy.ndimage import gaussian_filter

from ml_core.datasets.records import SceneRecord
from ml_core.jobs import BuildTrainingSetJob
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster

PIXEL_M = 100.0
COARSE = 8
SHAPE = (96, 112)


def scene_files(folder, number, *, tags=None, angle=False, ice=0.5, shape=SHAPE):
    """Write HH, HV and a coarse reference of a scene; return their paths by job field."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(number)
    field = gaussian_filter(generator.normal(size=shape), 10)
    sharp = (field > np.quantile(field, 1 - ice)).astype(np.float32)
    bands = {
        "hh": -18 + 8 * sharp + generator.normal(0, 1, shape),
        "hv": -28 + 10 * sharp + generator.normal(0, 1, shape),
    }
    if angle:
        bands["incidence"] = np.linspace(20, 45, shape[1])[None].repeat(shape[0], 0)
    coarse = sharp.reshape(shape[0] // COARSE, COARSE, shape[1] // COARSE, COARSE).mean((1, 3))
    tags = {"SEAICE_START": f"2024-03-{number + 1:02}T06:00:00", **(tags or {})}
    paths = {
        name: write_raster(
            folder / f"{name}_{number}.tif", band.astype("float32"), size=PIXEL_M, tags=tags
        )
        for name, band in bands.items()
    }
    paths["reference"] = write_raster(
        folder / f"sic_{number}.tif",
        (100 * coarse).astype(np.float32),
        size=PIXEL_M * COARSE,
        tags={"SEAICE_DATE": f"2024-03-{number + 1:02}"},
    )
    return paths


class Built:
    """A finished run of the job."""

    def __init__(self, folder, cancelled=lambda: False, **parameters):
        parameters = {"chip_size": 32, "resolution": PIXEL_M, **parameters}
        job = BuildTrainingSetJob(training_set=str(folder), **parameters)
        self.done, self.events = execute(job, cancelled)
        self.texts = self.events.texts


def retag(path, **tags):
    """Change tags of a file."""
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**tags)


def record_of(data):
    """The record of a scene in memory."""
    known = np.isfinite(data.array[..., -1])
    pixels = data.array[known][:, :2].astype(np.float64)
    return SceneRecord(
        name="scene",
        fingerprint="1",
        shape_px=data.grid.shape,
        crs="EPSG:3413",
        transform=tuple(data.grid.transform)[:6],
        footprint_m=data.footprint_m,
        inputs={"HH": "hh.tif"},
        acquisition={},
        reference_date="",
        hours_apart=None,
        chips=1,
        pixels=int(known.sum()),
        sic_histogram=tuple(data.cells.histogram.sum((0, 1)).tolist()),
        mean=tuple(pixels.mean(axis=0)),
        std=tuple(pixels.std(axis=0)),
    )
