"""The truth of a simulated scene, taken for a network's map, must pass every scorer of a training.

The scene is simulated, its reference written as a radiometer would see it, and both are read back
from their files as a training reads them.
"""

import numpy as np
import pytest
import rasterio
import torch

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.split import TRAINING, VALIDATION
from ml_core.events import Reporter
from ml_core.jobs import EvaluateJob, SimulateSceneJob, TrainJob
from ml_core.jobs.sources import RasterSource
from ml_core.networks import NetworkConfig
from ml_core.runs.layers import open_layers
from ml_core.training.device import Device
from ml_core.training.tasks import Regression
from ml_core.training.validation import Part, Validator
from tests.builders.jobs import execute

SILENT = Reporter(lambda event: None)
SIDE, PIXEL_M = 800, 250.0

RADIOMETERS = {
    "Bremen ASI": (6_250.0, 6_250.0),
    "AMSR2 at 36 GHz": (12_000.0, 6_250.0),
    "SSM/I": (45_000.0, 25_000.0),
}
"""Footprint and pixel size of the reference in metres."""


class Copy(torch.nn.Module):
    """Gives its first channel as the SIC."""

    def forward(self, x):
        return x[:, :1]


class Truth:
    """The true SIC in the place of a scene's channels."""

    def __init__(self, data, sic_percent):
        self.channels, self.grid, self._sic = data.channels, data.grid, sic_percent

    def read(self, window):
        inside = window.clipped(*self.grid.shape)
        values = np.full((len(self.channels), window.height, window.width), np.nan, np.float32)
        place = inside.moved(-window.row, -window.col).slices
        values[(slice(None), *place)] = self._sic[inside.slices]
        return values, np.isfinite(values[0])


@pytest.fixture(params=RADIOMETERS)
def scene(request, tmp_path):
    """The job of a training on a simulated scene, and the file of the true SIC."""
    footprint, pixel = RADIOMETERS[request.param]
    names = {name: str(tmp_path / f"{name}.tif") for name in ("hh", "hv", "reference", "true_sic")}
    size = {"width": SIDE, "height": SIDE, "resolution": PIXEL_M}
    execute(SimulateSceneJob(seed=4, footprint=footprint, reference_pixel=pixel, **size, **names))
    truth = names.pop("true_sic")
    layers = {name: RasterSource(path) for name, path in names.items()}
    return TrainJob(**layers, resolution=0, model="unused.safetensors"), truth


def test_the_training_gives_a_perfect_map_an_error_of_at_most_one_percent(scene):
    job, path = scene
    with rasterio.open(path) as dataset:
        truth = dataset.read(1)
    config = NetworkConfig(filters=2, depth=1)
    with (
        open_layers(job, job.resolution, job.chip_size, SILENT) as layers,
        layers.read(job.chip_size, SILENT) as training_data,
    ):
        (data,) = training_data.scenes.values()
        ((split,),) = (splits.values() for splits in training_data.split(1, 0.2).fits)
        validator = Validator(
            Normalisation.of((0.0,) * 2, (100.0,) * 2),
            networks.geometry(config),
            Device("cpu", False),
            Regression(observes=True),
        )
        for role in (TRAINING, VALIDATION):
            part = Part.of(data, split, role)
            found = validator.observed(Copy(), part, shown=Truth(data, truth))
            error = found.percent[0] - data.observations.nearest(found.percent[0], found.index)
            assert found.index.size >= 4
            assert np.sqrt(np.mean(error**2)) <= 1.0


def test_evaluate_gives_a_perfect_map_an_error_of_at_most_one_percent(scene, tmp_path):
    job, path = scene
    done, _ = execute(
        EvaluateJob(
            prediction=RasterSource(path),
            reference=job.reference,
            table=str(tmp_path / "table.csv"),
        )
    )
    assert done.numbers["COUNT"] >= 4
    assert done.numbers["RMSE"] <= 1.0
