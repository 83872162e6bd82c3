import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ml_core.observation import footprint
from ml_core.observation.footprint import FootprintFields
from ml_core.observation.support import FWHM_PER_SIGMA
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


def test_means_equal_those_over_single_pixels(scene):
    values, valid = scene
    fields = filled(values, valid, 32, 130, 170)
    assert fields.cell_px == 4
    found, holds = fields.means()
    sigma = 32 / FWHM_PER_SIGMA
    weight = gaussian_filter(valid.astype(float), sigma, mode="constant", truncate=4)
    at = np.s_[2::4, 2::4]  # half a pixel from the cells' centres
    for field, mean in zip(values, found, strict=True):
        blurred = gaussian_filter(np.nan_to_num(field), sigma, mode="constant", truncate=4)
        expected = (blurred / np.maximum(weight, 1e-6))[at]
        inside = holds[: expected.shape[0], : expected.shape[1]]
        got = mean[: expected.shape[0], : expected.shape[1]]
        assert np.abs(got - expected)[inside].max() < 1.0
        assert np.abs(got - expected)[inside].mean() < 0.2
    assert (
        holds[: weight[at].shape[0], : weight[at].shape[1]] == (weight[at] >= 0.5)
    ).mean() > 0.97
    assert np.isnan(found[:, ~holds]).all()


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
