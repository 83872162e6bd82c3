import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.observation.drift import leave_out_moved, sic_range
from ml_core.raster.reference import Reference


def by_hand(sic, radius):
    """The range of SIC within whole pixels of each pixel that has one."""
    rows, cols = np.indices(sic.shape)
    found = np.full(sic.shape, np.nan)
    for row, col in zip(*np.nonzero(np.isfinite(sic)), strict=True):
        near = sic[np.hypot(rows - row, cols - col) <= radius]
        found[row, col] = np.nanmax(near) - np.nanmin(near)
    return found


@pytest.fixture(scope="module")
def sic():
    rng = np.random.default_rng(2)
    values = rng.uniform(0, 100, (23, 31)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    return values


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 7])
def test_the_range_within_whole_pixels(sic, radius):
    np.testing.assert_allclose(sic_range(sic, radius), by_hand(sic, radius), atol=1e-4)


@given(st.floats(0, 7.9))
def test_between_whole_pixels_the_range_is_interpolated(sic, radius):
    whole, part = math.floor(radius), radius - math.floor(radius)
    expected = (1 - part) * by_hand(sic, whole) + part * by_hand(sic, whole + 1)
    np.testing.assert_allclose(sic_range(sic, radius), expected, atol=1e-3)


@pytest.mark.parametrize("radius", [8, 13, 25.5])
def test_far_ranges_are_those_of_about_the_radius(sic, radius):
    fine = np.kron(sic, np.ones((5, 5), np.float32))[:70, :80]
    found, known = sic_range(fine, radius), np.isfinite(fine)
    nearer, further = by_hand(fine, 0.6 * radius), by_hand(fine, 1.75 * radius)
    assert (found <= further + 1e-3)[known].all()
    assert (found >= nearer - 1e-3)[known].all()
    assert np.isnan(found[~known]).all()


def edge(raster, shape=(60, 80), size=4000.0, **more):
    """A reference with water in its left half and ice in the right."""
    values = np.zeros(shape, np.float32)
    values[:, shape[1] // 2 :] = 100
    return raster("edge.tif", values, size=size, **more)


@pytest.mark.parametrize(
    ("drift", "hours", "columns"),
    [(12, 24, 3), (12, -24, 3), (4, 24, 1), (0.5, 24, 0), (0.9, 24, 1), (12, 0, 0)],
)
def test_values_near_the_edge_are_left_out(raster, drift, hours, columns):
    # the edge lies between the columns 39 and 40; 12 km are 3 columns
    with Reference.open(edge(raster)) as reference:
        text = leave_out_moved(reference, drift, hours)
        sic, valid = reference.read_own()
        on_grid = reference.on(reference.own_grid).read(reference.own_grid.window)[1]
    lost = np.flatnonzero(~valid.any(axis=0))
    assert lost.tolist() == list(range(40 - columns, 40 + columns))
    assert np.isnan(sic[:, lost]).all()
    assert np.array_equal(valid, on_grid)
    assert f"around {2 * columns * 60} of the layer's 4800 values" in text
    assert f"within {drift * abs(hours) / 24:.3g} km" in text


def test_blocks_meet_without_a_seam(raster, monkeypatch):
    smooth = np.add.outer(np.linspace(0, 60, 90), np.linspace(0, 40, 70)).astype(np.float32)
    smooth += np.random.default_rng(1).uniform(-8, 8, smooth.shape).astype(np.float32)
    source = raster("s.tif", np.clip(smooth, 0, 100), size=1000.0)
    for drift in (6.0, 22.0):
        kept = []
        for side in (2048, 32):
            monkeypatch.setattr("ml_core.observation.drift._BLOCK_PX", side)
            with Reference.open(source) as reference:
                leave_out_moved(reference, drift, 12)
                kept.append(reference.read_own()[1])
        assert np.array_equal(*kept)
        assert 0 < kept[0].sum() < kept[0].size
