import netCDF4
import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.polargrids import nsidc_grid, nsidc_grid_of_shape
from ml_core.inputs.sic.read import read, recognise
from ml_core.inputs.sic.sensors import of_platform
from tests.builders.sicproducts import nsidc_binary


def place(product, lon, lat):
    """Return (row, col) of a longitude and latitude on a product's grid."""
    crs = pyproj.CRS.from_user_input(product.grid.crs)
    to_map = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    col, row = ~product.grid.transform @ to_map.transform(lon, lat)
    return int(row), int(col)


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


def test_nsidc_binary(tmp_path):
    values = np.zeros((448, 304), np.uint8)
    values[0, :4] = 250, 125, 1, 0
    values[1, :5] = 251, 253, 254, 254, 255
    product = read(nsidc_binary(tmp_path / "nt_20150201_f17_v1.1_n.bin", values=values))
    np.testing.assert_allclose(product.sic_percent[0, :4], (100, 50, 0.4, 0), rtol=1e-6)
    assert np.isnan(product.sic_percent[1, :5]).all()
    assert product.excluded == {
        "pole hole (251)": 1,
        "coast (253)": 1,
        "land (254)": 2,
        "missing (255)": 1,
    }
    assert product.date == "2015-02-01"
    assert product.footprint.sensor == "SSMIS"
    assert product.footprint.size_m == 56_000


def test_nsidc_binary_cut_short(tmp_path):
    path = tmp_path / "nt_20150201_f17_v1.1_n.bin"
    nsidc_binary(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(SeaIceError, match=r"100000 bytes, but .* 136492 \(north\), 105212 \(sou"):
        read(str(path))


def test_nsidc_binary_of_another_grid(tmp_path):
    path = nsidc_binary(tmp_path / "nt_x.bin", columns=999)
    with pytest.raises(SeaIceError, match="has 999 columns and 448 rows, but the north grid"):
        read(path)


def test_osi401(osi401):
    path, sic = osi401
    product = read(path)
    expected = sic.copy()
    expected[:3, :5] = np.nan
    np.testing.assert_allclose(product.sic_percent, expected, atol=0.006)
    assert product.grid.crs.to_epsg() == 3411
    assert product.grid.transform.a == pytest.approx(10_000)
    assert product.grid.transform.c == pytest.approx(-100_000)
    assert product.grid.transform.f == pytest.approx(250_000)
    assert product.excluded == {"land (1)": 15}
    assert product.footprint.size_m == 56_000
    assert "agree within 0 m" in product.notes[0]


def test_osi408_averages_less_ground(osi408):
    assert read(osi408[0]).footprint.size_m == 18_000


def test_osi450_turns_rows_north_up_and_wants_a_time(osi450):
    path, sic = osi450
    message = "it holds 3 times along 'time'; give one as Time: 2015-12-26T12:00, 2015-12-27T"
    with pytest.raises(SeaIceError, match=message):
        read(path)
    first, second = read(path, time="2015-12-26"), read(path, time="2")
    assert second.date == "2015-12-27T12:00"
    expected = sic[::-1].copy()
    expected[-3:, :5] = np.nan
    np.testing.assert_allclose(first.sic_percent, expected, atol=0.006)
    np.testing.assert_allclose(second.sic_percent, np.maximum(expected - 1, 0), atol=0.006)
    assert first.grid.crs.to_epsg() == 6931
    assert first.grid.transform.e == pytest.approx(-25_000)
    assert first.grid.transform.f == pytest.approx(25 * 25_000)
    assert first.excluded == {"land (1)": 15}


@pytest.mark.parametrize("time", ["2016-01-01", "7", "2015-12"])
def test_time_that_does_not_single_out_one(osi450, time):
    with pytest.raises(SeaIceError, match=f"Time '{time}' is (none|more than one) of its 3 times"):
        read(osi450[0], time=time)


def test_nsidc_netcdf(nsidc_v2):
    product = read(nsidc_v2)
    assert product.sic_percent[120, 5] == pytest.approx(50)
    assert product.excluded == {"coast (253)": 7, "land (254)": 40}
    assert product.date == "2020-01-01"
    assert product.grid.crs.to_epsg() == 3412
    assert product.footprint.sensor == "SSMIS"


def test_netcdf_with_several_fields(nsidc_v2):
    with netCDF4.Dataset(nsidc_v2, "a") as dataset:
        dataset.createVariable("F18_ICECON", "u1", ("time", "y", "x"))[:] = 0
    with pytest.raises(SeaIceError, match="several SIC fields; give one as Variable: F17_ICECON"):
        read(nsidc_v2)
    assert read(nsidc_v2, variable="F17_ICECON").sic_percent[120, 5] == pytest.approx(50)
    with pytest.raises(SeaIceError, match="no field 'sic'; its fields are F17_ICECON, F18_ICECON"):
        read(nsidc_v2, variable="sic")


def test_netcdf_whose_crs_contradicts_its_positions(osi401):
    with netCDF4.Dataset(osi401[0], "a") as dataset:
        dataset[
            "Polar_Stereographic_Grid"
        ].proj4_string = "+proj=stere +a=6378273 +b=6356889.44891 +lat_0=90 +lat_ts=70 +lon_0=0"
    with pytest.raises(SeaIceError, match="km away from its own longitudes and latitudes"):
        read(osi401[0])


def test_netcdf_without_crs(osi401):
    with netCDF4.Dataset(osi401[0], "a") as dataset:
        dataset["ice_conc"].delncattr("grid_mapping")
    with pytest.raises(SeaIceError, match="names no CRS; give it as Coordinate reference system"):
        read(osi401[0])
    assert read(osi401[0], crs="EPSG:3411").grid.crs.to_epsg() == 3411


def test_netcdf_without_coordinates(tmp_path):
    path = tmp_path / "sic.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.createDimension("y", 50)
        dataset.createDimension("x", 60)
        dataset.createVariable("concentration", "i1", ("y", "x"))[:] = 0
    with pytest.raises(SeaIceError, match="50 rows x 60 columns are no grid that is known"):
        read(str(path))


def test_netcdf_cut_short(osi401, tmp_path):
    path = tmp_path / "short.nc"
    with open(osi401[0], "rb") as file:
        path.write_bytes(file.read()[:3000])
    with pytest.raises(SeaIceError, match=r"short.nc: cannot be opened as NetCDF"):
        read(str(path))


def geotiff(path, values, *, nodata=None, crs="EPSG:3031", pixel_m=6250.0):
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=from_origin(-3950000, 4350000, pixel_m, pixel_m),
        nodata=nodata,
    ) as dataset:
        dataset.write(values, 1)
    return str(path)


