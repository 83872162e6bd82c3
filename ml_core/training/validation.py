"""How a network does on parts of the scene that it is fitted on: predictions and their error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..networks import Geometry
from ..raster.grid import Window
from .chips import Normalisation
from .device import Device
from .tasks import Task

_TILE_PX: Final = 256
_MOST_PX: Final = 2**21
"""Of a larger part, tiles spread evenly over it are judged: enough for an error in 0.1 %."""


@dataclass(frozen=True)
class Tile:
    """A predicted window.

    Attributes:
        window: Where it lies.
        output: (O, h, w) what the network gives.
        sic_percent: (h, w) reference.
        valid: (h, w) where it counts.
    """

    window: Window
    output: NDArray[np.float32]
    sic_percent: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """A part of the scene that a network is judged on.

    Attributes:
        windows: Tiles that hold it.
        inside: Says where a window belongs to it.
    """

    windows: tuple[Window, ...]
    inside: Callable[[Window], NDArray[np.bool_]]

    @classmethod
    def of(cls, blocks: Sequence[Window], inside: Callable[[Window], NDArray[np.bool_]]) -> Part:
        """Return the part inside some blocks, cut into tiles."""
        tiles = [tile for block in blocks for tile in _cut(block) if inside(tile).any()]
        area = sum(tile.height * tile.width for tile in tiles)
        every = max(1, -(-area // _MOST_PX))
        return cls(tuple(tiles[::every]), inside)


@dataclass(frozen=True)
class Judge:
    """Runs a network over parts of a scene.

    Attributes:
        store: Pixels and reference SIC in percent (H, W, C + 1), NaN where there is none.
        scaling: Normalises the pixels.
        geometry: What the network asks of its input.
        device: What computes.
        task: Says what the network gives.
    """

    store: NDArray[np.float32]
    scaling: Normalisation
    geometry: Geometry
    device: Device
    task: Task

    def tiles(self, network: nn.Module, part: Part) -> Iterator[Tile]:
        """Yield a part's tiles as the network, in evaluation mode, predicts them."""
        for window in part.windows:
            sic = self.store[window.slices][..., -1]
            valid = np.isfinite(sic) & part.inside(window)
            if valid.any():
                yield Tile(window, self._output(network, window), sic, valid)

    def loss(self, network: nn.Module, part: Part) -> float:
        """Return the mean data loss over a part's valid pixels; NaN where it has none."""
        total, count = 0.0, 0.0
        for tile in self.tiles(network, part):
            label = np.where(tile.valid, self.task.label(tile.sic_percent), np.float32(0))
            added, number = self.task.loss(
                torch.from_numpy(tile.output)[None],
                torch.from_numpy(label)[None],
                torch.from_numpy(tile.valid)[None],
            )
            total, count = total + float(added), count + float(number)
        return total / count if count else float("nan")

    def _output(self, network: nn.Module, window: Window) -> NDArray[np.float32]:
        """Return the network's output (O, h, w) for a window, seen with its surroundings."""
        height, width = self.store.shape[:2]
        halo, multiple = self.geometry.halo_px, self.geometry.multiple
        # starts on the network's own raster, so that a tile equals the whole scene's prediction
        row = max(0, (window.row - halo) // multiple * multiple)
        col = max(0, (window.col - halo) // multiple * multiple)
        stop_row = min(height, window.stop_row + halo)
        stop_col = min(width, window.stop_col + halo)
        pixels = self.scaling.apply(self.store[row:stop_row, col:stop_col, :-1])
        beyond = [(0, -size % multiple) for size in pixels.shape[:2]]
        # mirrored as in prediction: zeros beside water look like ice
        padded = np.pad(pixels, [*beyond, (0, 0)], mode="symmetric")
        with torch.inference_mode(), self.device.autocast():
            batch = torch.from_numpy(padded).to(self.device.name).permute(2, 0, 1)[None]
            output = network(batch)[0].float().cpu().numpy()
        top, left = window.row - row, window.col - col
        inner: NDArray[np.float32] = output[
            :, top : top + window.height, left : left + window.width
        ]
        return inner


def _cut(block: Window) -> Iterator[Window]:
    for row in range(block.row, block.stop_row, _TILE_PX):
        for col in range(block.col, block.stop_col, _TILE_PX):
            yield Window(
                row, col, min(_TILE_PX, block.stop_row - row), min(_TILE_PX, block.stop_col - col)
            )
