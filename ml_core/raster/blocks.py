"""Blocks of a file: whole ones out of windows that begin and end anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .grid import Window


class SharedBlocks:
    """Gathers blocks that several windows share, and passes all on in whole blocks.

    Args:
        bands: Number of bands.
        block_px: Side of the blocks.
        fill: The value, of the values' data type, of pixels that no window brings.
        put: Gets windows and their values (B, h, w): whole blocks, but for pieces of blocks that
            had to be put before all of them had come.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        bands: int,
        block_px: int,
        fill: NDArray[np.generic],
        put: Callable[[Window, NDArray[np.generic]], None],
    ) -> None:
        self._shape, self._bands, self._side = shape, bands, block_px
        self._fill, self._put = fill, put
        rows, cols = (-(-length // block_px) for length in shape)
        self._is_put = np.zeros((rows, cols), bool)
        # two borders between rows of tiles; more wait only where some tiles never come
        self._most = 2 * cols + rows
        self._waiting: dict[tuple[int, int], _Waiting] = {}

    def add(self, window: Window, values: NDArray[np.generic]) -> None:
        """Add the values (B, h, w) of a window."""
        side = self._side
        # the blocks that it touches, and those that it covers
        rows = window.row // side, -(-window.stop_row // side)
        cols = window.col // side, -(-window.stop_col // side)
        whole_rows = _covered(window.row, window.stop_row, self._shape[0], side)
        whole_cols = _covered(window.col, window.stop_col, self._shape[1], side)
        if whole_rows[0] < whole_rows[1] and whole_cols[0] < whole_cols[1]:
            self._is_put[slice(*whole_rows), slice(*whole_cols)] = True
            whole = self._place(whole_rows, whole_cols)
            self._put(whole, _of(values, window, whole))
        else:
            whole_rows = whole_cols = 0, 0
        for row in range(*rows):
            for col in range(*cols):
                if not (row in range(*whole_rows) and col in range(*whole_cols)):
                    self._add_piece(row, col, window, values)

    def finish(self) -> None:
        """Put what still waits."""
        for key in list(self._waiting):
            self._put_waiting(key)

    def _add_piece(self, row: int, col: int, window: Window, values: NDArray[np.generic]) -> None:
        block = self._place((row, row + 1), (col, col + 1))
        piece = block.intersection(window)
        if self._is_put[row, col]:
            self._put(piece, _of(values, window, piece))
            return
        waiting = self._waiting.get((row, col))
        if waiting is None:
            filled = np.full((self._bands, block.height, block.width), self._fill)
            waiting = self._waiting[row, col] = _Waiting(block, filled, block.height * block.width)
        _of(waiting.values, block, piece)[...] = _of(values, window, piece)
        waiting.missing_px -= piece.height * piece.width
        if waiting.missing_px <= 0:
            self._put_waiting((row, col))
        elif len(self._waiting) > self._most:
            self._put_waiting(next(iter(self._waiting)))

    def _put_waiting(self, key: tuple[int, int]) -> None:
        waiting = self._waiting.pop(key)
        self._is_put[key] = True
        self._put(waiting.block, waiting.values)

    def _place(self, rows: tuple[int, int], cols: tuple[int, int]) -> Window:
        side = self._side
        height, width = (rows[1] - rows[0]) * side, (cols[1] - cols[0]) * side
        return Window(rows[0] * side, cols[0] * side, height, width).clipped(*self._shape)


@dataclass
class _Waiting:
    block: Window
    values: NDArray[np.generic]  # (B, h, w)
    missing_px: int


def _covered(start: int, stop: int, length: int, side: int) -> tuple[int, int]:
    """Return the first block that start to stop covers along an axis, and the one behind."""
    return -(-start // side), -(-stop // side) if stop == length else stop // side


def _of(values: NDArray[np.generic], window: Window, part: Window) -> NDArray[np.generic]:
    """Return a part of the values (B, h, w) of a window."""
    return values[(slice(None), *part.moved(-window.row, -window.col).slices)]
