import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from ml_core.observation.estimate import estimate_footprint_px


def floes(shape, footprint_px, seed=0):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 25)
    return gaussian_filter((field > 0) * 100.0, footprint_px / 2.3548).astype(np.float32)


@pytest.mark.parametrize("footprint_px", [5, 12, 30, 45])
def test_a_gaussian_footprint_is_found_through_noise(footprint_px):
    sic = floes((400, 400), footprint_px)
    noisy = sic + np.random.default_rng(1).normal(0, 1, sic.shape)
    found = estimate_footprint_px(noisy.astype(np.float32), np.ones(sic.shape, bool))
    assert found == pytest.approx(footprint_px, rel=0.15)


@pytest.mark.parametrize("order", [1, 3])
def test_interpolated_pixels_are_found(order):
    coarse = (gaussian_filter(np.random.default_rng(0).normal(size=(40, 40)), 3) > 0) * 100.0
    sic = zoom(gaussian_filter(coarse, 0.4), 10, order=order, mode="nearest", grid_mode=True)
    found = estimate_footprint_px(sic.astype(np.float32), np.ones(sic.shape, bool))
    assert found == pytest.approx(10, rel=0.15)


def test_a_chart_and_a_flat_field_have_the_footprint_of_a_pixel():
    chart = floes((200, 200), 0.1)
    assert estimate_footprint_px(chart, np.ones(chart.shape, bool)) == 1
    flat = 90 + floes((200, 200), 20) / 20
    assert estimate_footprint_px(flat, np.ones(flat.shape, bool)) == 1
    assert estimate_footprint_px(flat, np.zeros(flat.shape, bool)) == 1


def test_what_is_not_valid_does_not_count():
    sic = floes((300, 300), 20)
    valid = np.random.default_rng(2).random(sic.shape) > 0.3
    spoiled = np.where(valid, sic, -9999).astype(np.float32)
    assert estimate_footprint_px(spoiled, valid) == pytest.approx(20, rel=0.15)
