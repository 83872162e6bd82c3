"""Buffers: memory that tiles take turns in."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from ..raster.radiometry import Floats


class Buffers:
    """Arrays that are handed out, given back and handed out again; for several threads.

    The system clears every page that a process gets. Fresh arrays for each tile cost 3 to 10 % of
    a prediction's time, most of it on virtual machines.

    Args:
        most: Buffers to keep; more that are given back are freed.
    """

    def __init__(self, most: int) -> None:
        self._free: deque[Floats] = deque(maxlen=most)
        self._size = 0

    def take(self, shape: tuple[int, ...]) -> Floats:
        """Return an array of a shape; what it holds is left from before."""
        size = math.prod(shape)
        try:
            flat = self._free.pop()
        except IndexError:
            flat = None
        if flat is None or flat.size < size:
            self._size = max(self._size, size)
            flat = np.empty(self._size, dtype=np.float32)
        taken: Floats = flat[:size].reshape(shape)
        return taken

    def give(self, array: Floats) -> None:
        """Take back an array that was taken, which nobody may use any more; others are let go."""
        flat = array.base
        if isinstance(flat, np.ndarray) and flat.shape == (self._size,):
            self._free.append(flat)

    def clear(self) -> None:
        """Free what was given back."""
        self._free.clear()
