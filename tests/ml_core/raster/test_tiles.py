import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.raster.grid import Window
from ml_core.raster.tiles import Tile, Tiling, padded_length, tile_count

SIDES = st.integers(1, 300)
MOST = st.integers(16, 400)
OVERLAPS = st.integers(0, 70)
MULTIPLES = st.sampled_from([1, 2, 8, 16])


def check(found, area, core, overlap, multiple):
    """Cores cover `core` once; padded parts are aligned and hold the overlap within `area`."""
    count = np.zeros((area.stop_row, area.stop_col), dtype=int)
    for tile in found:
        count[tile.core.slices] += 1
        padded = tile.padded
        assert all(n % multiple == 0 for n in (padded.row, padded.col, padded.height, padded.width))
        assert padded == padded.intersection(area)
        for start, padded_start, first in (
            (tile.core.row, padded.row, area.row),
            (tile.core.col, padded.col, area.col),
        ):
            assert start % multiple == 0
            assert padded_start <= max(start - overlap, first)
        for stop, padded_stop, last in (
            (tile.core.stop_row, padded.stop_row, area.stop_row),
            (tile.core.stop_col, padded.stop_col, area.stop_col),
        ):
            assert padded_stop >= min(stop + overlap, last)
    expected = np.zeros_like(count)
    expected[core.slices] = 1
    assert np.array_equal(count, expected)
    assert len({(tile.padded.height, tile.padded.width) for tile in found}) == 1


def grown(h, w, multiple):
    return Window(0, 0, -(-h // multiple) * multiple, -(-w // multiple) * multiple)


@settings(deadline=None)
@given(SIDES, SIDES, MOST, MOST, OVERLAPS, MULTIPLES)
def test_tiles_have_one_size_and_their_cores_cover_every_pixel_once(h, w, high, wide, overlap, m):
    found = list(Tiling((high, wide), overlap, m).tiles((h, w)))
    check(found, grown(h, w, m), Window(0, 0, h, w), overlap, m)
    margin = -(-overlap // m) * m
    if min(high, wide) >= 2 * margin + m:
        assert found[0].padded.height <= high
        assert found[0].padded.width <= wide


@settings(deadline=None)
@given(SIDES, SIDES, MOST, OVERLAPS, MULTIPLES, st.data())
def test_quarters_cover_a_tile(h, w, most, overlap, multiple, data):
    tiling = Tiling((most, most), overlap, multiple)
    tile = data.draw(st.sampled_from(list(tiling.tiles((h, w)))))
    found = tiling.quarters(tile)
    assert 1 <= len(found) <= 4
    check(found, tile.padded, tile.core, overlap, multiple)


@settings(deadline=None)
@given(SIDES, SIDES, OVERLAPS, MULTIPLES, st.data())
def test_a_tile_around_any_core_is_aligned_and_holds_its_overlap(h, w, overlap, multiple, data):
    row, col = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    core = Window(row, col, h - row, w - col)
    found = Tiling((0, 0), overlap, multiple).around(core, (h, w))
    padded = found.padded
    assert found.core == core
    assert all(n % multiple == 0 for n in (padded.row, padded.col, padded.height, padded.width))
    whole = grown(h, w, multiple)
    assert padded == padded.intersection(whole)
    wanted = core.grown(overlap).intersection(whole)
    assert wanted == wanted.intersection(padded)
    # and no more than the alignment asks for
    assert padded.height - wanted.height < 2 * multiple


def test_a_tile_is_cut_in_two_along_an_axis_that_is_longer_than_its_overlaps():
    tile = Tile(Window(96, 0, 400, 150), Window(0, 0, 592, 192))
    assert Tiling((0, 0), 96, 16).quarters(tile) == [
        Tile(Window(96, 0, 192, 150), Window(0, 0, 400, 192)),
        Tile(Window(288, 0, 208, 150), Window(192, 0, 400, 192)),
    ]
    small = Tile(Window(16, 0, 16, 16), Window(0, 0, 48, 32))
    assert Tiling((0, 0), 16, 16).quarters(small) == [small]


def test_no_tile_more_is_taken_than_needed():
    # 100 Mpx at a overlap of 96 px: three tiles to a side would be of 3472 px
    assert padded_length(10_000, 4, 96, 16) == 2656
    assert tile_count(10_000, 2656, 96, 16) == 4
    assert tile_count(10_000, 2655, 96, 16) == 5
    assert tile_count(10_000, 3472, 96, 16) == 3
    assert tile_count(100, 2656, 96, 16) == 1


def test_inner_finds_the_core_in_the_padded_part():
    whole = np.arange(100 * 90).reshape(100, 90)
    whole = np.pad(whole, ((0, 16), (0, 16)))
    for tile in Tiling((64, 64), 10, 16).tiles((100, 90)):
        padded = whole[tile.padded.slices]
        assert np.array_equal(padded[tile.inner.slices], whole[tile.core.slices])
