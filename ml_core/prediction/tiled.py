"""Tiled prediction: a scene through a network, tile by tile, reading and writing meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..events import Reporter
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import Tile, quarters, strips, tiles
from ..rounding import rounded_up
from .buffers import Buffers
from .pipeline import Pipeline
from .runtimes.base import DeviceMemoryError, Runtime

_CROP_STEP_PX = 64
"""Parts of half-empty tiles are cropped to multiples of this, so that few sizes occur."""

_WORTHWHILE = 0.9
"""A tile is computed in parts if these together have less than this share of its pixels."""

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
        most: Height and width of what the network computes at a time, halo included, px; tiles
            may be a little smaller, since all have the same size.
        halo: Margin, px.
        multiple: What the network's input must be a multiple of, px.
    """

    most: tuple[int, int]
    halo: int
    multiple: int

    @classmethod
    def of_cores(cls, size: int, halo: int, multiple: int) -> Tiling:
        """Return the tiling whose cores have a side of about `size` px."""
        side = size + 2 * rounded_up(halo, multiple)
        return cls((side, side), halo, multiple)


@dataclass
class _Work:
    core: Window  # in the scene
    tile: Tile  # in x
    parts: list[Tile]  # of it, those with data; in x
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
    """A network applied to tiles, in smaller ones where the device's memory is too small.

    Args:
        runtime: The network.
        tiling: Its halo and multiple.

    Attributes:
        halo_px: The halo.
        processed_px: Pixels computed so far, halos included.
    """

    def __init__(self, runtime: Runtime, tiling: Tiling) -> None:
        self._runtime = runtime
        self.halo_px, self._multiple = tiling.halo, tiling.multiple
        self._most_px = float("inf")
        self._buffers = Buffers(_KEPT_OUTPUTS)
        self.processed_px = 0
        self._lock = threading.Lock()

    def prepare(self, shape: tuple[int, int, int]) -> None:
        """Get ready in this thread for inputs (C, h, w) of one shape, of which many will come."""
        self._runtime.prepare((1, *shape))

    def __call__(self, x: Floats, core: Window, parts: Sequence[Tile]) -> Floats:
        """Return the output (O, core.height, core.width) for a part of an input, contiguous.

        Args:
            x: Normalised input (C, h, w), h and w multiples of the network's multiple.
            core: The part of it that is wanted.
            parts: Tiles of it, whose cores cover what of it means something. The output is 0
                elsewhere.

        Raises:
            MemoryError: Not even a small part fits the device's memory.
        """
        output: Floats | None = None
        left = list(reversed(parts))
        while left:
            part = left.pop()
            try:
                found = self._computed(x, part)
            except DeviceMemoryError as error:
                smaller = quarters(part, self.halo_px, self._multiple)
                if smaller[0].padded == part.padded:
                    raise MemoryError(
                        "the device has too little memory for"
                        f" {part.padded.height} x {part.padded.width} px"
                    ) from error
                left += reversed(smaller)
                continue
            if output is None:
                output = self._buffers.take((len(found), core.height, core.width))
                if sum(p.core.height * p.core.width for p in parts) < core.height * core.width:
                    output[...] = 0
            place = part.core.moved(-core.row, -core.col)
            output[(slice(None), *place.slices)] = found[(slice(None), *part.inner.slices)]
        assert output is not None
        return output

    def give_back(self, output: Floats) -> None:
        """Let the memory of an output that was returned be used again."""
        self._buffers.give(output)

    def free_memory(self) -> None:
        """Free the memory of outputs that were given back."""
        self._buffers.clear()

    def _computed(self, x: Floats, part: Tile) -> Floats:
        padded = part.padded
        pixels = padded.height * padded.width
        if pixels > self._most_px:
            raise DeviceMemoryError
        if x.shape[1:] != (padded.height, padded.width):
            x = np.ascontiguousarray(x[(slice(None), *padded.slices)])
        try:
            output: Floats = self._runtime(x[None])[0]  # (O, h, w)
        except DeviceMemoryError:
            with self._lock:
                self._most_px = min(self._most_px, pixels / 2)
            raise
        with self._lock:
            self.processed_px += pixels
        return output


