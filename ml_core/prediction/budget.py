"""The memory budget: the size of tiles that follows from it."""

from __future__ import annotations

import ctypes
import math
import sys

from ..raster.tiles import Tiling, padded_length, tile_count
from .runtimes.base import Runtime

_LARGEST_PX = 2656**2
"""Larger inputs save no more than a few percent of overlap, and reading ahead takes more memory.
Those of scenes of 25, 100 and 400 Mpx are nearly the same then, and so is the memory."""

_TILES_PER_CALLER = 4
"""A small scene is cut into so many, so that reading and writing go on meanwhile."""

_SMALLEST_PX = 512
"""A scene is not cut into smaller inputs for that, px."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of mallopt(3)."""


def return_freed_memory() -> None:
    """Let the C library give tiles' memory back to the system as soon as it is freed (Linux).

    By itself glibc keeps blocks of up to 32 MiB for later, in pieces that fit no other tile, and
    a process grows with the number of tiles it has seen: 1.53 instead of 1.48 GiB after 16 tiles of
    7 Mpx, in the same time. GDAL's blocks, of 1 MiB mostly, and small results in between are kept:
    giving them back costs a tenth of reading, and half of all page faults.
    """
    _mallopt(_M_MMAP_THRESHOLD, 2**22)
    _mallopt(_M_TRIM_THRESHOLD, 2**25)


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, once all tiles are done (Linux).

    GDAL takes and frees the same few MiB for each part of an overview: a third of their time, if
    it had to get them from the system each time.
    """
    _mallopt(_M_MMAP_THRESHOLD, 2**25)
    _mallopt(_M_TRIM_THRESHOLD, 2**28)


def _mallopt(option: int, value: int) -> None:
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(option, value)


def cache_bytes(budget: int) -> int:
    """Return the share of the budget that GDAL may keep blocks in.

    With the usual budget it holds a row of tiles of an EW scene: else the blocks in the overlaps,
    and all blocks of a file in strips, are decompressed again for each tile that touches them.
    """
    return min(budget // 8, 240 * 2**20)


def tiling_within(
    budget: int,
    runtime: Runtime,
    shape: tuple[int, int],
    channels: int,
    overlap: int,
    multiple: int,
) -> Tiling:
    """Return the tiling with which a scene is predicted within a budget.

    Of the tiles that the budget allows, those with which the least is computed in all, since
    overlaps are computed twice; smaller where the scene is small.

    Args:
        budget: Memory that the process may take, bytes.
        runtime: The network's runtime.
        shape: The scene's height and width.
        channels: Input channels.
        overlap: Margin around a core, px.
        multiple: What the network's input must be a multiple of, px.
    """
    # tiles on their way: input and mask of those read and in work; outputs waiting and written
    per_px: float = 2 * runtime.parallel * (4 * channels + 1) + (runtime.parallel + 2) * 8
    if not runtime.on_gpu:
        per_px += runtime.bytes_per_px
    left = max(budget - runtime.fixed_bytes - cache_bytes(budget), budget // 8)
    # a small scene still has a tile for every caller
    share = shape[0] * shape[1] // (runtime.parallel * _TILES_PER_CALLER)
    room = (math.isqrt(share) + 2 * overlap) ** 2
    most = min(int(left / per_px), _LARGEST_PX, max(room, _SMALLEST_PX**2))
    found = []
    for rows in range(1, tile_count(shape[0], 0, overlap, multiple) + 1):
        height = padded_length(shape[0], rows, overlap, multiple)
        cols = tile_count(shape[1], most // height, overlap, multiple)
        width = padded_length(shape[1], cols, overlap, multiple)
        # where nothing fits, the smallest
        found.append((max(height * width, most), rows * cols * height * width, (height, width)))
    return Tiling(min(found)[2], overlap, multiple)
