import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ml_core.datasets.block_search import LEAST_TRAINING, best_blocks
from ml_core.datasets.cells import CellCounts

LENGTH_PX = 10.0


def cells_of(seed, shape=(120, 160), share=1.0):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 12)
    sic = np.clip(50 + 400 * field, 0, 100).astype(np.float32)
    sic[:, int(share * shape[1]) :] = np.nan
    cells = CellCounts.empty(shape, LENGTH_PX)
    cells.add(0, 0, sic)
    return cells


@given(st.integers(0, 50), st.floats(0.1, 0.3), st.integers(1, 4), st.sampled_from([1.0, 0.6]))
def test_blocks_are_disjoint_and_leave_the_share_that_they_state(seed, fraction, buffer, share):
    cells = cells_of(seed, share=share)
    found = best_blocks(cells, buffer, LENGTH_PX, fraction, np.random.default_rng(seed))
    validating, kept = np.zeros(cells.count.shape, int), np.ones(cells.count.shape, bool)
    for block in found.blocks:
        assert min(block.height, block.width) * cells.size_px >= LENGTH_PX
        validating[block.row : block.row + block.height, block.col : block.col + block.width] += 1
    for row, col in np.argwhere(validating):
        kept[max(0, row - buffer) : row + buffer + 1, max(0, col - buffer) : col + buffer + 1] = 0
    assert validating.max() == 1
    total = cells.count.sum()
    assert found.training == pytest.approx(cells.count[kept].sum() / total)
    assert found.training >= LEAST_TRAINING
    assert 0.5 <= cells.count[validating > 0].sum() / total / fraction <= 1.6


def test_the_blocks_of_a_scene_half_ice_hold_both():
    sic = np.zeros((120, 160), np.float32)
    sic[:, 80:] = 100
    cells = CellCounts.empty(sic.shape, LENGTH_PX)
    cells.add(0, 0, sic)
    for seed in range(5):
        found = best_blocks(cells, 1, LENGTH_PX, 0.2, np.random.default_rng(seed))
        columns = list(itertools.chain(*(range(b.col, b.col + b.width) for b in found.blocks)))
        east = np.mean([column * cells.size_px >= 80 for column in columns])
        assert 0.3 < east < 0.7


def test_where_the_buffer_would_take_all_there_are_no_blocks():
    cells = cells_of(1)
    assert best_blocks(cells, 60, LENGTH_PX, 0.2, np.random.default_rng(1)) is None
    empty = CellCounts.empty((120, 160), LENGTH_PX)
    assert best_blocks(empty, 1, LENGTH_PX, 0.2, np.random.default_rng(1)) is None