def test_bremen_hides_its_water(tmp_path):
    values = np.full((40, 40), np.nan, np.float32)
    values[:20] = np.linspace(15, 100, 800).reshape(20, 40)
    product = read(geotiff(tmp_path / "bremen_sea_ice_conc_2022_9_9.tif", values))
    assert product.hides_water
    assert product.date == "2022-09-09"
    assert product.footprint.sensor == "AMSR2"
    values[20:30] = 0
    assert not read(geotiff(tmp_path / "full.tif", values)).hides_water


def test_raster_with_scale_and_flags_by_hand(tmp_path):
    values = np.array([[0, 125, 250, 251, 254, 254]], np.uint8)
    product = read(geotiff(tmp_path / "a.tif", values), scale=0.4, flags=(250,))
    np.testing.assert_allclose(product.sic_percent[0, :2], (0, 50))
    assert np.isnan(product.sic_percent[0, 2:]).all()
    assert product.excluded == {
        "flag 250": 1,
        "value outside 0-100 %: 251": 1,
        "value outside 0-100 %: 254": 2,
    }
    assert product.footprint is None


def test_sea_ice_index(tmp_path):
    values = np.array([[0, 500, 1000, 2510, 2540, 2550]], np.uint16)
    product = read(geotiff(tmp_path / "N_20200101_concentration_v3.0.tif", values))
    np.testing.assert_allclose(product.sic_percent[0, :3], (0, 50, 100), rtol=1e-6)
    assert "pole hole (2510)" in product.excluded
    assert product.footprint.size_m == 56_000


def test_fractions(tmp_path):
    product = read(geotiff(tmp_path / "a.tif", np.array([[0, 0.25, 1.0]], np.float32)))
    np.testing.assert_allclose(product.sic_percent[0], (0, 25, 100))
    assert "taken as fractions" in product.notes[0]


