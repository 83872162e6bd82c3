import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from ml_core.raster.grid import Grid, Window

SIDES = st.integers(1, 12)
PLACES = st.integers(-9, 9)


@given(st.builds(Window, PLACES, PLACES, SIDES, SIDES), SIDES, st.none() | SIDES)
def test_blocks_cover_a_window_once_row_by_row(window, height, width):
    blocks = list(window.blocks(height, width))
    seen = np.zeros((window.height, window.width), int)
    for block in blocks:
        assert 0 < block.height <= height
        assert 0 < block.width <= (width or height)
        seen[block.moved(-window.row, -window.col).slices] += 1
    assert (seen == 1).all()
    assert blocks == sorted(blocks, key=lambda block: (block.row, block.col))


@given(st.builds(Window, PLACES, PLACES, SIDES, SIDES), SIDES, SIDES)
def test_a_grown_window_has_as_much_more_on_every_side(window, rows, cols):
    grown = window.grown(rows, cols)
    assert window.intersection(grown) == window
    assert (window.row - grown.row, grown.stop_row - window.stop_row) == (rows, rows)
    assert (window.col - grown.col, grown.stop_col - window.stop_col) == (cols, cols)


@given(
    st.floats(-5e6, 5e6), st.floats(-5e6, 5e6), st.floats(0, 9e4), st.floats(0, 9e4), SIDES, SIDES
)
def test_a_grid_covers_bounds_from_multiples_of_its_pixel(left, bottom, wide, high, rows, cols):
    size_y, size_x = 100.0 * rows, 100.0 * cols
    bounds = left, bottom, left + wide, bottom + high
    grid = Grid.covering(CRS.from_epsg(3413), bounds, (size_y, size_x))
    assert grid.transform.c % size_x == grid.transform.f % size_y == 0
    for place, edge, sign, size in zip(
        bounds, grid.bounds(), (1, 1, -1, -1), (size_x, size_y, size_x, size_y), strict=True
    ):
        assert -1e-6 <= sign * (place - edge) <= size + 1e-6
