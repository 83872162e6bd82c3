import numpy as np
import pytest

from ml_core.datasets.batch import Augmentation
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.polygon_chips import PolygonChips, PolygonScene
from ml_core.datasets.polygon_split import draw_polygons
from ml_core.datasets.sampler import TrainingSampler
from ml_core.datasets.split import TRAINING, Split
from tests.builders.charts import chart_data_of
from tests.builders.scenes import backscatter, data_of, ice

SIZE = 24


@pytest.fixture(scope="module")
def scene():
    """A chart of 20 polygons, and its split."""
    data = chart_data_of((80, 100), seed=1)
    return data, draw_polygons(data, 0.3, np.random.default_rng(0))


def test_chips_hold_the_polygons_that_train(scene):
    data, split = scene
    polygons = PolygonScene.training(data, split, 7, 50, 0.5)
    rows, cols = np.array([0, 56, 20]), np.array([0, 76, 31])
    found = polygons.in_chips(rows, cols, SIZE)
    seen, roles = data.observations, split.roles_of(data.observations)
    for pixels, row, col in zip(found.pixels, rows, cols, strict=True):
        own = data.polygons[row : row + SIZE, col : col + SIZE]
        expected = np.append(0, roles)[own] == TRAINING
        np.testing.assert_array_equal(pixels > 0, expected)
        # numbers of the scene's polygons from 7 on
        np.testing.assert_array_equal(found.number[pixels[expected] - 1], own[expected] - 1 + 7)
    for k, number in enumerate(found.number - 7):
        assert found.seen_px[k] == (found.pixels == k + 1).sum() > 0
        assert found.area_px[k] == (data.polygons == number + 1).sum()
        assert found.low[k] == pytest.approx(seen.low[number] / 100)
        assert found.high[k] == pytest.approx(seen.high[number] / 100)


def test_chips_of_scenes_with_and_without_a_chart_are_joined(scene):
    data, split = scene
    rows, cols = np.array([3, 40]), np.array([5, 60])
    one = PolygonScene.training(data, split, 0, 40, 1.0).in_chips(rows, cols, SIZE)
    other = PolygonScene.training(data, split, 20, 40, 1.0).in_chips(rows, cols + 9, SIZE)
    both = PolygonChips.joined([2, one, other, 1], SIZE)
    assert both.pixels.shape == (7, SIZE, SIZE)
    assert not both.pixels[[0, 1, 6]].any()
    for part, chips in ((one, slice(2, 4)), (other, slice(4, 6))):
        inside = part.pixels > 0
        np.testing.assert_array_equal(both.pixels[chips] > 0, inside)
        np.testing.assert_array_equal(
            both.number[both.pixels[chips][inside] - 1], part.number[part.pixels[inside] - 1]
        )
    assert PolygonChips.joined([2, 3], SIZE) is None


def test_polygons_are_mirrored_with_their_chips(scene):
    data, split = scene
    every = Augmentation(north_south=True, east_west=True, quarter_turn=True, contrast=0)
    sampler = TrainingSampler(
        {"a": data},
        {"a": split},
        Normalisation.of((0, 0), (1, 1)),
        SIZE,
        lambda sic: sic,
        every,
        observes=True,
    )
    rng = np.random.default_rng(2)
    for _ in range(5):
        batch = sampler.draw(4, rng)
        assert batch.observed is None
        # the label is the SIC of the polygon
        inside = batch.polygons.pixels > 0
        np.testing.assert_array_equal(inside, batch.valid)
        index = batch.polygons.number[batch.polygons.pixels[inside] - 1]
        np.testing.assert_allclose(batch.label[inside], data.observations.percent[index])


def test_charts_and_footprints_mix_in_a_batch(scene):
    data, _ = scene
    sic = ice((80, 100))
    passive = data_of(sic, backscatter(sic))
    scenes = {"a": data, "b": passive, "c": chart_data_of((80, 100), seed=2)}
    splits = {name: Split.full(one.cells) for name, one in scenes.items()}
    sampler = TrainingSampler(
        scenes, splits, Normalisation.of((0, 0), (1, 1)), SIZE, lambda sic: sic, observes=True
    )
    batch = sampler.draw(30, np.random.default_rng(3))
    has_polygons = (batch.polygons.pixels > 0).any((1, 2))
    has_footprints = batch.observed.weight.any(axis=1)
    assert (has_polygons != has_footprints).all()
    assert has_polygons.sum() > 5
    assert has_footprints.sum() > 5
    assert batch.polygons.total == sum(len(scenes[name].observations) for name in "ac")
    assert batch.polygons.number.size == np.unique(batch.polygons.number).size
    # a chip of polygons weighs as much as one of footprints
    of_polygons = batch.polygons.weight * batch.polygons.seen_px.sum() / has_polygons.sum()
    of_footprints = batch.observed.weight.sum() / has_footprints.sum()
    assert of_polygons == pytest.approx(of_footprints, rel=0.3)
