import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from ml_core.jobs.sources import RasterSource
from ml_core.raster.grid import Grid


@pytest.fixture
def make_grid():
    def make(height, width, size=1000.0, epsg=3413, left=-500_000.0, top=-900_000.0):
        return Grid(CRS.from_epsg(epsg), Affine(size, 0, left, 0, -size, top), height, width)

    return make


@pytest.fixture
def write(tmp_path):
    """Write an array as a GeoTIFF and return its source."""

    def write(name, values, grid, nodata=None):
        values = np.asarray(values)
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            height=grid.height,
            width=grid.width,
            count=1,
            dtype=values.dtype,
            crs=grid.crs,
            transform=grid.transform,
            nodata=nodata,
        ) as dataset:
            dataset.write(values, 1)
        return RasterSource(str(tmp_path / name))

    return write
