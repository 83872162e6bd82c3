import numpy as np
import pytest
from scipy.ndimage import label

from ml_core.datasets.polygons import PolygonsOnScene
from ml_core.raster.grid import Window
from ml_core.raster.polygon_bands import PolygonPixels


def gathered(number, sic, low, high, *, connected=False, block=17):
    scene = PolygonsOnScene(np.zeros(number.shape, np.int32), connected=connected)
    for window in Window(0, 0, *number.shape).blocks(block):
        here = window.slices
        scene.add(window, PolygonPixels(number[here], low[here], high[here]), sic[here])
    return scene.pixels, scene.observations()


def chart(rng, shape=(60, 70)):
    """Numbers, SIC and bounds of a made-up chart, with gaps in the backscatter."""
    numbers = rng.choice(np.arange(1, 2**24), 12, replace=False).astype(np.int32)
    tenths = rng.integers(0, 11, 12).astype(np.float32) * 10
    index = np.kron(rng.integers(0, 12, (6, 7)), np.ones((10, 10), int))
    sic = tenths[index]
    sic[rng.random(shape) < 0.1] = np.nan
    number = numbers[index]
    number[rng.random(shape) < 0.02] = 0
    return number, sic, tenths[index], tenths[index]


@pytest.mark.parametrize("seed", range(5))
def test_each_polygon_is_one_observation_of_its_pixels(seed):
    number, sic, low, high = chart(np.random.default_rng(seed))
    pixels, seen = gathered(number, sic, low, high)
    used = np.isfinite(sic) & (number > 0)
    assert np.array_equal(pixels > 0, used)
    assert seen.are_polygons
    assert len(seen) == np.unique(number[used]).size
    for k in range(len(seen)):
        rows, cols = np.nonzero(pixels == k + 1)
        assert np.unique(number[rows, cols]).size == 1
        assert seen.area_px[k] == rows.size
        assert (seen.row[k], seen.col[k]) == pytest.approx((rows.mean() + 0.5, cols.mean() + 0.5))
        tenth = seen.percent[k]
        assert set(sic[rows, cols]) == {tenth}
        expected = {0: (0, 0), 100: (95, 100)}.get(int(tenth), (tenth - 5, tenth + 5))
        assert (seen.low[k], seen.high[k]) == expected


def test_ranges_of_codes_stay_and_unknown_bounds_are_the_sic():
    number = np.array([[1, 2, 3, 3]], np.int32)
    sic = np.array([[95, 30, 60, 60]], np.float32)
    low = np.array([[90, 20, np.nan, np.nan]], np.float32)
    high = np.array([[100, 40, np.nan, np.nan]], np.float32)
    _, seen = gathered(number, sic, low, high)
    assert seen.low.tolist() == [90, 20, 55]
    assert seen.high.tolist() == [100, 40, 65]
    assert seen.nearest(np.array([97.0, 10.0, 66.0])).tolist() == [97, 20, 65]
    assert seen.shares.tolist() == [0.75, 0.75, 1.5]


@pytest.mark.parametrize("seed", range(3))
def test_connected_regions_of_a_class_are_polygons(seed):
    _, sic, low, high = chart(np.random.default_rng(seed))
    pixels, seen = gathered(np.zeros(sic.shape, np.int32), sic, low, high, connected=True)
    count = 0
    for tenth in np.unique(sic[np.isfinite(sic)]):
        regions, number = label(sic == tenth)
        count += number
        for k in range(1, number + 1):
            found = np.unique(pixels[regions == k])
            assert found.size == 1
            assert seen.area_px[found[0] - 1] == (regions == k).sum()
            assert seen.percent[found[0] - 1] == tenth
    assert len(seen) == count


def test_a_chart_without_sic_where_the_scene_lies_has_no_observations():
    nothing = np.full((5, 5), np.nan, np.float32)
    number = np.ones((5, 5), np.int32)
    for connected in (False, True):
        assert gathered(number, nothing, nothing, nothing, connected=connected)[1] is None
