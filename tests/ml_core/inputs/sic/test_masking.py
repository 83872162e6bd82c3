import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.inputs.sic.masking import masked
from ml_core.inputs.sic.product import SicProduct
from ml_core.jobs.sources import RasterSource
from ml_core.raster.grid import Grid
from tests.builders.sicproducts import geotiff

GRID = Grid(CRS.from_epsg(3031), Affine(6250, 0, -3_950_000, 0, -6250, 4_350_000), 3, 4)
SIC = np.array([[20, 50, 90, 100], [20, np.nan, np.nan, 0], [np.nan] * 4], np.float32)


@pytest.fixture
def mask(tmp_path):
    """Land below the second row and in the last column."""
    values = np.ones((3, 4), np.uint8)
    values[2], values[:, 3] = 0, 255
    return RasterSource(geotiff(tmp_path / "mask.tif", values, nodata=255))


@pytest.mark.parametrize("hides_water", [False, True])
def test_land_has_no_sic_and_hidden_water_is_0(mask, messages, hides_water):
    product = SicProduct("a", SIC, GRID, hides_water=hides_water)
    water = 0 if hides_water else np.nan
    expected = [[20, 50, 90, np.nan], [20, water, water, np.nan], [np.nan] * 4]
    assert np.array_equal(masked(product, mask, Reporter(messages)), expected, equal_nan=True)
    assert "2 px with SIC lie on land" in messages.text
    assert ("2 px of sea without a value are set to 0 %" in messages.warnings) == hides_water
    assert product.sic_percent[0, 3] == 100


def test_without_a_mask_hidden_water_is_reported(messages):
    product = SicProduct("a", SIC + 15, GRID, hides_water=True)
    assert np.array_equal(masked(product, None, Reporter(messages)), SIC + 15, equal_nan=True)
    assert "the lowest SIC is 15 %: open water has no value" in messages.warnings


def test_a_mask_elsewhere_is_refused(tmp_path, messages):
    elsewhere = RasterSource(geotiff(tmp_path / "m.tif", np.ones((2, 2), np.uint8), pixel_m=1.0))
    product = SicProduct("a", SIC, Grid(GRID.crs, Affine(10, 0, 0, 0, -10, 0), 3, 4))
    with pytest.raises(SeaIceError, match=r"m\.tif does not overlap the SIC product"):
        masked(product, elsewhere, Reporter(messages))