def test_raster_without_sic(tmp_path):
    with pytest.raises(SeaIceError, match="no value is a SIC between 0 and 100 % with the scale 1"):
        read(geotiff(tmp_path / "a.tif", np.full((3, 3), 270.0, np.float32)))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"", "the file is empty")]
)
def test_no_file(tmp_path, content, message):
    path = tmp_path / "sic.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SeaIceError, match=message):
        recognise(str(path))


def test_something_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("ice everywhere")
    with pytest.raises(SeaIceError, match=r"notes.txt: GDAL cannot open it"):
        read(str(path))


@pytest.mark.parametrize(
    ("platform", "sensor"),
    [("n07", "SMMR"), ("f08", "SSM/I"), ("F13", "SSM/I"), ("F17", "SSMIS"), ("AM2", "AMSR2")],
)
def test_footprints_by_platform(platform, sensor):
    assert of_platform(platform).sensor == sensor


def test_unknown_platform():
    assert of_platform("G11") is None


# -- real files ---------------------------------------------------------------------------------


def test_real_nsidc_0051_north(real_data):
    product = read(str(real_data / "sic_products/nsidc0051/nt_20010106_f13_v1.1_n.bin"))
    assert product.date == "2001-01-06"
    assert product.footprint.sensor == "SSM/I"
    assert product.excluded == {"pole hole (251)": 468, "coast (253)": 5052, "land (254)": 63212}
    sic = product.sic_percent
    assert np.isnan(sic[place(product, 0, 89.9)])  # pole hole
    assert np.isnan(sic[place(product, -40, 75)])  # Greenland
    assert np.isnan(sic[place(product, 16, 78)])  # Spitsbergen
    assert sic[place(product, 180, 80)] > 95  # Arctic Ocean
    assert sic[place(product, -85, 60)] > 90  # Hudson Bay in January
    assert sic[place(product, 0, 70)] == 0  # Norwegian Sea
    # the Arctic's ice extent in January, million km2
    assert 12 < (sic > 15).sum() * 625e-6 < 16


def test_real_nsidc_0051_south(real_data):
    product = read(str(real_data / "sic_products/nsidc0051/nt_201301_f17_v1.1_s.bin"))
    assert product.date == "2013-01-01/2013-01-31"
    assert product.excluded == {"coast (253)": 902, "land (254)": 21103}
    assert np.isnan(product.sic_percent[place(product, 0, -85)])
    assert product.sic_percent[place(product, -50, -70)] > 60  # western Weddell Sea
    assert product.sic_percent[place(product, 60, -55)] == 0


def test_real_nsidc_geotiff(real_data):
    product = read(str(real_data / "sic_products/nsidc_geotiff/nt_20201024_f18_nrt_s.tif"))
    assert product.grid.crs.to_epsg() == 3412
    assert "EPSG:3412" in product.notes[0]
    assert product.excluded == {"nodata or NaN": 22049}
    # the mean that the file's own statistics state
    assert np.nanmean(product.sic_percent) == pytest.approx(28.560288669249, abs=1e-4)


def test_real_bremen(real_data):
    path = real_data / "sic_products/bremen_amsr2/bremen_sea_ice_conc_2022_9_9.tif"
    product = read(str(path))
    assert product.hides_water
    assert product.grid.crs.to_epsg() == 3031
    assert np.nanmin(product.sic_percent) == pytest.approx(15.0, abs=0.01)
    assert product.sic_percent[place(product, -45, -68)] > 90  # Weddell Sea in September


def test_real_cersat(real_data):
    product = read(str(real_data / "sic_products/ifremer_ssmi/20171002.nc"))
    assert product.grid.crs.to_epsg() == 3412
    assert product.grid.transform.a == 12_500
    assert product.excluded["land (1)"] == 88_251
    assert product.footprint.size_m == 14_000
    # its land lies where NSIDC's does, which it would not if rows or columns were turned
    path = real_data / "sic_products/nsidc0051/nt_201301_f17_v1.1_s.bin"
    ocean = np.isfinite(read(str(path)).sic_percent)
    icy = (product.sic_percent > 15).reshape(332, 2, 316, 2).all(axis=(1, 3))
    assert (icy & ocean).sum() > 0.98 * icy.sum()
    assert (icy[::-1] & ocean).sum() < 0.9 * icy.sum()
