import numpy as np
import pytest

from ml_core.datasets.scene_data import collected, decorrelation_px, resolution_m
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.jobs import BuildTrainingSetJob, RasterSource
from ml_core.raster.reference import Reference
from ml_core.raster.scene import Scene
from tests.builders.rasters import sigma0_db, write_raster

SILENT = Reporter(lambda event: None)
SHAPE = (70, 90)


@pytest.fixture
def layers(tmp_path):
    """A scene of 1 km pixels with a gap, and a reference of 5 km with another; as sources."""
    hh = sigma0_db(SHAPE)
    hh[:7, :9] = -9999
    sic = np.random.default_rng(1).uniform(0, 100, (14, 18)).astype(np.float32)
    sic[-1] = np.nan
    bands = {"hh": (hh, 1000), "hv": (sigma0_db(SHAPE, 1, -25), 1000), "reference": (sic, 5000)}
    return {
        name: RasterSource(write_raster(tmp_path / f"{name}.tif", band, size=size, nodata=-9999))
        for name, (band, size) in bands.items()
    }


def read(layers, chip_px=16, footprint_m=8000.0):
    job = BuildTrainingSetJob(**layers, training_set="set")
    with (
        Reference.open(job.reference, footprint_m) as reference,
        Scene.open(job, 0) as scene,
        collected(scene, reference, footprint_m, chip_px, SILENT) as data,
    ):
        return data.array.copy(), data


def test_pixels_and_reference_lie_on_one_grid(layers, tmp_path):
    array, data = read(layers)
    assert array.shape == (*SHAPE, 3)
    assert np.isnan(array[:7, :9]).all(axis=-1).all()
    known = np.isfinite(array[..., 2])
    assert not known[-5:].any()  # the reference's last row
    assert known[10:60].all()
    # the cells count what the array holds
    side = data.cells.size_px
    for row, col in np.ndindex(data.cells.count.shape):
        part = array[row * side : (row + 1) * side, col * side : (col + 1) * side].astype(float)
        counted = part[np.isfinite(part[..., 2])]
        assert data.cells.count[row, col] == len(counted)
        np.testing.assert_allclose(data.sums[row, col], counted.sum(axis=0), rtol=1e-6)
    assert data.cells.count.sum() == known.sum()
    assert data.footprint_px == 8
    # a field seen with a Gaussian footprint is correlated over 4 pi sigma^2
    distance = np.arange(-60, 61)
    sigma2 = 64 / (8 * np.log(2))
    correlated = np.exp(-(distance[:, None] ** 2 + distance**2) / (4 * sigma2)).sum()
    assert data.footprints(1000) == pytest.approx(1000 / correlated, rel=1e-6)
    assert len(data.observations) > 100
    assert data.observations.footprint_px == 8


def test_a_scene_smaller_than_a_chip_is_refused(layers):
    with pytest.raises(SeaIceError, match=r"70 x 90 px of 1000 m, less than a chip of 96 x 96 px"):
        read(layers, chip_px=96)


def test_layers_without_a_pixel_in_common_are_refused(layers, tmp_path):
    hh = np.full(SHAPE, -9999, np.float32)
    hh[-5:] = -12  # where the reference has no value
    layers["hh"] = RasterSource(write_raster(tmp_path / "w.tif", hh, size=1000, nodata=-9999))
    with pytest.raises(SeaIceError, match="have no valid pixel in common"):
        read(layers)


@pytest.mark.parametrize(("given", "asked"), [(None, 3 * 12_000 / 160), (0, None), (80.0, 80.0)])
def test_the_resolution_is_the_analysts_or_lets_a_chip_span_three_footprints(given, asked):
    assert resolution_m(given, 12_000.0, 160) == asked


@pytest.mark.parametrize(("resolution", "length"), [(40.0, 300), (1000.0, 20), (600.0, 20)])
def test_the_decorrelation_length_is_a_footprint_and_no_less_than_an_eighth_chip(
    resolution, length
):
    assert decorrelation_px(12_000.0, resolution, 160) == length


def test_the_references_uncertainty_lies_on_the_scenes_grid(layers, tmp_path):
    assert read(layers)[1].uncertainty_percent is None
    sic = np.random.default_rng(1).uniform(0, 100, (14, 18)).astype(np.float32)
    sigma = np.arange(14 * 18, dtype=np.float32).reshape(14, 18) / 4
    sigma[2, 3] = -9999
    path = write_raster(
        tmp_path / "two.tif",
        np.stack([sic, sigma]),
        size=5000,
        nodata=-9999,
        tags={"SEAICE_UNCERTAINTY_BAND": "2"},
    )
    job = BuildTrainingSetJob(**{**layers, "reference": RasterSource(path)}, training_set="set")
    with (
        Reference.open(job.reference, 8000.0) as reference,
        Scene.open(job, 0) as scene,
        collected(scene, reference, 8000.0, 16, SILENT) as data,
    ):
        found = data.uncertainty_percent.astype(np.float32)
    expected = np.kron(np.where(sigma < 0, np.nan, sigma), np.ones((5, 5)))
    np.testing.assert_allclose(found, expected, rtol=1e-3)
