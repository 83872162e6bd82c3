import csv

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import IceChartToSicJob, RasterSource
from ml_core.raster.reference import Reference
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster

LEFT, TOP, PIXEL = 600_000.0, -200_000.0, 500.0


@pytest.fixture
def hh(tmp_path):
    """100 rows x 120 columns of 500 m."""
    values = np.full((100, 120), -15, np.float32)
    return write_raster(tmp_path / "hh.tif", values, size=PIXEL, origin=(LEFT, TOP))


def box(row, col, height, width):
    """Return the polygon of a window of HH's pixels."""
    left, top = LEFT + col * PIXEL, TOP - row * PIXEL
    return shapely.box(left, top - height * PIXEL, left + width * PIXEL, top)


def _array(values):
    return np.array(values, object if isinstance(values[0], str) else None)


def chart(path, shapes, fields, *, crs="EPSG:3413", driver="ESRI Shapefile"):
    kinds = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object),
        field_data=[_array(values) for values in fields.values()],
        fields=list(fields),
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=crs,
        driver=driver,
    )
    return str(path)


def run(messages, chart_path, hh, folder, **parameters):
    job = IceChartToSicJob(
        chart=chart_path,
        hh=hh,
        output=str(folder / "sic.tif"),
        polygons=str(folder / "polygons.tif"),
        **parameters,
    )
    done, _ = execute(job, events=messages)
    with rasterio.open(folder / "sic.tif") as sic, rasterio.open(folder / "polygons.tif") as ids:
        assert sic.crs.to_epsg() == 3413
        assert sic.transform == from_origin(LEFT, TOP, PIXEL, PIXEL)
        assert sic.descriptions[1] == "Lowest concentration of the code"
        return done, sic.read(), ids.read(1)


def test_sic_range_and_numbers(tmp_path, hh, messages):
    shapes = [box(0, 0, 50, 60), box(0, 60, 50, 60), box(50, 0, 25, 120)]
    path = chart(tmp_path / "chart.shp", shapes, {"CT": ["91", "24", "02"]})
    done, sic, ids = run(messages, path, hh, tmp_path)
    for row, col, expected, number in (
        (10, 10, (95, 90, 100, 1), 1),
        (10, 100, (30, 20, 40, 2), 2),
        (60, 50, (0, 0, 0, 3), 3),
        (80, 50, (-9999, -9999, -9999, -9999), 0),
    ):
        assert tuple(sic[:, row, col]) == expected
        assert ids[row, col] == number
    assert done.numbers["VALID_FRACTION"] == pytest.approx(0.75)
    assert done.numbers["MEAN_SIC"] == pytest.approx((95 + 30 + 0) / 3)
    assert "3000 of 12000 px of the scene lie in no polygon" in messages.text


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([12, 7, 12], [12, 7, 12]),  # a polygon in two parts
        ([12, 12, 7], [1, 2, 3]),  # of two concentrations
        ([2**24, 2**24 + 1, 5], [1, 2, 3]),  # one in float32
        ([0, 4, 5], [1, 2, 3]),  # 0 is none
        ([-3, 4, 5], [1, 2, 3]),
    ],
)
def test_the_references_polygon_numbers_are_exact(tmp_path, hh, messages, numbers, expected):
    shapes = [box(0, 0, 50, 60), box(0, 60, 50, 60), box(50, 0, 50, 120)]
    path = chart(tmp_path / "chart.shp", shapes, {"CT": ["91", "24", "91"], "NR": numbers})
    ids = run(messages, path, hh, tmp_path, id_field="NR")[2]
    places = [(10, 10), (10, 100), (80, 50)]
    assert [ids[place] for place in places] == numbers
    assert ("band 4 numbers the polygons 1 to 3" in messages.text) == (numbers != expected)
    with Reference.open(RasterSource(str(tmp_path / "sic.tif"))) as reference:
        grid = reference.own_grid.coarsened(2, 2)
        found = reference.on(grid).read_polygons(grid.window)
        assert reference.polygons == "numbered"
    places = [(5, 5), (5, 50), (40, 25)]
    assert [found.number[place] for place in places] == expected
    assert [found.low[place] for place in places] == [90, 20, 90]
    assert [found.high[place] for place in places] == [100, 40, 100]


