"""Land on a scene's pixels, against shapely's own predicates on the pixels' centres."""

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.inputs.coastline import Coastline
from ml_core.jobs.sources import VectorSource
from ml_core.raster.grid import Grid, Window

LONLAT = "EPSG:4326"
SILENT = Reporter(lambda event: None)


def grid_around(lon, lat, epsg=3413, size=500.0, shape=(120, 100)):
    """A grid of metres whose centre is at a place."""
    x, y = pyproj.Transformer.from_crs(LONLAT, epsg, always_xy=True).transform(lon, lat)
    left, top = x - size * shape[1] / 2, y + size * shape[0] / 2
    return Grid(CRS.from_epsg(epsg), Affine(size, 0, left, 0, -size, top), *shape)


def centres(grid):
    """x and y of the centres of a grid's pixels, each (h, w)."""
    rows, cols = np.mgrid[: grid.height, : grid.width] + 0.5
    return grid.transform.a * cols + grid.transform.c, grid.transform.e * rows + grid.transform.f


def lonlat_centres(grid):
    return pyproj.Transformer.from_crs(grid.crs, LONLAT, always_xy=True).transform(*centres(grid))


def blob(lon, lat, radius_deg, seed=0, nodes=400):
    """A ragged island with nodes so close that its edges are straight in any CRS."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, nodes, endpoint=False)
    radius = np.ones(nodes)
    for k in (2, 3, 5, 9, 17, 40):
        radius += rng.normal() * 0.35 / k * np.cos(k * angle + rng.uniform(0, 7))
    radius *= radius_deg
    stretch = 1 / np.cos(np.radians(lat))
    return shapely.Polygon(
        np.c_[lon + stretch * radius * np.cos(angle), lat + radius * np.sin(angle)]
    )


def write(path, shapes, crs=LONLAT, driver="GPKG"):
    kinds = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object),
        field_data=[np.arange(len(shapes))],
        fields=["n"],
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=crs,
        driver=driver,
    )
    return VectorSource(str(path))


def read(path, shapes, grid, report=SILENT, crs=LONLAT, **more):
    return Coastline.read(write(path, shapes, crs), grid, report, **more)


def same_but_at_the_coast(found, expected):
    """Densified edges move the coast by metres: single pixels there may differ."""
    assert expected.any()
    assert not expected.all()
    np.testing.assert_array_less(np.count_nonzero(found != expected), 4)


@pytest.mark.parametrize("place", [(15.0, 78.0), (-179.9, 71.0), (180.0, 71.0), (60.0, 88.9)])
@pytest.mark.parametrize("crs", [LONLAT, "EPSG:3575", "EPSG:3995"])
def test_land_is_where_a_pixels_centre_is(tmp_path, place, crs):
    grid = grid_around(*place)
    islands = [blob(place[0], place[1], 0.12, seed=1), blob(place[0] + 0.4, place[1] - 0.2, 0.05)]
    to_crs = pyproj.Transformer.from_crs(LONLAT, crs, always_xy=True)
    layer = islands
    if crs != LONLAT:
        layer = [
            shapely.transform(shape, lambda xy: np.c_[to_crs.transform(xy[:, 0], xy[:, 1])])
            for shape in islands
        ]
    found = read(tmp_path / "land.gpkg", layer, grid, crs=crs).land(grid.window)
    lon, lat = lonlat_centres(grid)
    lon = place[0] + (lon - place[0] + 180) % 360 - 180
    same_but_at_the_coast(found, shapely.contains_xy(shapely.union_all(islands), lon, lat))


def split(shape, limit=180.0):
    """A polygon across the antimeridian as layers have it: two, of which each keeps to its side."""
    west = shapely.intersection(shape, shapely.box(-400, -90, limit, 90))
    east = shapely.intersection(shape, shapely.box(limit, -90, 800, 90))
    return [west, shapely.transform(east, lambda xy: xy - [360, 0])]


def jumping(shape):
    """The same as one polygon whose longitudes jump from 180 to -180."""
    return [shapely.transform(shape, lambda xy: np.c_[(xy[:, 0] + 180) % 360 - 180, xy[:, 1]])]


def from_0_to_360(shape):
    return [shapely.transform(shape, lambda xy: np.c_[xy[:, 0] % 360, xy[:, 1]])]


@pytest.mark.parametrize("as_layer", [split, jumping, from_0_to_360])
@pytest.mark.parametrize("lon", [179.3, 179.9, 180.2, 180.7])
def test_land_across_the_antimeridian(tmp_path, as_layer, lon):
    island = blob(180.0, 71.0, 0.2)
    grid = grid_around(lon, 71.0)
    found = read(tmp_path / "land.gpkg", as_layer(island), grid).land(grid.window)
    there, lat = lonlat_centres(grid)
    same_but_at_the_coast(found, shapely.contains_xy(island, there % 360, lat))


@pytest.mark.parametrize(("lat", "epsg"), [(71.0, 3413), (-71.0, 3031)])
def test_land_across_the_border_of_mercators_world(tmp_path, lat, epsg):
    island = blob(180.0, lat, 0.2)
    to_crs = pyproj.Transformer.from_crs(LONLAT, "EPSG:3857", always_xy=True)
    layer = [
        shapely.transform(shape, lambda xy: np.c_[to_crs.transform(xy[:, 0], xy[:, 1])])
        for shape in split(island)
    ]
    grid = grid_around(180.0, lat, epsg)
    found = read(tmp_path / "land.gpkg", layer, grid, crs="EPSG:3857").land(grid.window)
    there, lat = lonlat_centres(grid)
    same_but_at_the_coast(found, shapely.contains_xy(island, there % 360, lat))


def test_no_slit_is_left_where_a_layer_is_cut_on_pixel_centres(tmp_path):
    # 180 degrees is a diagonal of EPSG:3413: with the origin on it, it runs through pixel centres
    size, side = 40.0, 200
    corner = -1_400_020.0, 1_400_020.0
    grid = Grid(CRS.from_epsg(3413), Affine(size, 0, corner[0], 0, -size, corner[1]), side, side)
    lon = lonlat_centres(grid)[0]
    assert (np.abs(np.abs(lon) - 180) < 1e-9).sum() == side
    land = split(shapely.box(170, 60, 190, 80))
    assert read(tmp_path / "land.gpkg", land, grid).land(grid.window).all()


def test_antarctica_with_its_edge_along_the_pole(tmp_path):
    lon = np.linspace(-180, 180, 721)
    coast = np.c_[lon, -72 + 3 * np.sin(np.radians(4 * lon))]
    land = shapely.Polygon([*coast, (180, -90), (-180, -90)])
    grid = Grid(CRS.from_epsg(3031), Affine(25_000, 0, -3e6, 0, -25_000, 3e6), 240, 240)
    expected_lon, lat = lonlat_centres(grid)
    expected = lat < -72 + 3 * np.sin(np.radians(4 * expected_lon))
    for number, shape in enumerate((land, shapely.Polygon(coast[:-1]))):  # and without that edge
        source = write(tmp_path / f"{number}.gpkg", [shape])
        same_but_at_the_coast(Coastline.read(source, grid, SILENT).land(grid.window), expected)


def test_a_grid_in_degrees(tmp_path):
    for left in (179.0, -181.0):
        grid = Grid(CRS.from_epsg(4326), Affine(0.01, 0, left, 0, -0.01, 71.6), 120, 200)
        island = blob(left + 1, 71.0, 0.3)
        as_180 = jumping(island)
        found = read(tmp_path / "land.gpkg", as_180, grid).land(grid.window)
        same_but_at_the_coast(found, shapely.contains_xy(island, *centres(grid)))


@pytest.mark.parametrize("buffer_m", [700.0, 3_000.0, 90_000.0])
def test_a_buffer_is_that_many_metres_wide(tmp_path, buffer_m):
    """Exact to about a pixel, or to a hundredth of the buffer; no island is too small for it."""
    grid = grid_around(15.0, 78.0)
    far = 1.2 * buffer_m  # beyond the grid
    x, y = grid.bounds()[0] - far + 0.6 * buffer_m, grid.bounds()[1] + 20_000
    islands = [
        shapely.Point(x, y).buffer(2_000),
        shapely.Point(grid.bounds()[2] - 9_100, grid.bounds()[3] - 9_300).buffer(20),
    ]
    coast = read(tmp_path / "land.gpkg", islands, grid, crs="EPSG:3413", reach_m=buffer_m)
    found = coast.land(grid.window, buffer_m)
    distance = shapely.distance(shapely.union_all(islands), shapely.points(*centres(grid)))
    error_m = max(1.5 * 500, 0.015 * buffer_m)
    assert (distance > buffer_m + error_m).any() or buffer_m > 50_000
    assert found[distance < buffer_m - error_m / 2].all()
    assert not found[distance > buffer_m + error_m].any()
    # what a pixel gets depends on its place alone
    for window in grid.window.blocks(37, 41):
        assert np.array_equal(coast.land(window, buffer_m), found[window.slices])


def test_a_buffer_on_a_grid_in_degrees(tmp_path):
    grid = Grid(CRS.from_epsg(4326), Affine(0.02, 0, 10.0, 0, -0.01, 80.6), 120, 150)
    coast = read(tmp_path / "land.gpkg", [blob(11.5, 80, 0.05)], grid, reach_m=12_000.0)
    found = coast.land(grid.window, 12_000.0)
    land = coast.land(grid.window)
    lon, lat = centres(grid)
    geod = pyproj.Geod(ellps="WGS84")
    places = np.flatnonzero(land)
    nearest = np.full(land.size, np.inf)
    for place in places:
        ends = np.full(land.size, lon.flat[place]), np.full(land.size, lat.flat[place])
        nearest = np.minimum(nearest, geod.inv(lon.ravel(), lat.ravel(), *ends)[2])
    nearest = nearest.reshape(land.shape)
    assert found[nearest < 11_000].all()
    assert not found[nearest > 14_500].any()


def test_polygons_of_the_sea(tmp_path):
    grid = grid_around(15.0, 78.0)
    island = blob(15.0, 78.0, 0.12)
    tiles = [
        shapely.difference(shapely.box(lon, lat, lon + 1, lat + 1), island)
        for lon in range(10, 20)
        for lat in range(76, 80)
    ]
    sea = write(tmp_path / "sea.gpkg", tiles)
    land = write(tmp_path / "land.gpkg", [island])
    one, other = (
        Coastline.read(sea, grid, SILENT, reach_m=5e3, are_land=False),
        Coastline.read(land, grid, SILENT, reach_m=5e3),
    )
    for buffer_m in (0.0, 5e3):
        found = one.land(grid.window, buffer_m), other.land(grid.window, buffer_m)
        same_but_at_the_coast(*found)
    far = write(tmp_path / "far.gpkg", [shapely.box(-90, 0, -80, 10)])
    with pytest.raises(SeaIceError, match="no polygon of the sea lies where the scene does"):
        Coastline.read(far, grid, SILENT, are_land=False)


def test_only_what_lies_near_the_scene_is_kept(tmp_path):
    """A continent's coast is clipped to the scene's surroundings before it is worked on."""
    continent = blob(40.0, 60.0, 18.03, nodes=200_000)
    others = [blob(lon, -40.0, 5.0) for lon in range(-170, 170, 20)]
    grid = grid_around(*continent.exterior.coords[30_000])
    coast = read(tmp_path / "land.gpkg", [continent, *others], grid)
    assert 10 < shapely.get_num_coordinates(coast.polygons).sum() < 20_000
    lon, lat = lonlat_centres(grid)
    same_but_at_the_coast(coast.land(grid.window), shapely.contains_xy(continent, lon, lat))


def test_invalid_polygons_are_rebuilt(tmp_path, recorder):
    bow = shapely.Polygon([(14.5, 77.9), (15.5, 78.1), (15.5, 77.9), (14.5, 78.1)])
    grid = grid_around(15.0, 78.0)
    coast = read(tmp_path / "land.gpkg", [bow], grid, Reporter(recorder))
    lon, lat = lonlat_centres(grid)
    expected = np.abs(lat - 78) < np.abs(lon - 15) * 0.2
    expected &= np.abs(lon - 15) < 0.5
    same_but_at_the_coast(coast.land(grid.window), expected)
    assert "1 polygons cross or touch themselves" in recorder.warnings


def test_no_land_in_the_scene(tmp_path):
    grid = grid_around(0.0, 80.0)
    coast = read(tmp_path / "land.gpkg", [blob(90, 75, 1)], grid, reach_m=20e3)
    assert coast.spacing_m is None
    assert not coast.land(grid.window).any()
    assert not coast.land(grid.window, 20e3).any()


def test_a_coarse_coastline_is_noticed(tmp_path, recorder):
    fine, coarse = blob(15, 78, 0.1, nodes=2000), blob(15, 78, 0.1, nodes=20)
    grid = grid_around(15.0, 78.0, size=100.0)
    read(tmp_path / "fine.gpkg", [fine], grid, Reporter(recorder))
    assert not recorder.warnings
    coast = read(tmp_path / "coarse.gpkg", [coarse], grid, Reporter(recorder))
    assert 2_000 < coast.spacing_m < 6_000
    assert "m apart, pixels 100 m: coasts may be wrong by many pixels" in recorder.warnings
    inland = Grid(
        CRS.from_epsg(3413), Affine(2, 0, grid.transform.c, 0, -2, grid.transform.f), 9, 9
    )
    recorder.clear()
    all_land = read(tmp_path / "land.gpkg", [blob(15, 78, 5)], inland, Reporter(recorder))
    assert all_land.land(inland.window).all()
    assert all_land.spacing_m is None
    assert not recorder.warnings


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([shapely.LineString([(10, 78), (20, 79)])], "land.gpkg: holds lines, polygons expected"),
        ([shapely.Point(15, 78)], "the layer has no polygons; give polygons of land"),
    ],
)
def test_layers_without_polygons(tmp_path, shapes, message):
    with pytest.raises(SeaIceError, match=message):
        read(tmp_path / "land.gpkg", shapes, grid_around(15.0, 78.0))


def test_layers_without_a_crs_or_with_one_that_has_no_place_for_the_scene(tmp_path):
    source = write(tmp_path / "land.shp", [blob(15, 78, 1)], driver="ESRI Shapefile")
    (tmp_path / "land.prj").unlink()
    with pytest.raises(SeaIceError, match="no coordinate reference system"):
        Coastline.read(source, grid_around(15.0, 78.0), SILENT)
    given = VectorSource(source.path, crs=LONLAT)
    assert Coastline.read(given, grid_around(15.0, 78.0), SILENT).land(Window(40, 40, 2, 2)).all()
    mercator = VectorSource(source.path, crs="+proj=gnom +lat_0=-90")
    with pytest.raises(SeaIceError, match="CRS cannot show where the scene lies"):
        Coastline.read(mercator, grid_around(15.0, 78.0), SILENT)


def test_a_damaged_file(tmp_path):
    source = write(tmp_path / "land.shp", [blob(15, 78, 1)], driver="ESRI Shapefile")
    (tmp_path / "land.shp").write_bytes((tmp_path / "land.shp").read_bytes()[:300])
    with pytest.raises(SeaIceError, match=r"land.shp: (cannot be read|the layer has no polygons)"):
        Coastline.read(source, grid_around(15.0, 78.0), SILENT)