class TiledScene:
    """A scene cut into tiles, which one thread reads ahead from now on; use as a context manager.

    The first tile is read while the network is still being made ready: large tiles take a second
    of reading each.

    Args:
        source: The scene.
        shape: Its height and width.
        tiling: How it is cut.
        normalisation: How its channels become the network's input.
        parallel: Threads that will compute.
    """

    def __init__(
        self,
        source: Source,
        shape: tuple[int, int],
        tiling: Tiling,
        normalisation: Normalisation,
        *,
        parallel: int = 1,
    ) -> None:
        self._tiles = list(tiles(shape, tiling.most, tiling.halo, tiling.multiple))
        self._channels = len(normalisation.mean)
        self._parallel = parallel
        self._inputs = Buffers(2 * parallel)

        def read() -> Iterator[_Work | None]:
            for tile in self._tiles:
                yield _read_tile(source, tile, shape, tiling, normalisation, self._inputs)

        self._line = Pipeline()
        self._works = self._line.start(read(), ahead=parallel)

    def __enter__(self) -> TiledScene:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    @property
    def tile_shape(self) -> tuple[int, int, int]:
        """What the network gets of every tile, halo included: (C, h, w)."""
        padded = self._tiles[0].padded
        return self._channels, padded.height, padded.width

    def predict(
        self, network: TiledNetwork, write: Callable[[Predicted], None], report: Reporter
    ) -> None:
        """Predict the scene: further threads compute, one writes. To be called once.

        Tiles without a valid pixel are skipped and never written. Progress is reported, and
        cancellation noticed, once per tile.

        Args:
            network: The network.
            write: Receives every predicted part, in no fixed order, in one thread.
            report: Receives the progress.

        Raises:
            CancelledError: The run was cancelled.
            SeaIceError: Reading or writing failed.
        """

        def prepare() -> None:
            network.prepare(self.tile_shape)

        def compute(work: _Work | None) -> Predicted | None:
            if work is None:
                return None
            output = network(work.x, work.tile.core, work.parts)
            self._inputs.give(work.x)
            return Predicted(work.core, output, work.valid)

        def save(predicted: Predicted | None) -> bool:
            if predicted is not None:
                write(predicted)
                network.give_back(predicted.output)
            return True

        outputs = self._line.map(compute, self._works, threads=self._parallel, first=prepare)
        saved = self._line.map(save, outputs, threads=1)
        for count, _ in enumerate(self._line.results(saved), 1):
            report.progress(count / len(self._tiles))
        # what comes after needs memory of its own
        self._inputs.clear()
        network.free_memory()


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
    here = Tile(tile.inner, Window(0, 0, padded.height, padded.width))
    parts = _parts(here, valid, tiling)
    if not parts:
        buffers.give(buffer)
        return None
    x = normalisation.apply(values, valid)
    _mirror(x, padded, shape)
    return _Work(tile.core, here, parts, x, valid[here.core.slices])


def _parts(tile: Tile, valid: Mask, tiling: Tiling) -> list[Tile]:
    """Return the tiles that are computed in place of one: what of its quarters holds data.

    Args:
        tile: The tile, within `valid`.
        valid: Where there is data, (h, w).
        tiling: The halo and the multiple.

    Returns:
        The tile itself where parts of it would save little; none where it holds no data.
    """
    if valid.all():
        return [tile]
    cropped = [
        part
        for quarter in quarters(tile, tiling.halo, tiling.multiple)
        if (part := _cropped(quarter, valid, tiling))
    ]
    pixels = sum(part.padded.height * part.padded.width for part in cropped)
    return cropped if pixels < _WORTHWHILE * valid.size else [tile]


def _cropped(tile: Tile, valid: Mask, tiling: Tiling) -> Tile | None:
    """Return the part of a tile that holds data, aligned; None where it holds none."""
    core = tile.core
    known = valid[core.slices]
    rows, cols = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return None
    found = Window(
        core.row + int(rows[0]),
        core.col + int(cols[0]),
        int(rows[-1] - rows[0]) + 1,
        int(cols[-1] - cols[0]) + 1,
    )
    box = _aligned(found, 0, tiling.multiple).intersection(core)
    step = max(tiling.multiple, _CROP_STEP_PX // tiling.multiple * tiling.multiple)
    return Tile(box, _aligned(box, tiling.halo, step).intersection(tile.padded))


def _aligned(window: Window, halo: int, multiple: int) -> Window:
    """Return a window with a halo, grown to multiples."""
    row, col = ((n - halo) // multiple * multiple for n in (window.row, window.col))
    stop_row, stop_col = (
        rounded_up(n + halo, multiple) for n in (window.stop_row, window.stop_col)
    )
    return Window(row, col, stop_row - row, stop_col - col)


def _mirror(x: Floats, window: Window, shape: tuple[int, int]) -> None:
    """Fill a window's pixels (C, h, w) beyond the scene's last row and column.

    They are there because a network's input is a multiple of some pixels. Left 0, the mean
    backscatter, a strip of them beside water looks like ice: on a simulated scene the SIC rose by
    25 % towards the edge. The scene is mirrored there instead.
    """
    inside = window.clipped(*shape)
    rows, cols = (
        np.pad(np.arange(length), (0, whole - length), mode="symmetric")[length:]
        for length, whole in ((inside.height, window.height), (inside.width, window.width))
    )
    x[:, inside.height :] = x[:, rows]
    x[:, :, inside.width :] = x[:, :, cols]
