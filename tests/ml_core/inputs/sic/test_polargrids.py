import pyproj
import pytest

from ml_core.inputs.sic.polargrids import nsidc_grid, nsidc_grid_of_shape


@pytest.mark.parametrize(
    ("hemisphere", "corners"),
    [
        # longitude, latitude of the outer corners as NSIDC states them, from the upper left
        ("north", [(168.35, 30.98), (102.34, 31.37), (350.03, 34.35), (279.26, 33.92)]),
        ("south", [(317.76, -39.23), (42.24, -39.23), (135.0, -41.45), (225.0, -41.45)]),
    ],
)
def test_nsidc_grids_corners(hemisphere, corners):
    grid = nsidc_grid(hemisphere, 25_000.0)
    crs = pyproj.CRS.from_user_input(grid.crs)
    to_lonlat = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    pixels = [(0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height)]
    for pixel, (lon, lat) in zip(pixels, corners, strict=True):
        x, y = to_lonlat.transform(*(grid.transform @ pixel))
        assert x % 360 == pytest.approx(lon, abs=0.01)
        assert y == pytest.approx(lat, abs=0.01)


def test_nsidc_grids_by_shape():
    assert nsidc_grid_of_shape(448, 304).crs.to_epsg() == 3411
    assert nsidc_grid_of_shape(664, 632).transform.a == 12_500.0
    assert nsidc_grid_of_shape(100, 100) is None
