import xml.etree.ElementTree as ElementTree

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.warp import transform
from scipy.interpolate import RegularGridInterpolator

from ml_core.errors import SeaIceError
from ml_core.inputs.ai4arctic.file import Ai4ArcticFile
from ml_core.inputs.ai4arctic.placement import NodeGrid, cell_nodes, incidence_nodes, place
from ml_core.raster.grid import applied
from tests.builders.ai4arctic import MadeUpArctic, enlarged

MADE = MadeUpArctic(shape=(400, 500))


def opened(path):
    return Ai4ArcticFile.open(str(path))


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_between_nodes_values_are_linear_in_each_direction(height, width, seed):
    generator = np.random.default_rng(seed)
    rows, cols = (np.cumsum(generator.uniform(0.5, 9, count)) for count in (height, width))
    values = generator.normal(size=(height, width)).astype(np.float32)
    asked = [generator.uniform(axis[0] - 3, axis[-1] + 3, 7) for axis in (rows, cols)]
    found = NodeGrid(rows, cols, values).at(*asked)
    inside = [
        np.clip(places, axis[0], axis[-1]) for places, axis in zip(asked, (rows, cols), strict=True)
    ]
    oracle = RegularGridInterpolator((rows, cols), values)
    expected = oracle(tuple(np.meshgrid(*inside, indexing="ij")))
    assert found == pytest.approx(expected, abs=1e-5)


def test_cells_lie_where_the_image_is_divided_into_them():
    values = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    shape = 200, 255
    rows, cols = (np.arange(length) + 0.5 for length in shape)
    assert cell_nodes(values, shape).at(rows, cols) == pytest.approx(
        enlarged(values, shape), abs=1e-5
    )


def test_a_cell_without_a_value_spoils_what_lies_between_it_and_others():
    values = np.array([[1, 1, 1], [1, 1, np.nan]], np.float32)
    found = cell_nodes(values, (20, 30)).at(np.arange(20) + 0.5, np.arange(30) + 0.5)
    assert np.isfinite(found[:, :14]).all()
    assert np.isnan(found[15:, 25:]).all()


@pytest.mark.parametrize("layout", ["raw", "ready"])
def test_the_grid_lies_where_the_geolocation_says_to_what_it_states(tmp_path, layout):
    with opened(getattr(MADE, layout)(tmp_path)) as file:
        placement = place(file)
    grid = placement.grid
    lines, samples, latitude, longitude = MADE.geolocation()
    size = 1 if layout == "raw" else 2
    # where the pixels of the 40-m image lie in that of the file
    rows, cols = (lines + 0.5) / size, (samples + 0.5) / size
    x, y = applied(grid.transform, cols, rows)
    lon, lat = transform(grid.crs, "EPSG:4326", x.ravel(), y.ravel())[:2]
    error = Geod(ellps="WGS84").inv(lon, lat, longitude.ravel(), latitude.ravel())[2]
    # an image of 80 m has its outermost points a quarter of a pixel of 80 m beside
    beside_m = 0 if layout == "raw" else 30
    assert np.max(error) == pytest.approx(placement.most_m, abs=0.5 + beside_m)
    assert np.sqrt(np.mean(np.square(error))) == pytest.approx(placement.rms_m, abs=1 + beside_m)
    assert grid.resolution_m == pytest.approx(file.nominal_pixel_m, rel=0.005)
    assert grid.shape == file.shape


def test_an_image_across_the_date_line_is_placed(tmp_path):
    path = MADE.raw(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        turned = file["sar_grid_longitude"][:] + 215
        file["sar_grid_longitude"][:] = (turned + 180) % 360 - 180
    with opened(path) as file:
        assert place(file).most_m < 5


def test_a_real_scene_is_a_kilometre_off_an_affine_grid(tmp_path, real_data):
    folder = next((real_data / "s1_ew_grdm_annotation").glob("S1A*")) / "annotation"
    points = [
        [float(point.find(name).text) for name in ("line", "pixel", "latitude", "longitude")]
        for point in ElementTree.parse(folder / "ew-hh.xml").iter("geolocationGridPoint")
    ]
    line, pixel, latitude, longitude = np.transpose(points)
    path = tmp_path / "real.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("lines", int(line.max()) + 1)
        file.createDimension("samples", int(pixel.max()) + 1)
        file.createDimension("points", line.size)
        file.createVariable("nersc_sar_primary", "f4", ("lines", "samples"), zlib=True)
        names = ("line", "sample", "latitude", "longitude")
        for name, values in zip(names, (line, pixel, latitude, longitude), strict=True):
            file.createVariable(f"sar_grid_{name}", "f8", ("points",))[:] = values
    with opened(path) as file:
        placement = place(file)
    assert 0.5e3 < placement.rms_m < 0.7e3
    assert 1.2e3 < placement.most_m < 1.7e3
    assert placement.grid.nominal_pixel_size_m == pytest.approx((40.5, 40.0), abs=0.1)


def test_geolocation_that_contradicts_the_layout_is_refused(tmp_path):
    path = MADE.raw(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        file["sar_grid_line"][:] *= 0.5
    with (
        opened(path) as file,
        pytest.raises(SeaIceError, match=r"pixels of 79.99 x 40 m, 40 m expected"),
    ):
        place(file)
    with netCDF4.Dataset(path, "a") as file:
        file["sar_grid_line"][:] = 7
    with opened(path) as file, pytest.raises(SeaIceError, match="lie on one line"):
        place(file)
    with netCDF4.Dataset(path, "a") as file:
        file["sar_grid_latitude"][3:] = np.nan
    with (
        opened(path) as file,
        pytest.raises(SeaIceError, match=r"3 points .* 4 or more are needed"),
    ):
        place(file)


def test_the_incidence_angle_of_a_raw_file_is_known_at_its_points(tmp_path):
    path = MADE.raw(tmp_path)
    with opened(path) as file:
        nodes = incidence_nodes(file)
    cols = np.arange(MADE.shape[1]) + 0.5
    found = nodes.at(np.array([0.5, 200.0]), cols)
    assert found == pytest.approx(MADE.angle_deg[:2], abs=1e-3)
    with netCDF4.Dataset(path, "a") as file:
        file["sar_grid_incidenceangle"][5] = np.nan
    with opened(path) as file, pytest.raises(SeaIceError, match="1 of 441 points of the grid"):
        incidence_nodes(file)
    with netCDF4.Dataset(path, "a") as file:
        file["sar_grid_sample"][:] = 3
    with opened(path) as file, pytest.raises(SeaIceError, match="441 values at 21 lines and 1"):
        incidence_nodes(file)
