from contextlib import ExitStack

import numpy as np
import pytest
import rasterio

from ml_core.datasets.polygon_split import draw_polygons, draw_polygons_with_test
from ml_core.datasets.split import TEST, TRAINING, VALIDATION
from ml_core.datasets.training_data import TrainingData
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.runs.layers import open_layers
from tests.builders.charts import write_chart_scene
from tests.builders.scenes import ice

SHAPE, SIZE = (120, 140), 500.0
SILENT = Reporter(lambda event: None)


@pytest.fixture(scope="module", params=range(3))
def chart(request, tmp_path_factory):
    """Training data of a scene with a chart of some 42 polygons, and its raster of polygons."""
    folder = tmp_path_factory.mktemp("chart")
    truth = ice(SHAPE, 8, seed=request.param)
    paths, polygons = write_chart_scene(folder, truth, size=SIZE, across_px=20, seed=request.param)
    with ExitStack() as stack:
        job = TrainJob(**paths, model="net.safetensors", resolution=0, chip_size=32)
        layers = stack.enter_context(open_layers(job, 0, 32, SILENT))
        data = stack.enter_context(layers.read(32, SILENT))
        with rasterio.open(polygons) as file:
            yield data, file.read(1)


def of(data):
    (scene,) = data.scenes.values()
    return scene


def test_validation_and_training_share_no_polygon(chart):
    data, numbers = chart
    whole = of(data).grid.window
    for seed in range(5):
        for splits in (
            *data.split(seed, 0.2).fits,
            *data.split(seed, 0.2, folds=4).fits,
            *data.split(seed, 0.2, data_fraction=0.5).fits,
        ):
            (split,) = splits.values()
            trains, validates = split.training(whole), split.validation(whole)
            assert trains.any()
            assert validates.any()
            assert not set(numbers[trains]) & set(numbers[validates])


def test_each_fold_validates_other_polygons_and_together_all(chart):
    data, _ = chart
    found = [
        split.validation(of(data).grid.window)
        for (split,) in (splits.values() for splits in data.split(3, 0.2, folds=4).fits)
    ]
    np.testing.assert_array_equal(np.sum(found, axis=0), 1)


def test_parts_have_their_share_of_the_area_and_the_charts_sic(chart):
    data, _ = chart
    scene = of(data)
    split = draw_polygons_with_test(scene, 0.2, 0.25, np.random.default_rng(1))
    roles, seen = split.roles_of(scene.observations), scene.observations
    total = seen.area_px.sum()
    means = []
    for role, name, share in (
        (TRAINING, "training", 0.55),
        (VALIDATION, "validation", 0.2),
        (TEST, "test", 0.25),
    ):
        area = seen.area_px[roles == role]
        assert area.sum() / total == pytest.approx(share, abs=0.05)
        assert split.counts[name] == area.sum() == split.has(role, scene.grid.window).sum()
        means.append(np.average(seen.percent[roles == role], weights=area))
    assert np.ptp(means) < 25
    assert len(split.blocks) == (roles == VALIDATION).sum()
    assert len(split.test_blocks) == (roles == TEST).sum()
    listed = np.concatenate(list(split.to_dict()["polygons"].values()))
    np.testing.assert_array_equal(np.sort(listed), np.arange(1, len(seen) + 1))


def test_pixels_windows_and_polygons_agree_on_their_roles(chart):
    data, _ = chart
    scene = of(data)
    (split,) = data.split(1, 0.3, data_fraction=0.6).fits[0].values()
    roles = np.append(0, split.roles_of(scene.observations))[scene.polygons]
    rows, cols = np.array([[3], [50]]) + np.arange(40), np.array([[90], [7]]) + np.arange(40)
    trains = split.training_at(rows, cols)
    for k in range(2):
        expected = roles[np.ix_(rows[k], cols[k])] == TRAINING
        np.testing.assert_array_equal(trains[k], expected)
    beyond = split.validation(scene.grid.window.grown(5))
    np.testing.assert_array_equal(beyond[5:-5, 5:-5], roles == VALIDATION)
    assert beyond.sum() == (roles == VALIDATION).sum()
    # a cell has the role of most of its pixels
    size = split.cell_px
    for row, col in np.ndindex(split.roles.shape):
        part = roles[row * size : (row + 1) * size, col * size : (col + 1) * size]
        counts = np.bincount(part.ravel(), minlength=5)
        assert counts[split.roles[row, col]] == counts.max()


def test_the_log_and_the_card_count_polygons(chart):
    data, _ = chart
    lines = []
    found = data.split(1, 0.2)
    data.log_split(found, Reporter(lines.append))
    (split,) = found.fits[0].values()
    validating = int((split.roles_of(of(data).observations) == VALIDATION).sum())
    text = " ".join(line.text for line in lines)
    assert f"{validating} validate" in text
    area = split.counts["validation"] / of(data).observations.area_px.sum()
    assert f"({100 * area:.0f} % of the area)" in text
    few = draw_polygons(of(data), 0.05, np.random.default_rng(0))
    number = int((few.roles_of(of(data).observations) == VALIDATION).sum())
    text = data.few_footprints([dict.fromkeys(data.scenes, few)])
    assert f"Only {number} polygons of the reference validate" in text
    card = data.to_dict(found.fits[0])
    assert card["independent_footprints"]["validation"] == validating
    assert card["independent"] == "polygons"
    assert data.parts_noun == "polygons"


def test_too_few_polygons_are_refused(tmp_path):
    truth = ice(SHAPE, 8)
    paths, _ = write_chart_scene(tmp_path, truth, size=SIZE, across_px=70)
    job = TrainJob(**paths, model="net.safetensors", resolution=0, chip_size=32)
    with open_layers(job, 0, 32, SILENT) as layers, layers.read(32, SILENT) as data:
        with pytest.raises(SeaIceError, match=r"has 4 polygons where the scene lies, too few"):
            data.split(1, 0.2, folds=5)
        (full,) = data.split(1, 0.0).fits[0].values()
        assert full.counts["training"] == SHAPE[0] * SHAPE[1]
    assert isinstance(data, TrainingData)
