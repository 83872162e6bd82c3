import dataclasses
from xml.etree import ElementTree

import numpy as np
import pytest
from pyproj import Geod, Transformer
from scipy.interpolate import CubicHermiteSpline

from ml_core.errors import SeaIceError
from ml_core.inputs.sentinel1.annotation import read_annotation
from ml_core.inputs.sentinel1.geolocation import Geolocation, reduce_to_sea_level
from ml_core.inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ml_core.inputs.sentinel1.product import Product
from ml_core.inputs.sentinel1.xml import parse
from ml_core.raster.grid import Window
from tests.builders.safe import MadeUp, real_annotation

GEOD = Geod(ellps="WGS84")
needs_real = pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")


def distance_m(latitude, longitude, other_latitude, other_longitude):
    return GEOD.inv(longitude, latitude, other_longitude, other_latitude)[2]


@pytest.fixture(scope="module")
def real():
    path = real_annotation() / "annotation" / "ew-hh.xml"
    return read_annotation(parse(path.read_bytes(), path.name))


@pytest.fixture
def made_up(tmp_path):
    def make(**changes):
        product = MadeUp(**changes)
        files = Product(str(product.write(tmp_path))).files("HH")
        return product, read_annotation(files.annotation)

    return make


@needs_real
def test_nodes_left_out_are_met(real):
    grid = real.grid
    rows, columns = np.arange(0, 23, 2), np.arange(0, 21, 2)
    names = ("latitude", "longitude", "height_m", "incidence_deg", "slant_range_m")
    part = {name: getattr(grid, name)[np.ix_(rows, columns)] for name in names}
    thinned = dataclasses.replace(grid, line=grid.line[rows], pixel=grid.pixel[columns], **part)
    geolocation = Geolocation(real, thinned)
    line, pixel = np.meshgrid(grid.line, grid.pixel, indexing="ij")
    latitude, longitude = geolocation.geographic(line, pixel)
    off = distance_m(latitude, longitude, grid.latitude, grid.longitude)
    left_out = np.ones(off.shape, bool)
    left_out[np.ix_(rows, columns)] = False
    # measured: 24 m; the issue asks for 400 m, a plain interpolator has 327 m
    assert off[left_out & (grid.height_m < 1)].max() < 30


@needs_real
def test_terrain_would_displace_the_sea(real):
    """Nodes on land move the sea beside them by hundreds of metres unless they are reduced."""
    flat = dataclasses.replace(real.grid, height_m=np.zeros_like(real.grid.height_m))
    reduced, as_they_are = Geolocation(real), Geolocation(real, flat)
    assert reduced.residual_m < 2
    assert as_they_are.residual_m > 400
    line, pixel = np.meshgrid(np.arange(0, 10708, 250), np.arange(0, 10487, 250), indexing="ij")
    moved = distance_m(*reduced.geographic(line, pixel), *as_they_are.geographic(line, pixel))
    assert moved[:20, :20].max() > 300


@needs_real
def test_reduced_nodes_equal_the_range_doppler_solution(real):
    """An oracle from the orbit: the sea that a node's time and slant range belong to."""
    root = ElementTree.parse(real_annotation() / "annotation" / "ew-hh.xml").getroot()
    origin = np.datetime64(root.findtext("adsHeader/startTime"))
    seconds = lambda text: (np.datetime64(text) - origin) / np.timedelta64(1, "us") * 1e-6  # noqa: E731
    orbits = list(root.iter("orbit"))
    time, place, velocity = (
        np.array([read(orbit) for orbit in orbits])
        for read in (
            lambda o: seconds(o.findtext("time")),
            lambda o: [float(o.findtext(f"position/{axis}")) for axis in "xyz"],
            lambda o: [float(o.findtext(f"velocity/{axis}")) for axis in "xyz"],
        )
    )
    path = CubicHermiteSpline(time, place, velocity)
    points = [p for p in root.iter("geolocationGridPoint")]
    at = np.array([seconds(p.findtext("azimuthTime")) for p in points])
    slant = np.array([float(p.findtext("slantRangeTime")) for p in points]) * 299792458 / 2
    antenna, motion = path(at), path.derivative()(at)
    motion /= np.linalg.norm(motion, axis=-1, keepdims=True)

    nodes = reduce_to_sea_level(real.grid)
    solution = nodes.position_m.reshape(-1, 3).copy()
    to_geodetic = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    for _ in range(6):
        lon, lat, height = to_geodetic.transform(*solution.T)
        phi, lam = np.radians(lat), np.radians(lon)
        up = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], -1)
        view = solution - antenna
        length = np.linalg.norm(view, axis=-1)
        wrong = np.stack([length - slant, np.sum(view * motion, -1), height], -1)
        slopes = np.stack([view / length[:, None], motion, up], -2)
        solution -= np.linalg.solve(slopes, wrong[..., None])[..., 0]
    off = np.linalg.norm(solution - nodes.position_m.reshape(-1, 3), axis=-1)
    assert off.max() < 2
    assert nodes.displacement_m.max() > 1400


