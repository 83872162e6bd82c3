"""Tiled prediction: a scene through a network, tile by tile, reading and writing meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..events import Reporter
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import Tile, strips, tiles
from .buffers import Buffers
from .pipeline import Pipeline
from .runtimes import DeviceMemoryError, Runtime

_CROP_STEP_PX = 64
"""Half-empty tiles are cropped to multiples of this, so that few sizes occur."""

_KEPT_OUTPUTS = 3
"""Outputs whose memory is kept: one that is computed, one that waits, one that is written."""


class Source(Protocol):
    """What is predicted from; `raster.Scene` is one."""

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return channels (C, h, w) and the valid mask (h, w); the window may reach beyond.

        Args:
            window: What to read.
            out: May take the channels, (C, h, w) and contiguous.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Normalisation:
    """What the network's input is made with.

    Attributes:
        mean: Of each channel, (C,).
        std: Of each channel, (C,).
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, values: Floats, valid: Mask) -> Floats:
        """Return (x - mean) / std (C, h, w), 0 where invalid; `values` is overwritten."""
        for rows in strips(valid.shape):
            known = valid[rows]
            complete = known.all()
            for channel, mean, std in zip(values, self.mean, self.std, strict=True):
                part = channel[rows]
                part -= np.float32(mean)
                part *= np.float32(1 / std)
                if not complete:
                    part[~known] = 0
        return values


@dataclass(frozen=True)
class Tiling:
    """How a scene is cut.

    Attributes:
        size: Side of a tile's core, px.
        halo: Margin, px.
        multiple: What the network's input must be a multiple of, px.
    """

    size: int
    halo: int
    multiple: int


@dataclass
class _Work:
    core: Window  # in the scene
    inner: Window  # the core's place in x
    x: Floats  # (C, h, w) normalised
    valid: Mask  # (core.height, core.width)


@dataclass
class Predicted:
    """The network's output for one part of the scene.

    Attributes:
        window: Where it belongs.
        output: (O, h, w); its memory is used again once the part is written.
        valid: Where it means something, (h, w).
    """

    window: Window
    output: Floats
    valid: Mask


