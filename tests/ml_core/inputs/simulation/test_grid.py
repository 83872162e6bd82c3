import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core.inputs.simulation.grid import frame, reference_grid, scene_grid
from ml_core.raster.grid import Grid


def test_the_frame_covers_the_margin_once_and_not_the_scene():
    scene = scene_grid("EPSG:3413", 50, 30, 100)
    seen = np.zeros((30 + 2 * 12, 50 + 2 * 12), int)
    for window in frame(scene, 12, 20):
        assert 0 < max(window.height, window.width) <= 20
        seen[window.moved(12, 12).slices] += 1
    assert (seen[12:-12, 12:-12] == 0).all()
    seen[12:-12, 12:-12] = 1
    assert (seen == 1).all()


@pytest.mark.parametrize("corner", [(1234.0, 9876.0), (-50_000.0, -700_050.0)])
def test_the_reference_grid_covers_the_scene_on_multiples_of_its_pixel(corner):
    left, top = corner
    scene = Grid(CRS.from_epsg(3413), Affine(80, 0, left, 0, -80, top), 400, 500)
    coarse = reference_grid(scene, 6250)
    assert coarse.transform.c % 6250 == coarse.transform.f % 6250 == 0
    for inner, outer, sign in zip(scene.bounds(), coarse.bounds(), (1, 1, -1, -1), strict=True):
        assert 0 <= sign * (inner - outer) < 6250
