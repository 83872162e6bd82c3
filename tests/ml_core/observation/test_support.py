"""The operator between map and reference, in numpy and in torch, against a sum over all cells."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.observation import support_torch
from ml_core.observation.support import (
    Footprints,
    around_cells,
    cell_size_px,
    observe,
    observe_at,
    weights,
)

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
SHAPE = (37, 45)


def summed(values, valid, centres, footprint):
    """The mean around each centre and its cover, cell by cell in float64, nothing truncated."""
    sigma = footprint / FWHM_PER_SIGMA
    rows, cols = np.indices(values.shape)
    means, covers = np.empty((2, *(len(axis) for axis in centres)))
    for place in np.ndindex(means.shape):
        row, col = (axis[i] for axis, i in zip(centres, place, strict=True))
        weight = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
        weight *= valid
        means[place] = (weight * np.where(valid, values, 0)).sum() / max(weight.sum(), 1e-30)
        covers[place] = weight.sum() / (2 * math.pi * sigma**2)
    return means, covers


def in_torch(values, share, supports):
    """`observe` of torch, called as that of numpy."""
    values, share = (torch.from_numpy(np.float32(array)) for array in (values, share))
    rows, cols = on_lattice(supports.rows, supports.cols)
    tensors = (torch.from_numpy(array)[None] for array in (rows, cols))
    mean, cover = (
        found[0].numpy().reshape(len(supports.rows), -1)
        for found in support_torch.observe_at(values[None], share[None], *tensors)
    )
    return np.where(cover >= 0.5, mean, np.nan), cover


def on_lattice(rows, cols):
    """Rows and columns (n * m) of a lattice of rows (n) and columns (m)."""
    return np.repeat(rows, len(cols), axis=0), np.tile(cols, (len(rows), *[1] * (cols.ndim - 1)))


both = pytest.mark.parametrize("observe", [observe, in_torch], ids=["numpy", "torch"])


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 100, SHAPE).astype(np.float32)
    valid = np.ones(SHAPE, bool)
    valid[:, 30:] = rng.random((37, 15)) < 0.6
    valid[20:, :6] = False
    values[~valid] = np.nan
    return values, valid


@both
@pytest.mark.parametrize("footprint", [3.0, 8.0, 13.3])
def test_means_and_cover_are_those_of_a_sum_over_all_cells(observe, scene, footprint):
    values, valid = scene
    centres = np.array([-1.5, 3.0, 17.25, 36.4]), np.array([0.0, 8.7, 20.5, 33.0, 44.0])
    supports = Footprints(
        *(weights(at, side, footprint) for at, side in zip(centres, SHAPE, strict=True))
    )
    mean, cover = observe(values, valid, supports)
    expected, expected_cover = summed(values, valid, centres, footprint)
    assert cover == pytest.approx(expected_cover, abs=1e-3)
    held = cover >= 0.5
    assert 5 < held.sum() < held.size
    assert mean[held] == pytest.approx(expected[held], abs=0.1)
    assert np.isnan(mean[~held]).all()


@pytest.mark.parametrize("footprint", [1.0, 3.0, 13.3])
def test_places_off_a_lattice_are_observed_as_those_on_one(scene, footprint):
    values, valid = scene
    centres = np.array([-1.5, 3.0, 17.25, 36.4]), np.array([0.0, 8.7, 20.5, 33.0, 44.0])
    supports = Footprints(
        *(weights(at, side, footprint) for at, side in zip(centres, SHAPE, strict=True))
    )
    expected, expected_cover = observe(values, valid, supports)
    fields = np.stack([values, 2 * values])
    mean, cover = observe_at(fields, valid, *on_lattice(*centres), footprint)
    assert cover == pytest.approx(expected_cover.ravel(), abs=1e-6)
    assert mean[0] == pytest.approx(expected.ravel(), abs=1e-3, nan_ok=True)
    assert mean[1] == pytest.approx(2 * mean[0], abs=1e-3, nan_ok=True)


@both
def test_a_constant_map_is_observed_as_itself_whatever_the_mask(observe, scene):
    _, valid = scene
    mean, cover = observe(np.full(SHAPE, 42.0, np.float32), valid, around_cells(SHAPE, 9.0))
    assert mean[cover >= 0.5] == pytest.approx(42.0, rel=1e-6)


@both
def test_half_of_a_footprint_is_covered_at_a_masks_border(observe):
    valid = np.zeros((60, 60), bool)
    valid[:, :30] = True
    rows = np.arange(20.0, 40.0)
    supports = Footprints(weights(rows, 60, 10.0), weights([29.5], 60, 10.0))
    cover = observe(np.ones((60, 60), np.float32), valid, supports)[1]
    assert cover == pytest.approx(0.5, abs=1e-6)
    # so does the map's own edge
    edge = Footprints(weights(rows, 60, 10.0), weights([-0.5, 59.5], 60, 10.0))
    cover = observe(np.ones((60, 60), np.float32), np.ones((60, 60), bool), edge)[1]
    assert cover == pytest.approx(0.5, abs=1e-6)


@both
def test_observing_is_linear(observe, scene):
    values, valid = scene
    others = np.random.default_rng(1).uniform(0, 100, SHAPE).astype(np.float32)
    supports = around_cells(SHAPE, 7.0)
    one, two, together = (
        observe(field, valid, supports)[0] for field in (values, others, 2 * values - others)
    )
    assert together == pytest.approx(2 * one - two, abs=1e-3, nan_ok=True)


@both
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_what_is_not_valid_does_not_leak(observe, scene, value):
    values, valid = scene
    other = np.where(valid, values, np.float32(value))
    supports = around_cells(SHAPE, 7.0)
    for found, expected in zip(
        observe(other, valid, supports),
        observe(np.where(valid, values, np.float32(0)), valid, supports),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


@both
def test_cells_count_by_the_share_that_is_valid(observe):
    values = np.float32([[10, 40]])
    supports = Footprints(np.float32([[1]]), np.float32([[0.5, 0.5]]))
    mean, cover = observe(values, np.float32([[1, 0.5]]), supports)
    assert cover == pytest.approx(0.75)
    assert mean == pytest.approx((10 + 0.5 * 40) / 1.5)


def test_a_footprint_as_wide_as_a_cell_is_the_cell(scene):
    values, valid = scene
    mean, cover = observe(values, valid, around_cells(SHAPE, 1.25))
    np.testing.assert_array_equal(mean, values)
    np.testing.assert_array_equal(cover, valid)


@settings(deadline=None)
@given(
    st.floats(1.26, 40),
    st.integers(-30 * 64, 60 * 64).map(lambda n: n / 64),  # exact as floats
    st.integers(1, 50),
)
def test_weights_sum_to_one_but_for_what_lies_beyond(footprint, centre, length):
    whole = weights([centre + 300], 700, footprint)[0]
    assert whole.sum() == pytest.approx(1, abs=1e-5)
    assert (whole @ np.arange(700)) == pytest.approx(centre + 300, abs=0.02 * footprint)
    part = weights([centre], length, footprint)[0]
    np.testing.assert_array_equal(part, whole[300 : 300 + length])


@pytest.mark.parametrize(("footprint_px", "side"), [(1.0, 1), (15.9, 1), (16.0, 2), (150.0, 18)])
def test_cells_are_an_eighth_of_a_footprint(footprint_px, side):
    assert cell_size_px(footprint_px) == side


@pytest.mark.parametrize("cell_px", [1, 4, 7])
def test_cell_means_in_torch_are_those_of_their_valid_pixels(scene, cell_px):
    values, valid = scene
    means, share = (
        array.numpy()[0]
        for array in support_torch.cell_means(
            torch.from_numpy(values)[None], torch.from_numpy(valid)[None], cell_px
        )
    )
    for row, col in np.ndindex(share.shape):
        cell = np.s_[row * cell_px : (row + 1) * cell_px, col * cell_px : (col + 1) * cell_px]
        assert share[row, col] == pytest.approx(valid[cell].sum() / cell_px**2)
        if valid[cell].any():
            assert means[row, col] == pytest.approx(values[cell][valid[cell]].mean(), rel=1e-5)
        else:
            assert means[row, col] == 0


def test_the_gradient_is_each_pixels_weight(scene):
    values, valid = scene
    supports = Footprints(weights([18.0], 37, 8.0), weights([20.0], 45, 8.0))
    field = torch.from_numpy(values)[None].requires_grad_()
    share = torch.from_numpy(valid)[None].float()
    rows, cols = (torch.from_numpy(part)[None] for part in (supports.rows, supports.cols))
    mean, cover = support_torch.observe_at(field, share, rows, cols)
    mean.sum().backward()
    expected = supports.rows.T @ supports.cols * valid / float(cover.detach())
    np.testing.assert_allclose(field.grad[0].numpy(), expected, rtol=1e-5)
