"""The grid of a file, as `read` gives it."""

import netCDF4
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.read import read


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


@pytest.mark.parametrize(
    ("units", "per_km"), [("m", 1000), ("Meters", 1000), ("km", 1), ("kilometre", 1)]
)
def test_coordinates_in_metres_and_kilometres(osi401, units, per_km):
    with netCDF4.Dataset(osi401[0], "a") as dataset:
        for axis in ("xc", "yc"):
            dataset[axis][:] = dataset[axis][:] * per_km
            dataset[axis].units = units
    product = read(osi401[0])
    assert product.grid.transform.a == pytest.approx(10_000)
    assert "agree within 0 m" in product.notes[0]


def test_coordinates_in_other_units_are_refused(osi401):
    with netCDF4.Dataset(osi401[0], "a") as dataset:
        dataset["xc"].units = "feet"
    with pytest.raises(SeaIceError, match="the unit of xc is 'feet'; m or km expected"):
        read(osi401[0])
