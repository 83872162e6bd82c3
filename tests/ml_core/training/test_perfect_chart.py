"""The truth of a simulated scene, taken for a network's map, must pass a chart drawn over it.

The chart's polygons are some 30 km wide and have the codes of their true means; scene and chart are
read back from their files as a training reads them.
"""

import numpy as np
import pytest
import rasterio

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.split import TRAINING, VALIDATION
from ml_core.evaluation.scene_scores import score_observed
from ml_core.events import Reporter
from ml_core.jobs import EvaluateJob, SimulateSceneJob, TrainJob
from ml_core.networks import NetworkConfig
from ml_core.runs.layers import open_layers
from ml_core.training.device import Device
from ml_core.training.tasks import Regression
from ml_core.training.validation import Part, Validator, thinned
from tests.builders.charts import write_chart_scene
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.ml_core.training.test_perfect_map import Copy, Truth

SILENT = Reporter(lambda event: None)
SIDE, PIXEL_M, POLYGON_M = 800, 250.0, 30_000.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Training data of a chart, the true SIC, the chart's polygons, and the path of its SIC."""
    folder = tmp_path_factory.mktemp("chart")
    names = {name: str(folder / f"simulated_{name}.tif") for name in ("hh", "hv", "true_sic")}
    size = {"width": SIDE, "height": SIDE, "resolution": PIXEL_M}
    execute(SimulateSceneJob(seed=4, **size, **names))
    with rasterio.open(names["true_sic"]) as dataset:
        truth = dataset.read(1)
    paths, polygons = write_chart_scene(folder, truth, size=PIXEL_M, across_px=POLYGON_M / PIXEL_M)
    job = TrainJob(**paths, resolution=0, model="unused.safetensors")
    with (
        open_layers(job, job.resolution, job.chip_size, SILENT) as layers,
        layers.read(job.chip_size, SILENT) as training_data,
        rasterio.open(polygons) as file,
    ):
        yield training_data, truth, file.read(1), paths["reference"]


def validator(observes=True):
    config = NetworkConfig(filters=2, depth=1)
    return Validator(
        Normalisation.of((0.0,) * 2, (100.0,) * 2),
        networks.geometry(config),
        Device("cpu", False),
        Regression(observes=observes),
    )


def test_a_perfect_map_errs_by_at_most_one_percent(scene):
    training_data, truth, *_ = scene
    (data,) = training_data.scenes.values()
    (split,) = training_data.split(1, 0.2).fits[0].values()
    for role, least in ((TRAINING, 25), (VALIDATION, 4)):
        part = Part.of(data, split, role)
        found = validator().observed(Copy(), part, shown=Truth(data, truth))
        assert found.index.size == (split.roles_of(data.observations) == role).sum() >= least
        scores = score_observed(found.percent[0], found.index, data)
        assert scores.scores.rmse_percent <= 1.0
        assert scores.scores.count == found.index.size
        # what no chart allows is found
        wrong = validator().observed(Copy(), part, shown=Truth(data, 100 - truth))
        assert score_observed(wrong.percent[0], wrong.index, data).scores.rmse_percent > 20


def test_means_are_those_of_the_polygons_pixels(scene):
    training_data, truth, numbers, _ = scene
    (data,) = training_data.scenes.values()
    (split,) = training_data.split(1, 0.2).fits[0].values()
    part = Part.of(data, split, VALIDATION)
    found = validator().observed(Copy(), part, shown=Truth(data, truth))
    for index, mean in zip(found.index, found.percent[0], strict=True):
        pixels = data.polygons == index + 1
        assert np.unique(numbers[pixels]).size == 1
        assert mean == pytest.approx(truth[pixels].mean(dtype=np.float64), abs=0.01)


def test_of_a_large_part_whole_polygons_of_all_sizes_are_left(scene):
    training_data, truth, *_ = scene
    (data,) = training_data.scenes.values()
    (split,) = training_data.split(1, 0.2).fits[0].values()
    part = Part.of(data, split, TRAINING)
    seen = []
    for first in range(4):
        (fewer,) = thinned([part], part.area_px / 4, first=first)
        found = validator().observed(Copy(), fewer, shown=Truth(data, truth))
        assert np.array_equal(np.sort(found.index), np.sort(fewer.index))
        area = data.observations.area_px
        assert area[fewer.index].mean() == pytest.approx(area[part.index].mean(), rel=0.3)
        seen += found.index.tolist()
    assert sorted(seen) == sorted(part.index)


def test_a_polygon_that_is_not_predicted_is_not_judged(scene):
    training_data, truth, *_ = scene
    (data,) = training_data.scenes.values()
    (split,) = training_data.split(1, 0.2).fits[0].values()
    part = Part.of(data, split, VALIDATION)
    cut = type(part)(data, part.windows[: len(part.windows) // 2], part.inside, part.index)
    predicted = np.zeros(len(data.observations) + 1)
    for window in cut.windows:
        inside = split.validation(window)
        predicted += np.bincount(data.polygons[window.slices][inside], minlength=predicted.size)
    share = predicted[1:] / data.observations.area_px
    found = validator().observed(Copy(), cut, shown=Truth(data, truth))
    assert set(found.index) == set(np.flatnonzero(share >= 0.95))
    assert len(found.index) < len(part.index)


def test_a_perfect_map_passes_evaluate_by_polygons(scene, tmp_path):
    _, truth, numbers, reference = scene
    pages = str(tmp_path / "report.html"), str(tmp_path / "table.csv")

    def evaluated(sic):
        prediction = write_raster(tmp_path / "sic.tif", sic.astype(np.float32), size=PIXEL_M)
        job = EvaluateJob(
            prediction=prediction, reference=reference, report=pages[0], table=pages[1]
        )
        return execute(job)[0].numbers

    found = evaluated(truth)
    assert found["POLYGONS"] == np.unique(numbers).size
    assert found["POLYGON_RMSE"] <= 1.0
    # cell by cell the chart's lack of detail counts
    assert found["RMSE"] > 5
    assert "Polygons of the chart" in (tmp_path / "report.html").read_text()
    assert "polygons, by area" in (tmp_path / "table.csv").read_text()
    # of a part of the scene, whole polygons alone are judged
    part = evaluated(truth[: SIDE // 2])
    assert 0 < part["POLYGONS"] < found["POLYGONS"] / 2 + 2
    assert part["POLYGON_RMSE"] <= 1.0
    assert evaluated(100 - truth)["POLYGON_RMSE"] > 20
