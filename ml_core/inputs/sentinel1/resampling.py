"""Averaging over map pixels: running means of image rows, sampled between pixel centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .annotation import Floats

Planes = NDArray[np.float32]

_BLOCK_TOLERANCE = 0.1


def looks(resolution_m: float, spacing_m: float) -> tuple[int, int]:
    """Return block and box: blocks of image pixels are averaged, then a box of blocks slides.

    Their product is the number of pixels nearest to the resolution, to 10 %. A box of at least
    two blocks keeps the average centred on the map pixel to a fraction of a block.
    """
    wanted = max(1, round(resolution_m / spacing_m))
    for block in range(max(1, wanted // 2), 0, -1):
        box = round(wanted / block)
        if abs(block * box - wanted) <= _BLOCK_TOLERANCE * wanted:
            return block, box
    return 1, wanted


def block_sums(values: Planes, block: tuple[int, int]) -> Planes:
    """Return the sums over blocks of (rows, columns), the last ones over what is there.

    Args:
        values: (rows, columns) or (rows, columns, planes).
        block: Rows and columns of a block.
    """
    if block[0] > 1:
        values = np.add.reduceat(values, np.arange(0, values.shape[0], block[0]), axis=0)
    if block[1] > 1:
        values = np.add.reduceat(values, np.arange(0, values.shape[1], block[1]), axis=1)
    return values


class RunningBox:
    """Image rows that come from top to bottom, summed in a sliding box, to sample anywhere.

    A sample between the box's positions is interpolated linearly. For a box of whole pixels that
    is the exact mean over the box around any point of the image: the area that a map pixel
    covers, whatever its phase on the image.

    Args:
        planes: Values of each pixel.
        block: Image pixels, (lines, pixels), that each value that comes is the sum of.
        box: Values, (rows, columns), that the box spans.
        rows: How many are kept at a time, about; more make it grow.
    """

    def __init__(
        self,
        columns: int,
        planes: int,
        block: tuple[int, int],
        box: tuple[int, int],
        rows: int = 64,
    ) -> None:
        self._block, self._box = block, box
        self._width = columns + box[1] + 1
        # the last rows that came: the box's upper part for the next ones
        self._tail = np.zeros((box[0] - 1, self._width, planes), np.float32)
        # a ring, whose first used row is anywhere and the last may lie before it
        self._rows = np.zeros((rows, self._width, planes), np.float32)
        self._start, self._used = 0, 1  # one row of zeros: outside the image
        self._first = -1  # box position of the first used row

    @property
    def stop_line(self) -> float:
        """The first image line that cannot be sampled yet."""
        return self._line(self._first + self._used - 1)

    def append(self, values: Planes) -> None:
        """Take the next rows, (rows, columns, planes)."""
        wide = np.zeros((values.shape[0], self._width, values.shape[2]), np.float32)
        for shift in range(self._box[1]):
            wide[:, 1 + shift : 1 + shift + values.shape[1]] += values
        tall = np.concatenate([self._tail, wide])
        done, count = 0, values.shape[0]
        self._make_room(count)
        capacity = self._rows.shape[0]
        while done < count:
            at = (self._start + self._used) % capacity
            some = min(count - done, capacity - at)
            target = self._rows[at : at + some]
            np.copyto(target, tall[done : done + some])
            for shift in range(1, self._box[0]):
                target += tall[done + shift : done + shift + some]
            self._used += some
            done += some
        self._tail = tall[tall.shape[0] - (self._box[0] - 1) :].copy()

    def finish(self) -> None:
        """Take the rows behind the image's last one: nothing."""
        self.append(
            np.zeros(
                (self._box[0], self._width - self._box[1] - 1, self._rows.shape[2]), np.float32
            )
        )

    def drop(self, line: float) -> None:
        """Forget the rows that only samples above a line need."""
        keep = int(np.floor(self._position(np.array(line), 0)))
        count = min(max(0, keep - self._first), self._used)
        self._first += count
        self._start = (self._start + count) % self._rows.shape[0]
        self._used -= count

    def sample(self, line: Floats, pixel: Floats) -> Planes:
        """Return the box's sums around image positions.

        Args:
            line: Lines, (n,); the first line's centre is 0.
            pixel: Pixels, (n,).

        Returns:
            (n, planes); 0 outside the image.
        """
        y = self._position(line, 0) - self._first
        x = self._position(pixel, 1) + 1
        last_row, last_col = self._used - 2, self._width - 2
        inside = (y >= 0) & (y <= last_row + 1) & (x >= 0) & (x <= last_col + 1)
        row = np.clip(y.astype(np.int64), 0, last_row)
        col = np.clip(x.astype(np.int64), 0, last_col)
        fy = np.where(inside, y - row, 0).astype(np.float32)[:, None]
        fx = np.where(inside, x - col, 0).astype(np.float32)[:, None]
        flat = self._rows.reshape(-1, self._rows.shape[2])
        row += self._start

        def across(row: NDArray[np.int64]) -> Planes:
            """Return what lies between two columns of rows of the ring."""
            index = row % self._rows.shape[0] * self._width + col
            near = np.take(flat, index, axis=0)
            near += fx * (np.take(flat, index + 1, axis=0) - near)
            return near

        upper = across(row)
        upper += fy * (across(row + 1) - upper)
        upper *= inside[:, None]
        return upper

    def _position(self, coordinate: Floats, axis: int) -> Floats:
        """Return the box position whose centre is at an image coordinate."""
        block, box = self._block[axis], self._box[axis]
        position: Floats = (coordinate - (block - 1) / 2) / block + (box - 1) / 2
        return position

    def _line(self, position: float) -> float:
        block, box = self._block[0], self._box[0]
        return (position - (box - 1) / 2) * block + (block - 1) / 2

    def _make_room(self, count: int) -> None:
        """Enlarge the ring where it has no room for so many rows."""
        needed = self._used + count
        if needed > self._rows.shape[0]:
            rows = np.zeros((needed + needed // 4, *self._rows.shape[1:]), np.float32)
            order = np.arange(self._start, self._start + self._used) % self._rows.shape[0]
            rows[: self._used] = self._rows[order]
            self._rows, self._start = rows, 0
