"""Variables of an image read strip by strip, reduced to larger pixels; the last strip is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...raster.grid import Window

_LINES = 512
"""Lines of the file that are read at a time: of an image of 10 000 samples 20 MB each."""

Lines = Mapping[str, NDArray[Any]]
"""Arrays (h, w) by name, of the same lines and all samples."""


class Strips:
    """What is made of an image's lines, window by window.

    Files are chunked in ways of their own, and a chunk that is read is decompressed as a whole;
    windows side by side are therefore cut from one strip of whole lines.

    Args:
        shape: Lines and samples of the image.
        factor: Lines and samples that become a pixel.
        reduced: Makes (h, w) arrays of lines, `factor` of which become one of their rows.
    """

    def __init__(
        self, shape: tuple[int, int], factor: int, reduced: Callable[[slice], Lines]
    ) -> None:
        self._lines, self._factor, self._reduced = shape[0], factor, reduced
        self._rows = slice(0, 0)
        self._kept: dict[str, NDArray[Any]] = {}

    def read(self, name: str, window: Window) -> NDArray[Any]:
        """Return one of the arrays in a window (h, w) that lies in the image."""
        if not (self._rows.start <= window.row and window.stop_row <= self._rows.stop):
            self._kept = {}  # before the next one is made
            parts = list(map(self._reduced, self._steps(window.row, window.stop_row)))
            self._kept = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            self._rows = slice(window.row, window.stop_row)
        return self._kept[name][window.moved(-self._rows.start, 0).slices]

    def _steps(self, start: int, stop: int) -> Iterator[slice]:
        step = max(1, _LINES // self._factor)
        for row in range(start, stop, step):
            last = min(row + step, stop) * self._factor
            yield slice(row * self._factor, min(last, self._lines))
