import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.raster.tiles import tiles

SIDES = st.integers(1, 300)


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(16, 200), st.integers(0, 70), st.sampled_from([1, 2, 8, 16]))
def test_cores_cover_every_pixel_once_and_padded_parts_are_aligned(h, w, size, halo, multiple):
    count = np.zeros((h, w), dtype=int)
    end_row, end_col = -(-h // multiple) * multiple, -(-w // multiple) * multiple
    for tile in tiles(h, w, size, halo, multiple):
        count[tile.core.slices] += 1
        padded = tile.padded
        assert all(n % multiple == 0 for n in (padded.row, padded.col, padded.height, padded.width))
        assert padded.row <= max(tile.core.row - halo, 0)
        assert padded.col <= max(tile.core.col - halo, 0)
        assert padded.stop_row >= min(tile.core.stop_row + halo, end_row)
        assert padded.stop_col >= min(tile.core.stop_col + halo, end_col)
        assert padded.row >= 0
        assert padded.col >= 0
        assert padded.stop_row <= end_row
        assert padded.stop_col <= end_col
    assert (count == 1).all()


def test_inner_finds_the_core_in_the_padded_part():
    whole = np.arange(100 * 90).reshape(100, 90)
    whole = np.pad(whole, ((0, 16), (0, 16)))
    for tile in tiles(100, 90, 32, 10, 16):
        padded = whole[tile.padded.slices]
        assert np.array_equal(padded[tile.inner.slices], whole[tile.core.slices])
