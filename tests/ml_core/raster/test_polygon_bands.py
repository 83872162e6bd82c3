import numpy as np
import pytest
import rasterio

from ml_core.raster.reference import Reference

SIC = np.array([[0, 0, 50], [95, 95, 50]], np.float32)
LOW, HIGH = np.where(SIC == 95, 90, SIC), np.where(SIC == 95, 100, SIC)
NUMBER = np.array([[1, 1, 2**24], [7, -9999, 2.5e7]], np.float32)
NAMES = (
    "Sea-ice concentration",
    "Lowest concentration of the code",
    "Highest concentration of the code",
    "Polygon number",
)


def chart(raster, names=NAMES, bands=(SIC, LOW, HIGH, NUMBER), band=1, **tags):
    source = raster("chart.tif", np.stack(bands), tags=tags, nodata=-9999)
    with rasterio.open(source.path, "r+") as file:
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
    return Reference.open(type(source)(source.path, band))


def test_polygons_are_known_by_their_bands(raster):
    with chart(raster) as reference:
        found = reference.on(reference.own_grid).read_polygons(reference.own_grid.window)
    # no number, and one that float32 does not hold exactly
    np.testing.assert_array_equal(found.number, [[1, 1, 2**24], [7, 0, 0]])
    np.testing.assert_array_equal(found.low, LOW)
    np.testing.assert_array_equal(found.high, HIGH)


def test_the_tag_names_the_band_and_bounds_may_be_missing(raster):
    with chart(raster, names=(), bands=(SIC, NUMBER), SEAICE_POLYGON_BAND="2") as reference:
        found = reference.on(reference.own_grid).read_polygons(reference.own_grid.window)
    assert found.number[0, 2] == 2**24
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


@pytest.mark.parametrize(
    ("names", "tags", "band"),
    [
        (("SIC", "", "", ""), {}, 1),
        (("SIC", "Polygon number", "", "Polygon number"), {}, 1),
        (("SIC", "", "", ""), {"SEAICE_POLYGON_BAND": "5"}, 1),
        (("SIC", "", "", ""), {"SEAICE_POLYGON_BAND": "1"}, 1),
        (NAMES, {}, 2),  # the analyst chose the lowest SIC
    ],
)
def test_other_rasters_have_no_polygons(raster, names, tags, band):
    with chart(raster, names, band=band, **tags) as reference:
        assert reference.polygons == ""
