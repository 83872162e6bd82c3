"""A scene through a network, tile by tile, reading and writing meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from ..ahead import computed_ahead
from ..events import Reporter
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import Tile, Tiling
from .runtimes.base import DeviceMemoryError, Runtime
from .scene_input import SceneInput


@dataclass(frozen=True)
class Predicted:
    """The network's output for one part of a scene.

    Attributes:
        window: Where it belongs.
        output: (O, h, w).
        valid: Where it means something, (h, w).
    """

    window: Window
    output: Floats
    valid: Mask


class TiledNetwork:
    """A network applied to tiles, in smaller ones where the device's memory is too small.

    Args:
        forward: Returns the network's output (B, O, h, w) for a normalised batch (B, C, h, w), or
            raises DeviceMemoryError.
        tiling: How scenes are cut for it.

    Attributes:
        tiling: The same.
        processed_px: Pixels computed so far, overlaps included.
    """

    def __init__(self, forward: Callable[[Floats], Floats], tiling: Tiling) -> None:
        self._forward, self.tiling = forward, tiling
        self._most_px = float("inf")
        self.processed_px = 0
        self._lock = threading.Lock()

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
                smaller = self.tiling.quarters(part)
                if smaller[0].padded == part.padded:
                    raise MemoryError(
                        "the device has too little memory for"
                        f" {part.padded.height} x {part.padded.width} px"
                    ) from error
                left += reversed(smaller)
                continue
            if output is None:
                output = np.zeros((len(found), core.height, core.width), np.float32)
            place = part.core.moved(-core.row, -core.col)
            output[(slice(None), *place.slices)] = found[(slice(None), *part.inner.slices)]
        assert output is not None
        return output

    def _computed(self, x: Floats, part: Tile) -> Floats:
        padded = part.padded
        pixels = padded.height * padded.width
        if pixels > self._most_px:
            raise DeviceMemoryError
        if x.shape[1:] != (padded.height, padded.width):
            x = np.ascontiguousarray(x[(slice(None), *padded.slices)])
        try:
            output: Floats = self._forward(x[None])[0]  # (O, h, w)
        except DeviceMemoryError:
            with self._lock:
                self._most_px = min(self._most_px, pixels / 2)
            raise
        with self._lock:
            self.processed_px += pixels
        return output


def predict_tile(scene: SceneInput, network: TiledNetwork, tile: Tile) -> Predicted:
    """Return what a network gives for a tile that holds data."""
    read = _read(scene, network.tiling, tile)
    assert read is not None
    return _predicted(network, read)


class TiledScene:
    """A scene that is read, and a network that is made ready for it, from now on.

    The first tile is read while the network is still being made ready: large tiles take a second
    of reading each. Use as a context manager.

    Attributes:
        network: The network on tiles.
        tile_shape: What it gets of every tile, overlaps included: (C, h, w).
    """

    def __init__(self, scene: SceneInput, runtime: Runtime, tiling: Tiling) -> None:
        self.network = TiledNetwork(runtime, tiling)
        self._parallel = runtime.parallel
        self._tiles = list(tiling.tiles(scene.shape))
        padded = self._tiles[0].padded
        self.tile_shape = scene.channel_count, padded.height, padded.width
        self._stack = ExitStack()
        self._inputs = self._stack.enter_context(
            computed_ahead(lambda tile: _read(scene, tiling, tile), self._tiles)
        )
        pool = self._stack.enter_context(ThreadPoolExecutor(1))
        self._ready = pool.submit(runtime.prepare, (1, *self.tile_shape))

    def __enter__(self) -> TiledScene:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading, and wait until the threads have ended."""
        self._stack.close()

    def predict(self, write: Callable[[Predicted], None], report: Reporter) -> None:
        """Predict the scene. To be called once.

        Tiles without a valid pixel are skipped and never written. Progress is reported, and
        cancellation noticed, once per tile.

        Args:
            write: Receives the tiles' predictions in order, in one thread beside the caller's.
            report: Receives the progress.

        Raises:
            CancelledError: The run was cancelled.
            SeaIceError: Reading or writing failed.
        """

        def compute(tile: _Read | None) -> Predicted | None:
            report.check_cancelled()
            self._ready.result()
            return None if tile is None else _predicted(self.network, tile)

        def save(predicted: Predicted | None) -> None:
            if predicted is not None:
                write(predicted)

        callers = self._parallel
        with (
            computed_ahead(compute, self._inputs, threads=callers, ahead=callers) as outputs,
            # one waits to be written while one is: else the network would wait for the disk
            computed_ahead(save, outputs, ahead=2) as saved,
        ):
            for count, _ in enumerate(saved, 1):
                report.progress(count / len(self._tiles))


@dataclass(frozen=True)
class _Read:
    x: Floats  # (C, h, w) normalised
    core: Window  # in the scene
    core_in_x: Window
    parts: list[Tile]  # those with data; in x
    valid: Mask  # (core.height, core.width)


def _read(scene: SceneInput, tiling: Tiling, tile: Tile) -> _Read | None:
    x, valid = scene.read(tile.padded)
    parts = tiling.with_data(Tile(tile.inner, Window(0, 0, *valid.shape)), valid)
    return _Read(x, tile.core, tile.inner, parts, valid[tile.inner.slices]) if parts else None


def _predicted(network: TiledNetwork, read: _Read) -> Predicted:
    return Predicted(read.core, network(read.x, read.core_in_x, read.parts), read.valid)
