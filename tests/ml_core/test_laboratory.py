"""Every network with every task: trained, saved, loaded, predicted and described."""

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from ml_core import checkpoint
from ml_core.jobs import DescribeModelJob, PredictJob, TrainJob
from ml_core.jobs.choices import ARCHITECTURES, TASKS
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster

SHAPE, PIXEL_M = (96, 112), 500.0
SETTINGS = {
    # what a network needs to learn this scene in seconds
    "unet": {"filters": 4, "depth": 2},
    "encoder_decoder": {"filters": 4, "depth": 2},
    "same_resolution_cnn": {"filters": 4, "depth": 2},
    "patch_cnn": {"patch_size": 9, "output_stride": 2},
    "alexnet": {"filters": 4, "learning_rate": 0.002},
}


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """HH, HV and the SIC that they follow, as files."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(2)
    field = gaussian_filter(rng.normal(size=SHAPE), 12)
    sic = gaussian_filter((field > np.median(field)) * 100.0, 4)
    arrays = {
        "hh": -18 + 8 * sic / 100 + rng.normal(0, 1, SHAPE),
        "hv": -28 + 9 * sic / 100 + rng.normal(0, 1, SHAPE),
        "reference": sic,
    }
    return {
        name: write_raster(folder / f"{name}.tif", array.astype(np.float32), size=PIXEL_M)
        for name, array in arrays.items()
    }


@pytest.mark.parametrize("task", [choice.id for choice in TASKS])
@pytest.mark.parametrize("architecture", [choice.id for choice in ARCHITECTURES])
def test_it_trains_predicts_and_is_described(layers, tmp_path, architecture, task):
    model, sic_path = str(tmp_path / "net.safetensors"), str(tmp_path / "sic.tif")
    classes = {"class_bounds": (15, 80)} if task == "classes" else {}
    execute(
        TrainJob(
            **layers,
            architecture=architecture,
            task=task,
            **classes,
            **{
                "resolution": 0,
                "footprint": 4000,
                "chip_size": 80,
                "epochs": 6,
                "chips_per_epoch": 32,
                "learning_rate": 0.01,
                "validation_fraction": 0,
                "dropout": 0.05,
                "l2": 0,
                "device": "cpu",
                **SETTINGS.get(architecture, {}),
            },
            model=model,
        ),
    )
    card = checkpoint.read_card(model)
    assert (card.network["architecture"], card.task) == (architecture, task)
    class_map = {"class_map": str(tmp_path / "classes.tif")} if classes else {}
    execute(
        PredictJob(
            hh=layers["hh"],
            hv=layers["hv"],
            model=model,
            output=sic_path,
            runtime="torch",
            device="cpu",
            **class_map,
        ),
    )
    with rasterio.open(sic_path) as dataset, rasterio.open(layers["reference"]) as reference:
        predicted, known = dataset.read(1), reference.read(1)
    assert predicted.min() >= 0
    # it has learnt: better by far than the mean would do
    assert np.sqrt(np.mean((predicted - known) ** 2)) < 0.75 * known.std()
    if classes:
        with rasterio.open(class_map["class_map"]) as dataset:
            found = dataset.read(1)
        assert set(np.unique(found)) <= {0, 1, 2}
        assert (found == np.digitize(known, (15, 80))).mean() > 0.5
    done, _ = execute(DescribeModelJob(model=model, report=str(tmp_path / "d.html")))
    weights = checkpoint.member(checkpoint.load(model)[1], 0)
    trained = {k: v for k, v in weights.items() if "running" not in k and "num_batches" not in k}
    assert done.numbers["PARAMETERS"] == sum(array.size for array in trained.values())
