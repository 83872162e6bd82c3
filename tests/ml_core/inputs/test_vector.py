import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from ml_core.errors import SeaIceError
from ml_core.inputs.vector import crs_of, on_map, polygons, read_features, read_info
from ml_core.jobs.sources import VectorSource
from ml_core.raster.grid import Grid

GRID = Grid(CRS.from_epsg(3413), Affine(500, 0, 600_000, 0, -500, -200_000), 100, 120)
LONLAT = pyproj.CRS.from_epsg(4326)


@pytest.fixture
def layers(tmp_path):
    """A file of two layers, the second with three boxes side by side."""
    path = tmp_path / "layers.gpkg"
    for name, lefts in (("one", [0]), ("three", [0, 10, 20])):
        pyogrio.raw.write(
            path,
            geometry=np.array(
                [shapely.to_wkb(shapely.box(left, 0, left + 9, 9)) for left in lefts], object
            ),
            field_data=[np.array(lefts)],
            fields=["left"],
            geometry_type="Polygon",
            crs="EPSG:4326",
            driver="GPKG",
            layer=name,
        )
    return str(path)


def test_layer_filter_and_box(layers):
    source = VectorSource(layers, layer="three", where="left > 0")
    assert read_info(source)["geometry_type"] == "Polygon"
    meta, ids, wkb, (left,) = read_features(source)
    assert meta["crs"] == "EPSG:4326"
    assert left.tolist() == [10, 20]
    assert shapely.area(shapely.from_wkb(wkb)).tolist() == [81, 81]
    _, one, wkb, _ = read_features(source, bbox=(15, 1, 16, 2))
    assert one.tolist() == ids[:1].tolist()
    assert len(wkb) == 1
    assert len(read_features(source, bbox=(50, 50, 60, 60))[2]) == 0


@pytest.mark.parametrize("source", [{"layer": "four"}, {"where": "no such field = 1"}])
def test_layers_that_cannot_be_read(layers, source):
    with pytest.raises(SeaIceError, match=r"cannot be read as a vector layer \(.*; give a shape"):
        read_features(VectorSource(layers, **source))
    with pytest.raises(SeaIceError, match=r"missing\.shp: cannot be read as a vector layer"):
        read_info(VectorSource("missing.shp"))


def test_polygons_are_made_valid_and_the_rest_is_counted():
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = np.array([bow, shapely.Point(0, 0), None, shapely.Polygon(), shapely.box(0, 0, 1, 1)])
    notes, warnings = [], []
    kept = polygons(shapes, notes, warnings)
    assert kept.tolist() == [True, False, False, False, True]
    assert shapely.area(shapes[kept]).tolist() == [2, 1]
    assert shapely.is_valid(shapes[kept]).all()
    assert notes == ["3 features have no area and are left out"]
    assert "1 polygons cross or touch themselves" in warnings[0]


def test_the_crs_of_the_analyst_counts_more_than_the_files():
    assert crs_of(VectorSource("a.shp"), "EPSG:4326") == LONLAT
    assert crs_of(VectorSource("a.shp", crs="EPSG:3413"), "EPSG:4326").to_epsg() == 3413
    for source, declared in ((VectorSource("a.shp"), None), (VectorSource("a.shp", crs=""), "x")):
        with pytest.raises(SeaIceError, match=r"a\.shp: the layer has no coordinate reference"):
            crs_of(source, declared)
    with pytest.raises(SeaIceError, match="CRS is not understood"):
        crs_of(VectorSource("a.shp", crs="EPSG:1"), None)


def test_edges_stay_straight_in_their_own_crs():
    parallel = shapely.box(-90, 80, 90, 85)
    (shape,) = on_map(np.array([parallel]), LONLAT, GRID, "chart", [])
    to_lonlat = pyproj.Transformer.from_crs(3413, 4326, always_xy=True)
    middles = (shapely.get_coordinates(shape)[1:] + shapely.get_coordinates(shape)[:-1]) / 2
    lon, lat = to_lonlat.transform(*middles.T)
    to_edge_deg = np.minimum(np.minimum(abs(lat - 80), abs(lat - 85)), abs(abs(lon) - 90))
    assert to_edge_deg.max() < 1e-4  # some 10 m


def test_what_the_map_cannot_show_is_none():
    warnings = []
    shapes = np.array([shapely.box(0, 70, 10, 80), shapely.box(-60, -90, 60, -50)])
    north, south = on_map(shapes, LONLAT, GRID, "chart", warnings)
    assert north.is_valid
    assert south is None
    assert "1 polygons reach places that the scene's CRS cannot show" in warnings[0]