def test_land_no_data_unknown_and_strange_codes(tmp_path, hh, messages):
    shapes = [box(10 * k, 0, 10, 120) for k in range(8)]
    fields = {
        "CT": ["92", "92", "99", "77", "77", "-9", "-9", "9+"],
        "POLY_TYPE": ["L", "N", "I", "I", "I", "W", "I", "I"],
        "NR": [11, 12, 13, 14, 15, 16, 17, 18],
    }
    path = chart(tmp_path / "chart.shp", shapes, fields)
    _, sic, ids = run(messages, path, hh, tmp_path, id_field="nr")
    values = sic[0, 5:80:10, 60]
    np.testing.assert_array_equal(values, [-9999] * 5 + [0] + [-9999] * 2)
    assert ids[45, 60] == 15
    assert "1 polygons are land" in messages.text
    assert "1 polygons are no data" in messages.text
    assert "2 polygons have an unknown concentration" in messages.text
    assert "number of polygons: 77 (2), 9+ (1)" in messages.warnings


def test_other_crs_and_long_edges(tmp_path, hh, messages):
    # the edge along a parallel is straight in longitude and latitude, not on the map
    to_lonlat = pyproj.Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(LEFT + 60 * PIXEL, TOP - 50 * PIXEL)
    north = shapely.box(lon - 30, lat, lon + 30, 89)
    path = chart(tmp_path / "chart.shp", [north], {"CT": ["92"]}, crs="EPSG:4326")
    _, sic, _ = run(messages, path, hh, tmp_path)
    rows, cols = np.indices((100, 120))
    x, y = LEFT + (cols + 0.5) * PIXEL, TOP - (rows + 0.5) * PIXEL
    pixel_lat = to_lonlat.transform(x, y)[1]
    clear = abs(pixel_lat - lat) > 0.002  # some 200 m
    np.testing.assert_array_equal((sic[0] == 100)[clear], (pixel_lat > lat)[clear])


def test_polygon_that_the_scenes_crs_cannot_show(tmp_path, hh, messages):
    to_lonlat = pyproj.Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(LEFT, TOP)
    shapes = [shapely.box(lon - 60, lat - 20, lon + 60, 89), shapely.box(-60, -90, 60, -50)]
    path = chart(tmp_path / "chart.shp", shapes, {"CT": ["50", "92"]}, crs="EPSG:4326")
    _, sic, _ = run(messages, path, hh, tmp_path)
    assert (sic[0] == 50).all()
    assert "1 polygons reach places that the scene's CRS cannot show" in messages.warnings


def test_overlaps_that_contradict_are_nodata(tmp_path, hh, messages):
    shapes = [box(0, 0, 100, 50), box(0, 40, 100, 20), box(0, 55, 100, 65)]
    path = chart(tmp_path / "chart.shp", shapes, {"CT": ["30", "80", "80"]})
    _, sic, _ = run(messages, path, hh, tmp_path)
    assert (sic[0, :, :40] == 30).all()
    assert (sic[0, :, 40:50] == -9999).all()
    assert (sic[0, :, 50:] == 80).all()
    assert "1500 px lie in more than one polygon; 1000 of them" in messages.warnings


def test_invalid_polygons_are_rebuilt(tmp_path, hh, messages):
    corners = [(0, 0), (20, 20), (20, 0), (0, 20)]  # a bow tie
    bow = shapely.Polygon([(LEFT + c * PIXEL, TOP - r * PIXEL) for r, c in corners])
    path = chart(tmp_path / "chart.gpkg", [bow], {"CT": ["50"]}, driver="GPKG")
    _, sic, _ = run(messages, path, hh, tmp_path)
    rows = sic[0, :20, :20] == 50
    assert rows.sum() == pytest.approx(200, abs=20)
    assert rows[10, 2] != rows[2, 10]
    assert "1 polygons cross or touch themselves; they were rebuilt" in messages.warnings


def test_features_without_area(tmp_path, hh, messages):
    shapes = [box(0, 0, 50, 50), shapely.Point(LEFT, TOP), shapely.Polygon()]
    path = chart(tmp_path / "chart.gpkg", shapes, {"CT": ["50", "90", "90"]}, driver="GPKG")
    _, sic, _ = run(messages, path, hh, tmp_path)
    assert set(np.unique(sic[0])) == {-9999, 50}
    assert "2 features have no area and are left out" in messages.text


def test_other_field_numbers_and_convention(tmp_path, hh, messages):
    path = chart(tmp_path / "c.gpkg", [box(0, 0, 100, 120)], {"conc": [91]}, driver="GPKG")
    _, sic, _ = run(messages, path, hh, tmp_path, field="CONC", convention="ai4arctic")
    assert (sic[0] == 100).all()
    assert (sic[1] == 90).all()


def test_polygon_without_a_type_has_its_code(tmp_path, hh, messages):
    fields = {"CT": ["50", "50"], "POLY_TYPE": ["L", None]}
    shapes = [box(0, 0, 100, 60), box(0, 60, 100, 60)]
    path = chart(tmp_path / "c.gpkg", shapes, fields, driver="GPKG")
    _, sic, _ = run(messages, path, hh, tmp_path)
    assert (sic[0, :, :60] == -9999).all()
    assert (sic[0, :, 60:] == 50).all()


