import numpy as np

from ml_core.raster.blocks import SharedBlocks
from ml_core.raster.grid import Window


def test_what_never_becomes_whole_does_not_pile_up():
    """Beside tiles without data, blocks wait for a part that never comes."""
    put = []
    fill = np.full((), -1, np.float32)
    blocks = SharedBlocks((16 * 30, 16 * 40), 1, 16, fill, lambda window, _: put.append(window))
    for row in range(30):
        for col in range(40):
            blocks.add(Window(16 * row, 16 * col, 8, 16), np.ones((1, 8, 16), np.float32))
            # at most two rows of blocks and a column wait
            assert row * 40 + col + 1 - len(put) <= 2 * 40 + 30
    blocks.finish()
    assert len(put) == len(set(put)) == 1200


def test_the_fill_stands_where_no_window_came():
    put = {}
    fill = np.full((), -1, np.float32)
    blocks = SharedBlocks((20, 16), 2, 16, fill, put.__setitem__)
    blocks.add(Window(4, 0, 16, 8), np.ones((2, 16, 8), np.float32))
    blocks.finish()
    first, second = put[Window(0, 0, 16, 16)], put[Window(16, 0, 4, 16)]
    assert (first[:, 4:, :8] == 1).all()
    assert (first == 1).sum() == 2 * 12 * 8
    assert (second[:, :, :8] == 1).all()
    assert (second[:, :, 8:] == -1).all()
