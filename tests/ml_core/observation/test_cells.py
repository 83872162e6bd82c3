import numpy as np
import pytest

from ml_core.observation.cells import CellSums
from ml_core.raster.grid import Window


@pytest.mark.parametrize("side", [1, 7, 12, 40])
@pytest.mark.parametrize("cell_px", [1, 5, 64])
def test_cells_have_the_sums_of_their_valid_pixels(side, cell_px):
    rng = np.random.default_rng(side)
    values = rng.normal(size=(2, 33, 41)).astype(np.float32)
    valid = rng.random((33, 41)) < 0.7
    values[:, ~valid] = np.nan
    found = CellSums(valid.shape, cell_px, 2, np.float64)
    for window in Window(0, 0, 33, 41).blocks(side):
        found.add(window, values[(slice(None), *window.slices)], valid[window.slices])
    for row, col in np.ndindex(found.counts.shape):
        cell = np.s_[row * cell_px : (row + 1) * cell_px, col * cell_px : (col + 1) * cell_px]
        assert found.counts[row, col] == valid[cell].sum()
        expected = [field[cell][valid[cell]].sum(dtype=float) for field in values]
        np.testing.assert_allclose(found.sums[:, row, col], expected, atol=1e-9)


def test_a_value_may_stand_for_a_square():
    values = np.arange(6.0, dtype=np.float32).reshape(1, 2, 3)
    found = CellSums((8, 12), 4, 1)
    found.add(Window(0, 0, 8, 12), values, np.ones((2, 3), bool), step=4)
    np.testing.assert_array_equal(found.sums, 16 * values)
    assert (found.counts == 16).all()