@needs_real
def test_incidence_angle_is_the_annotated_one_at_the_sea(real):
    grid = real.grid
    line, pixel = np.meshgrid(grid.line, grid.pixel, indexing="ij")
    geolocation = Geolocation(real)
    incidence = geolocation.locate(*geolocation.geographic(line, pixel))[2]
    off = np.abs(incidence - grid.incidence_deg)
    assert off[grid.height_m < 1].max() < 0.001
    # at the same slant range terrain is seen at a larger angle than the sea
    assert 0.05 < off.max() < 0.2


@needs_real
def test_places_are_found_back_on_the_image(real):
    generator = np.random.default_rng(5)
    line, pixel = generator.uniform(-5, 10712, 3000), generator.uniform(-5, 10491, 3000)
    geolocation = Geolocation(real)
    found_line, found_pixel, _ = geolocation.locate(*geolocation.geographic(line, pixel))
    assert np.abs(found_line - line).max() < 1e-4
    assert np.abs(found_pixel - pixel).max() < 1e-4


@pytest.mark.parametrize("origin", [(20, 80), (179.95, 75), (-60, 89.98), (30, -72), (0, 0.1)])
def test_positions_everywhere_also_at_dateline_and_pole(made_up, origin):
    product, annotation = made_up(origin=origin)
    geolocation = Geolocation(annotation)
    line, pixel = np.meshgrid(np.linspace(0, 199, 9), np.linspace(0, 239, 9), indexing="ij")
    longitude, latitude = product.place(line, pixel)
    off = distance_m(*geolocation.geographic(line, pixel), latitude, longitude)
    assert off.max() < 0.2
    found_line, found_pixel, incidence = geolocation.locate(latitude, longitude)
    assert found_line == pytest.approx(line, abs=0.01)
    assert found_pixel == pytest.approx(pixel, abs=0.01)
    assert incidence == pytest.approx(product.incidence_deg(pixel), abs=0.01)


def test_terrain_under_nodes_does_not_move_the_sea(made_up):
    heights = {(1, 1): 600.0, (1, 2): 900.0, (2, 2): 300.0}
    product, annotation = made_up(heights_m=heights)
    geolocation = Geolocation(annotation)
    line, pixel = np.meshgrid(np.linspace(0, 199, 9), np.linspace(0, 239, 9), indexing="ij")
    longitude, latitude = product.place(line, pixel)
    off = distance_m(*geolocation.geographic(line, pixel), latitude, longitude)
    assert geolocation.nodes.displacement_m.max() > 1800
    assert off.max() < 3


def test_places_off_the_image_are_not_found(made_up):
    _, annotation = made_up()
    far_latitude, far_longitude = np.array([-80.0, 0.0, 79.0]), np.array([200.0, 20.0, 90.0])
    line, pixel, incidence = Geolocation(annotation).locate(far_latitude, far_longitude)
    assert np.isnan([line, pixel, incidence]).all()


def test_hemisphere_chooses_the_crs(made_up, tmp_path):
    assert polar_crs(Geolocation(made_up(origin=(20, 80))[1])) == "EPSG:3413"


def test_southern_hemisphere_chooses_the_crs(made_up):
    assert polar_crs(Geolocation(made_up(origin=(20, -70))[1])) == "EPSG:3031"


@pytest.mark.parametrize(
    ("crs", "resolution"), [("EPSG:3413", 80), ("EPSG:32633", 40), ("EPSG:4326", 200)]
)
def test_map_pixels_know_their_image_position(made_up, crs, resolution):
    _, annotation = made_up()
    geolocation = Geolocation(annotation)
    grid = scene_grid(geolocation, crs, resolution)
    assert grid.transform.c / grid.transform.a == pytest.approx(
        round(grid.transform.c / grid.transform.a)
    )
    window = Window(3, 5, grid.height - 5, grid.width - 6)
    positions = ImageMap(geolocation, grid, resolution).positions(window)
    rows, cols = np.mgrid[3 : grid.height - 2, 5 : grid.width - 1]
    x, y = grid.transform @ (cols + 0.5, rows + 0.5)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    line, pixel, incidence = geolocation.locate(lat, lon)
    inside = (line > 0) & (line < 199) & (pixel > 0) & (pixel < 239)
    assert inside.sum() > 1000
    assert positions.known[inside].all()
    assert positions.line[inside] == pytest.approx(line[inside], abs=0.05)
    assert positions.pixel[inside] == pytest.approx(pixel[inside], abs=0.05)
    assert positions.incidence_deg[inside] == pytest.approx(incidence[inside], abs=1e-3)


@pytest.mark.parametrize(
    ("crs", "origin", "message"),
    [
        ("EPSG:4326", (-179.98, 75), "crosses the edge of that CRS"),
        ("EPSG:99999", (20, 80), "is no known CRS"),
        ("EPSG:4978", (20, 80), "is no map CRS"),
        ("EPSG:3031", (20, 80), "choose a polar stereographic CRS"),
    ],
)
def test_a_crs_that_cannot_show_the_scene_is_refused(made_up, crs, origin, message):
    geolocation = Geolocation(made_up(origin=origin)[1])
    with pytest.raises(SeaIceError, match=message):
        scene_grid(geolocation, crs, 80)
