import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter

from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.jobs import LandMaskJob
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster

LEFT, TOP, PIXEL = 600_000.0, -200_000.0, 500.0


@pytest.fixture
def hh(tmp_path):
    """100 rows x 120 columns of 500 m, half of them without data."""
    values = np.full((100, 120), -15, np.float32)
    values[:50] = np.nan
    return write_raster(tmp_path / "hh.tif", values, size=PIXEL, origin=(LEFT, TOP), nodata=np.nan)


def box(row, col, height, width):
    """Return the polygon of a window of HH's pixels."""
    left, top = LEFT + col * PIXEL, TOP - row * PIXEL
    return shapely.box(left, top - height * PIXEL, left + width * PIXEL, top)


def coast(path, *shapes, geometry_type="Polygon"):
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object),
        field_data=[np.arange(len(shapes))],
        fields=["number"],
        geometry_type=geometry_type,
        crs="EPSG:3413",
        driver="GPKG",
    )
    return str(path)


def run(messages, coastline, hh, folder, cancelled=lambda: False, **parameters):
    output = str(folder / "mask.tif")
    job = LandMaskJob(coastline=coastline, grid=hh, output=output, **parameters)
    done, _ = execute(job, cancelled, messages)
    with rasterio.open(output) as mask:
        assert mask.crs.to_epsg() == 3413
        assert mask.transform == Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)
        assert mask.dtypes == ("uint8",)
        assert mask.nodata is None
        return done, mask.read(1), mask.tags()


def test_both_masks(tmp_path, hh, messages):
    path = coast(tmp_path / "coast.gpkg", box(-50, -50, 150, 80), box(60, 119, 9, 60))
    reference_mask = str(tmp_path / "reference_mask.tif")
    done, mask, tags = run(
        messages, path, hh, tmp_path, footprint=5_000, reference_mask=reference_mask
    )
    expected = np.ones((100, 120), int)
    expected[:, :30] = 0
    expected[60:69, 119] = 0
    assert np.array_equal(mask, expected)
    assert tags["SEAICE_COASTLINE"] == "coast.gpkg"
    assert tags["SEAICE_BUFFER_M"] == "0"
    with rasterio.open(reference_mask) as dataset:
        wide = dataset.read(1)
        assert dataset.tags()["SEAICE_BUFFER_M"] == "5000"
    assert not wide[:, :40].any()
    assert wide[:50, 42:].all()
    assert not wide[60:69, 109:].any()
    assert wide[60:69, 42:107].all()
    assert done.outputs == {"OUTPUT": str(tmp_path / "mask.tif"), "REFERENCE_MASK": reference_mask}
    assert done.numbers == {
        "LAND_FRACTION": pytest.approx(1 - mask.mean()),
        "REFERENCE_LAND_FRACTION": pytest.approx(1 - wide.mean()),
    }
    percent = 100 * done.numbers["LAND_FRACTION"]
    assert f"Land mask: {percent:.2f} % is land" in messages.text


def test_blocks_fit_together(tmp_path, hh, messages, monkeypatch):
    path = coast(tmp_path / "coast.gpkg", shapely.Point(LEFT + 3e4, TOP - 3e4).buffer(8_100))
    whole = run(messages, path, hh, tmp_path, buffer=3_000)[1]
    monkeypatch.setattr("ml_core.runs.landmask._BLOCK_PX", 33)
    assert np.array_equal(run(messages, path, hh, tmp_path, buffer=3_000)[1], whole)
    assert 0 < whole.mean() < 1


def test_polygons_of_the_sea(tmp_path, hh, messages):
    path = coast(tmp_path / "sea.gpkg", box(-500, 30, 1000, 1000))
    mask = run(messages, path, hh, tmp_path, polygons="sea")[1]
    assert not mask[:, :30].any()
    assert mask[:, 30:].all()


def test_scenes_of_one_kind_are_reported(tmp_path, hh, messages):
    done, mask, _ = run(messages, coast(tmp_path / "a.gpkg", box(500, 0, 9, 9)), hh, tmp_path)
    assert mask.all()
    assert done.numbers == {"LAND_FRACTION": 0.0}
    assert "no land lies on the scene, all is sea" in messages.warnings
    path = coast(tmp_path / "b.gpkg", box(-500, -500, 1000, 1000))
    done, mask, _ = run(messages, path, hh, tmp_path)
    assert not mask.any()
    assert done.numbers == {"LAND_FRACTION": 1.0}
    assert "no sea lies on the scene, all is land" in messages.warnings


def test_filter_of_the_layer(tmp_path, hh, messages):
    path = coast(tmp_path / "coast.gpkg", box(0, 0, 100, 30), box(0, 50, 100, 30))
    mask = run(messages, {"path": path, "where": "number = 1"}, hh, tmp_path)[1]
    assert mask[:, :50].all()
    assert not mask[:, 50:80].any()


def test_lines_are_refused_and_nothing_is_left(tmp_path, hh, messages):
    line = shapely.LineString([(LEFT, TOP), (LEFT + 1e4, TOP - 1e4)])
    path = coast(tmp_path / "coast.gpkg", line, geometry_type="LineString")
    with pytest.raises(SeaIceError, match="holds lines, polygons expected; give the polygons"):
        run(messages, path, hh, tmp_path)
    assert not (tmp_path / "mask.tif").exists()


def test_a_run_that_is_cancelled_leaves_nothing(tmp_path, hh, messages, monkeypatch):
    monkeypatch.setattr("ml_core.runs.landmask._BLOCK_PX", 33)
    path = coast(tmp_path / "coast.gpkg", box(0, 0, 100, 30))
    checks = iter([False] * 5 + [True] * 100)
    with pytest.raises(CancelledError):
        run(messages, path, hh, tmp_path, cancelled=lambda: next(checks))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["coast.gpkg", "hh.tif"]


def test_a_mask_for_reference_values_needs_their_footprint(tmp_path, hh):
    with pytest.raises(JobError, match="Footprint of the reference is missing"):
        LandMaskJob(coastline="coast.shp", grid=hh, output="a.tif", reference_mask="b.tif")


def test_reference_values_that_are_kept_show_no_land(tmp_path, messages):
    """Open water along a ragged coast, seen by a radiometer to which land is 60 % ice."""
    footprint_m, land_percent = 12_000, 60
    angle = np.linspace(0, 2 * np.pi, 2000)
    radius = 50e3 + 14e3 * np.cos(5 * angle) + 5e3 * np.cos(23 * angle + 1)
    island = np.c_[LEFT + 80e3 + radius * np.cos(angle), TOP - 80e3 + radius * np.sin(angle)]
    path = coast(tmp_path / "coast.gpkg", shapely.Polygon(island))
    hh = write_raster(
        tmp_path / "wide.tif", np.zeros((400, 400), np.float32), size=PIXEL, origin=(LEFT, TOP)
    )
    output = str(tmp_path / "reference_mask.tif")
    _, mask, _ = run(messages, path, hh, tmp_path, footprint=footprint_m, reference_mask=output)
    sigma_px = footprint_m / PIXEL / 2.3548
    seen = gaussian_filter(land_percent * (1.0 - mask), sigma_px, mode="nearest", truncate=5)
    with rasterio.open(output) as dataset:
        kept = dataset.read(1) == 1
    assert seen[mask == 1].max() > 30
    assert (seen[mask == 1] > 15).mean() > 0.02
    # all ground beyond a radius of one footprint has 1/16 of a Gaussian's weight
    assert seen[kept].max() < land_percent / 16
    assert seen[kept].mean() < 0.1
    assert kept.mean() > 0.4
