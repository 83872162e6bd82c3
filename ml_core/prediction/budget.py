"""The memory budget: the size of tiles that follows from it."""

from __future__ import annotations

import ctypes
import math
import sys

from .runtimes import Runtime

BLOCK_PX = 256
"""Side of the output's blocks; tiles are multiples of it, so that each block is written once."""

_LARGEST_PX = 2560
"""Larger tiles save no more than a few percent of halo."""

_TILES_PER_CALLER = 2
"""A small scene is cut into so many, so that reading and writing go on meanwhile."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of mallopt(3)."""


def return_freed_memory() -> None:
    """Let the C library give tiles' memory back to the system as soon as it is freed (Linux).

    By itself glibc keeps blocks of up to 32 MiB for later, in pieces that fit no other tile, and
    a process grows with the number of tiles it has seen. GDAL's blocks, of 1 MiB mostly, are kept:
    giving them back costs a tenth of reading.
    """
    _mallopt(_M_MMAP_THRESHOLD, 2**22)


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

    With the usual budget it holds a row of tiles of an EW scene: else the blocks in the margins,
    and all blocks of a file in strips, are decompressed again for each tile that touches them.
    """
    return min(budget // 8, 240 * 2**20)


def tile_shape(
    runtime: Runtime,
    budget: int,
    shape: tuple[int, int],
    channels: int,
    halo: int,
    multiple: int,
) -> tuple[int, int]:
    """Return the height and width of a tile's core, px.

    Among those that the budget allows, the one with which the least is computed: halos count
    twice, and so does a last row of tiles that holds next to nothing.

    Args:
        runtime: The network's runtime.
        budget: Memory that the process may take, bytes.
        shape: The scene's height and width.
        channels: Input channels.
        halo: Margin, px.
        multiple: What the network's input must be a multiple of, px.
    """
    # tiles on their way: input and mask of those read and in work; outputs waiting and written
    per_px: float = 2 * runtime.parallel * (4 * channels + 1) + (runtime.parallel + 2) * 8
    if not runtime.on_gpu:
        per_px += runtime.bytes_per_px
    left = max(budget - runtime.fixed_bytes - cache_bytes(budget), budget // 8)
    most_px = int(left / per_px)
    # a small scene still has a tile for every caller
    share = math.isqrt(shape[0] * shape[1] // (runtime.parallel * _TILES_PER_CALLER))
    largest = min(_LARGEST_PX, max(share, 2 * BLOCK_PX))
    for step in (BLOCK_PX, BLOCK_PX // 2, multiple):
        choices = []
        for height in range(step, largest + 1, step):
            width = min(most_px // (height + 2 * halo) - 2 * halo, largest) // step * step
            if width > 0:
                choices.append((height, width))
        if choices:
            # where several do, the largest, and of these the lowest: GDAL's cache holds a row
            return min(
                choices,
                key=lambda core: (_computed_px(shape, core, halo), -math.prod(core), core),
            )
    return multiple, multiple


def _computed_px(shape: tuple[int, int], core: tuple[int, int], halo: int) -> int:
    """Return the pixels of all tiles of a scene, their halos counted."""
    return math.prod(
        length + 2 * halo * (math.ceil(length / side) - 1)
        for length, side in zip(shape, core, strict=True)
    )
