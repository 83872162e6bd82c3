import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ml_core.observation import footprint
from ml_core.observation.footprint import FootprintFields
from ml_core.observation.support import FWHM_PER_SIGMA, around_cells, observe
from ml_core.raster.grid import Window


def filled(values, valid, footprint_px, height, width):
    fields = FootprintFields(valid.shape, len(values), footprint_px)
    for row in range(0, valid.shape[0], height):
        for col in range(0, valid.shape[1], width):
            window = Window(row, col, height, width).clipped(*valid.shape)
            part = window.slices
            fields.add(window, values[(slice(None), *part)], valid[part])
    return fields


@pytest.fixture
def scene():
    rng = np.random.default_rng(1)
    values = np.stack([gaussian_filter(rng.normal(size=(130, 170)), 4) for _ in range(3)])
    values = (50 + 200 * values).astype(np.float32)
    valid = np.ones((130, 170), bool)
    valid[:50, :40] = False
    values[:, ~valid] = np.nan
    return values, valid


def over_pixels(values, valid, rows, cols, footprint_px):
    """Means over footprints around places (n,) x (m,) in pixels, summed pixel by pixel."""
    sigma = footprint_px / FWHM_PER_SIGMA
    down, across = (
        np.exp(-(((np.arange(side) + 0.5 - at[:, None]) / sigma) ** 2) / 2)
        for at, side in zip((rows, cols), valid.shape, strict=True)
    )
    cover = down @ valid @ across.T / (2 * np.pi * sigma**2)
    sums = down @ np.where(valid, values, 0) @ across.T / (2 * np.pi * sigma**2)
    return sums / cover, cover


@pytest.mark.parametrize("footprint_px", [5, 17, 32, 45])
@pytest.mark.parametrize("everywhere", [True, False])
def test_means_equal_those_over_single_pixels(scene, footprint_px, everywhere):
    values, valid = scene
    values = np.where(valid, 100 * (values > 50), np.nan).astype(np.float32)  # sharp
    fields = filled(values, valid, footprint_px, 130, 170)
    side = fields.cell_px
    places = [(np.arange(n) + 0.5) * side for n in fields.counts.shape]
    if not everywhere:
        places = [np.array([-2.0, 30.7, 64.0, 101.1]), np.array([19.0, 60.2, 88.9, 140.0, 171.0])]
    found, holds = fields.means() if everywhere else fields.means(tuple(places))
    for field, mean in zip(values, found, strict=True):
        expected, cover = over_pixels(field, valid, *places, footprint_px)
        sure = np.abs(cover - 0.5) > 0.02
        np.testing.assert_array_equal(holds[sure], cover[sure] >= 0.5)
        off = (mean - expected)[holds]
        assert np.abs(off).max() < 0.5
        assert np.sqrt(np.mean(off**2)) < 0.1
    assert np.isnan(found[:, ~holds]).all()


@pytest.mark.parametrize(("footprint_px", "most"), [(16, 2.5), (20, 2.0), (48, 0.25)])
def test_cells_wider_than_an_eighth_of_the_footprint_cost_little(footprint_px, most):
    """1.33, 1.67 and 4 cells of 12 px, as the split has them, in a footprint."""
    field = gaussian_filter(np.random.default_rng(3).normal(size=(600, 600)), 6)
    sharp = np.where(field > 0, np.float32(100), np.float32(0))
    cells = sharp.reshape(50, 12, 50, 12).mean((1, 3))
    found, _ = observe(cells, np.ones((50, 50), bool), around_cells((50, 50), footprint_px, 12))
    places = (np.arange(50) + 0.5) * 12
    expected, _ = over_pixels(sharp, np.ones(sharp.shape, bool), places, places, footprint_px)
    off = (found - expected)[6:-6, 6:-6]
    assert np.sqrt(np.mean(off**2)) < most


def test_tiles_of_any_size_give_the_same(scene):
    values, valid = scene
    whole, _ = filled(values, valid, 24, 130, 170).means()
    parts, _ = filled(values, valid, 24, 17, 31).means()
    np.testing.assert_allclose(parts, whole, rtol=1e-4)


def test_a_footprint_of_a_pixel_leaves_pixels_alone(scene):
    values, valid = scene
    fields = filled(values, valid, 1, 64, 64)
    assert fields.cell_px == 1
    found, holds = fields.means()
    np.testing.assert_array_equal(holds, valid)
    np.testing.assert_allclose(found[:, valid], values[:, valid], rtol=1e-6)


def test_large_scenes_get_coarser_cells(monkeypatch):
    monkeypatch.setattr(footprint, "_MOST_BYTES", 4 * 64 * 100)
    assert FootprintFields((100, 100), 2, 8).cell_px == 10
