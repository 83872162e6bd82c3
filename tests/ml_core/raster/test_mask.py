import numpy as np

from ml_core.jobs.sources import RasterSource
from ml_core.raster.grid import Window
from ml_core.raster.mask import SeaMask, mask_tags
from ml_core.raster.reading import open_band
from tests.builders.rasters import ORIGIN, write_raster


def test_zero_nodata_and_what_lies_beyond_are_left_out(tmp_path):
    """A mask of 40 m on a grid of 120 m that begins one of its pixels further left and up."""
    values = np.full((12, 9), 1, np.uint8)
    values[1, 1] = 0  # a centre
    values[4, 4] = 255
    values[0, 0] = 0  # no centre
    path = write_raster(tmp_path / "mask.tif", values, nodata=255, tags=mask_tags("coast", 120))
    origin = ORIGIN[0] - 120, ORIGIN[1] + 120
    coarse = write_raster(tmp_path / "grid.tif", np.zeros((5, 4)), size=120.0, origin=origin)
    with open_band(RasterSource(path)) as band, open_band(RasterSource(coarse)) as other:
        mask = SeaMask(band, other.grid)
        assert mask.overlaps()
        assert mask.buffer_m == 120
        expected = np.ones((5, 4), bool)
        expected[0] = expected[:, 0] = expected[1, 1] = expected[2, 2] = False
        assert np.array_equal(mask.read(other.grid.window), expected)
        assert not mask.read(Window(5, 0, 3, 4)).any()
        assert SeaMask(other, band.grid).buffer_m is None
