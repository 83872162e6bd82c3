import numpy as np
import pytest

from ml_core.inputs.simulation.floes import cells
from ml_core.inputs.simulation.lattice import uniform
from ml_core.raster.grid import Window

SPACING_M = 900.0


def positions(row, col, height, width, pixel_m=40.0):
    x = (col + np.arange(width) + 0.5) * pixel_m
    y = (row + np.arange(height) + 0.5) * pixel_m
    return [grid.astype(np.float32) for grid in np.meshgrid(x, y)]


@pytest.fixture
def floes():
    return cells(7, 64, SPACING_M, *positions(0, 0, 150, 170))


def test_a_pixel_belongs_to_the_seed_that_is_nearest_less_its_weight(floes):
    x, y = positions(0, 0, 150, 170)
    weight = 0.45 * SPACING_M * uniform(7, 66, Window(floes.row, floes.col, *floes.shape)) ** 2
    distance = np.hypot(
        floes.x_m - x[..., None].astype(float), floes.y_m - y[..., None].astype(float)
    ) - weight.ravel()  # fmt: skip
    first, second = np.sort(distance, axis=-1)[..., :2].transpose(2, 0, 1)
    own = np.take_along_axis(distance, floes.index[..., None].astype(int), -1)[..., 0]
    # only the nine cells around a pixel's are looked at: that is exact for nearly all
    assert np.mean(own - first < 0.01) > 0.999
    assert np.mean(np.abs(floes.margin_m - (second - first) / 2) < 0.01) > 0.995


def test_a_window_shows_the_scenes_cells(floes):
    part = cells(7, 64, SPACING_M, *positions(50, 30, 60, 80))
    inside = np.s_[50:110, 30:110]
    np.testing.assert_allclose(part.x_m[part.index], floes.x_m[floes.index[inside]], atol=0.1)
    np.testing.assert_allclose(part.margin_m, floes.margin_m[inside], atol=0.1)
    np.testing.assert_array_equal(
        part.random(7, 99)[part.index], floes.random(7, 99)[floes.index[inside]]
    )