class TiledNetwork:
    """A network applied to inputs of any size, in parts where the device's memory is too small.

    Args:
        runtime: The network.
        tiling: Its halo and multiple.
    """

    def __init__(self, runtime: Runtime, tiling: Tiling) -> None:
        self._runtime = runtime
        self._halo, self._multiple = tiling.halo, tiling.multiple
        self._most_px = float("inf")
        self._buffers = Buffers(_KEPT_OUTPUTS)
        self.processed_px = 0
        self._lock = threading.Lock()

    def __call__(self, x: Floats, inner: Window) -> Floats:
        """Return the output (O, inner.height, inner.width) of a part of an input, contiguous.

        Args:
            x: Normalised input (C, h, w), h and w multiples of the network's multiple.
            inner: The part of it that is wanted.

        Raises:
            MemoryError: Not even a small part fits the device's memory.
        """
        height, width = x.shape[1:]
        if height * width <= self._most_px:
            try:
                output = self._runtime(x[None])[0]  # (O, h, w)
            except DeviceMemoryError:
                with self._lock:
                    self._most_px = min(self._most_px, height * width / 2)
            else:
                with self._lock:
                    self.processed_px += height * width
                wanted = self._buffers.take((len(output), inner.height, inner.width))
                wanted[...] = output[(slice(None), *inner.slices)]
                return wanted
        if max(inner.height, inner.width) < 2 * self._multiple:
            raise MemoryError(f"the device has too little memory for {height} x {width} px")
        halves = []
        for half in _halves(inner, self._multiple):
            around = self._around(half, height, width)
            place = Window(half.row - around.row, half.col - around.col, half.height, half.width)
            halves.append(self(np.ascontiguousarray(x[(slice(None), *around.slices)]), place))
        output = np.concatenate(halves, axis=1 if inner.height >= inner.width else 2)
        for part in halves:
            self.give_back(part)
        return output

    def give_back(self, output: Floats) -> None:
        """Let the memory of an output that was returned be used again."""
        self._buffers.give(output)

    def _around(self, window: Window, height: int, width: int) -> Window:
        m, halo = self._multiple, self._halo
        row, col = (max(n - halo, 0) // m * m for n in (window.row, window.col))
        stop_row = min(-(-(window.stop_row + halo) // m) * m, height)
        stop_col = min(-(-(window.stop_col + halo) // m) * m, width)
        return Window(row, col, stop_row - row, stop_col - col)


def _halves(window: Window, multiple: int) -> tuple[Window, Window]:
    """Split a window along its longer side, at a multiple from its start."""
    if window.height >= window.width:
        first = max(window.height // 2 // multiple * multiple, 1)
        return (
            Window(window.row, window.col, first, window.width),
            Window(window.row + first, window.col, window.height - first, window.width),
        )
    first = max(window.width // 2 // multiple * multiple, 1)
    return (
        Window(window.row, window.col, window.height, first),
        Window(window.row, window.col + first, window.height, window.width - first),
    )


def predict_tiles(
    source: Source,
    shape: tuple[int, int],
    network: TiledNetwork,
    tiling: Tiling,
    normalisation: Normalisation,
    write: Callable[[Predicted], None],
    report: Reporter,
    *,
    parallel: int = 1,
) -> None:
    """Predict a scene: one thread reads, `parallel` threads compute, one writes.

    Tiles without a valid pixel are skipped and never written. Progress is reported, and
    cancellation noticed, once per tile.

    Args:
        source: The scene.
        shape: Its height and width.
        network: The network.
        tiling: How it is cut.
        normalisation: How its channels become the network's input.
        write: Receives every predicted part, in no fixed order, in one thread.
        report: Receives the progress.
        parallel: Threads that compute.

    Raises:
        CancelledError: The run was cancelled.
        SeaIceError: Reading or writing failed.
    """
    every = _from_the_largest(list(tiles(*shape, tiling.size, tiling.halo, tiling.multiple)))
    line = Pipeline()
    inputs = Buffers(2 * parallel)

    def read() -> Iterator[_Work | None]:
        for tile in every:
            yield _read_tile(source, tile, shape, tiling, normalisation, inputs)

    def compute(work: _Work | None) -> Predicted | None:
        if work is None:
            return None
        output = network(work.x, work.inner)
        inputs.give(work.x)
        return Predicted(work.core, output, work.valid)

    def save(predicted: Predicted | None) -> bool:
        if predicted is not None:
            write(predicted)
            network.give_back(predicted.output)
        return True

    works = line.start(read(), ahead=parallel)
    outputs = line.map(compute, works, threads=parallel)
    saved = line.map(save, outputs, threads=1)
    with line:
        for count, _ in enumerate(line.results(saved), 1):
            report.progress(count / len(every))


def _from_the_largest(row_by_row: list[Tile]) -> list[Tile]:
    """Return the tiles from the first of the largest ones on, and then those before it.

    A network that begins with a corner, which has a halo on two sides only, takes all its memory
    anew for every larger tile: on a scene of 100 Mpx that was 6 % of the time. Otherwise the order
    stays, because neighbours read the same blocks.
    """
    areas = [tile.padded.height * tile.padded.width for tile in row_by_row]
    first = areas.index(max(areas)) if areas else 0
    return row_by_row[first:] + row_by_row[:first]


def _read_tile(
    source: Source,
    tile: Tile,
    shape: tuple[int, int],
    tiling: Tiling,
    normalisation: Normalisation,
    buffers: Buffers,
) -> _Work | None:
    padded = tile.padded
    buffer = buffers.take((len(normalisation.mean), padded.height, padded.width))
    values, valid = source.read(padded, out=buffer)
    inner = tile.inner
    rows, cols = (np.flatnonzero(valid[inner.slices].any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        buffers.give(buffer)
        return None
    # the part of the core that holds data, from and to multiples of the scene's grid
    box = _box(inner, rows, cols, tiling.multiple)
    step = max(tiling.multiple, _CROP_STEP_PX // tiling.multiple * tiling.multiple)
    cut = Window(
        max(box.row - tiling.halo, 0) // step * step,
        max(box.col - tiling.halo, 0) // step * step,
        0,
        0,
    )
    stop_row = min(-(-(box.stop_row + tiling.halo) // step) * step, tile.padded.height)
    stop_col = min(-(-(box.stop_col + tiling.halo) // step) * step, tile.padded.width)
    cut = Window(cut.row, cut.col, stop_row - cut.row, stop_col - cut.col)
    x = _mirrored(normalisation.apply(values, valid), tile.padded, shape)
    if cut.height * cut.width < 0.9 * valid.size:
        x = np.ascontiguousarray(x[(slice(None), *cut.slices)])
    else:
        box, cut = inner, Window(0, 0, *valid.shape)
    if not np.may_share_memory(x, buffer):
        buffers.give(buffer)
    return _Work(
        Window(tile.padded.row + box.row, tile.padded.col + box.col, box.height, box.width),
        Window(box.row - cut.row, box.col - cut.col, box.height, box.width),
        x,
        valid[box.slices],
    )


def _mirrored(x: Floats, window: Window, shape: tuple[int, int]) -> Floats:
    """Return a window's pixels (C, h, w) with those beyond the scene's last row and column filled.

    They are there because a network's input is a multiple of some pixels. Left 0, the mean
    backscatter, a strip of them beside water looks like ice: on a simulated scene the SIC rose by
    25 % towards the edge. The scene is mirrored there instead.
    """
    inside = shape[0] - window.row, shape[1] - window.col
    beyond = [(0, max(length - n, 0)) for length, n in zip(x.shape[1:], inside, strict=True)]
    if not any(after for _, after in beyond):
        return x
    return np.pad(x[:, : inside[0], : inside[1]], ((0, 0), *beyond), mode="symmetric")


def _box(
    inner: Window, rows: np.ndarray[Any, Any], cols: np.ndarray[Any, Any], multiple: int
) -> Window:
    """Return the least part of a core that holds the given rows and columns, aligned."""
    spans = []
    for start, length, found in ((inner.row, inner.height, rows), (inner.col, inner.width, cols)):
        first = max((start + int(found[0])) // multiple * multiple, start)
        stop = -(-(start + int(found[-1]) + 1) // multiple) * multiple
        spans.append((first, min(stop, start + length) - first))
    (row, height), (col, width) = spans
    return Window(row, col, height, width)