def test_filter_of_the_layer(tmp_path, hh, messages):
    shapes = [box(0, 0, 100, 60), box(0, 60, 100, 60)]
    path = chart(tmp_path / "chart.shp", shapes, {"CT": ["92", "10"]})
    source = {"path": path, "where": "CT = '10'"}
    _, sic, _ = run(messages, source, hh, tmp_path)
    assert (sic[0, :, :60] == -9999).all()
    assert (sic[0, :, 60:] == 10).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"field": "SIC"}, "there is no field SIC; its fields are CT, POLY_TYPE; choose"),
        ({"id_field": "NR"}, "there is no field NR"),
        ({"id_field": "POLY_TYPE"}, "the field POLY_TYPE holds no numbers"),
        ({"type_field": "KIND"}, "there is no field KIND"),
    ],
)
def test_missing_fields(tmp_path, hh, messages, parameters, message):
    fields = {"CT": ["91"], "POLY_TYPE": ["I"]}
    path = chart(tmp_path / "chart.shp", [box(0, 0, 9, 9)], fields)
    with pytest.raises(SeaIceError, match=message):
        run(messages, path, hh, tmp_path, **parameters)
    assert not (tmp_path / "sic.tif").exists()


def test_chart_without_crs(tmp_path, hh, messages):
    path = chart(tmp_path / "chart.shp", [box(0, 0, 9, 9)], {"CT": ["91"]}, crs="EPSG:3413")
    (tmp_path / "chart.prj").unlink()
    with pytest.raises(SeaIceError, match=r"no coordinate reference system \(a shapefile's is in"):
        run(messages, path, hh, tmp_path)
    source = {"path": path, "crs": "EPSG:3413"}
    assert run(messages, source, hh, tmp_path)[1][0, 0, 0] == 95


def test_chart_elsewhere(tmp_path, hh, messages):
    path = chart(tmp_path / "chart.shp", [box(5000, 0, 9, 9)], {"CT": ["91"]})
    with pytest.raises(SeaIceError, match="no concentration where the scene lies"):
        run(messages, path, hh, tmp_path)
    assert not (tmp_path / "sic.tif").exists()


def test_chart_of_points_and_no_chart(tmp_path, hh, messages):
    path = chart(tmp_path / "points.gpkg", [shapely.Point(0, 0)], {"CT": ["91"]}, driver="GPKG")
    with pytest.raises(SeaIceError, match="the layer has no polygons"):
        run(messages, path, hh, tmp_path)
    (tmp_path / "broken.shp").write_bytes(b"no shapefile")
    with pytest.raises(SeaIceError, match=r"broken.shp: cannot be read as a vector layer"):
        run(messages, str(tmp_path / "broken.shp"), hh, tmp_path)


def test_real_codes_on_made_up_polygons(tmp_path, hh, messages, real_data):
    """The real chart's attributes; its geometry is not at hand, so strips stand for it."""
    with open(real_data / "sigrid3_codes" / "polygon_codes.csv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    shapes = [box(2 * k, 0, 2, 120) for k in range(len(rows))]
    fields = {name: [row[name] for row in rows] for name in rows[0]}
    path = chart(tmp_path / "chart.shp", shapes, fields)
    _, sic, _ = run(messages, path, hh, tmp_path)
    by_code = {row["CT"]: sic[0, 2 * k, 5] for k, row in enumerate(rows)}
    assert by_code["91"] == 95
    assert by_code["92"] == 100
    assert by_code["02"] == 0
    assert by_code["30"] == 30
    assert "SIGRID-3 does not have" not in messages.text


@pytest.mark.parametrize(
    ("name", "given", "date"),
    [
        ("cis_20240301T1800Z.shp", "", "2024-03-01T18:00"),
        ("cis_20240301T1800Z.shp", "2024-03-02", "2024-03-02"),
        ("chart.shp", "", None),
    ],
)
def test_the_date_of_the_chart_is_in_the_tags(tmp_path, hh, messages, name, given, date):
    path = chart(tmp_path / name, [box(0, 0, 50, 60)], {"CT": ["91"]})
    run(messages, path, hh, tmp_path, date=given)
    with rasterio.open(tmp_path / "sic.tif") as sic:
        assert sic.tags().get("SEAICE_DATE") == date
    assert f"is of {date}" in messages.text if date else "its date is unknown" in messages.text


def test_a_date_that_is_none_is_refused():
    with pytest.raises(JobError, match=r"Date of the chart: 'spring' is none; give a day such as"):
        IceChartToSicJob(chart="c.shp", hh="hh.tif", output="o.tif", date="spring")
