"""How a network does on parts of the scene that it is fitted on: predictions and their error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..datasets.normalisation import Normalisation
from ..networks import Geometry
from ..raster.grid import Window
from .device import Device
from .tasks import Task

_TILE_PX: Final = 256
_MOST_PX: Final = 2**21
"""Of larger parts, tiles spread evenly over them are judged: enough for an error in 0.1 %."""


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


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a scene that a network is judged on.

    Attributes:
        store: Pixels and reference SIC in percent (H, W, C + 1), NaN where there is none.
        windows: Tiles that hold the part.
        inside: Says where a window belongs to it.
    """

    store: NDArray[np.float32]
    windows: tuple[Window, ...]
    inside: Callable[[Window], NDArray[np.bool_]]

    @classmethod
    def of(
        cls,
        store: NDArray[np.float32],
        blocks: Sequence[Window],
        inside: Callable[[Window], NDArray[np.bool_]] | None = None,
    ) -> Part:
        """Return the part inside some blocks of a scene, cut into tiles; None: all of them."""
        inside = inside or _everywhere
        windows = (tile for block in blocks for tile in cut(block) if inside(tile).any())
        return cls(store, tuple(windows), inside)


def thinned(parts: Sequence[Part], most_px: int = _MOST_PX) -> list[Part]:
    """Return parts of which every n-th tile, counted through all of them, is left.

    Args:
        parts: Parts of one or several scenes.
        most_px: What is to be left of all together, about.
    """
    area = sum(tile.height * tile.width for part in parts for tile in part.windows)
    every = max(1, -(-area // most_px))
    found, before = [], 0
    for part in parts:
        found.append(replace(part, windows=part.windows[-before % every :: every]))
        before += len(part.windows)
    return found


@dataclass(frozen=True)
class Judge:
    """Runs a network over parts of scenes.

    Attributes:
        scaling: Normalises the pixels.
        geometry: What the network asks of its input.
        device: What computes.
        task: Says what the network gives.
    """

    scaling: Normalisation
    geometry: Geometry
    device: Device
    task: Task

    def tiles(self, network: nn.Module, part: Part) -> Iterator[Tile]:
        """Yield a part's tiles as the network, in evaluation mode, predicts them."""
        for window in part.windows:
            sic = part.store[window.slices][..., -1]
            valid = np.isfinite(sic) & part.inside(window)
            if valid.any():
                yield Tile(window, self._output(network, part.store, window), sic, valid)

    def loss(self, network: nn.Module, parts: Sequence[Part]) -> float:
        """Return the mean data loss over the parts' valid pixels; NaN where they have none."""
        total, count = 0.0, 0.0
        for tile in itertools.chain.from_iterable(self.tiles(network, part) for part in parts):
            label = np.where(tile.valid, self.task.label(tile.sic_percent), np.float32(0))
            added, number = self.task.loss(
                torch.from_numpy(tile.output)[None],
                torch.from_numpy(label)[None],
                torch.from_numpy(tile.valid)[None],
            )
            total, count = total + float(added), count + float(number)
        return total / count if count else float("nan")

    def _output(
        self, network: nn.Module, store: NDArray[np.float32], window: Window
    ) -> NDArray[np.float32]:
        """Return the network's output (O, h, w) for a window, seen with its surroundings."""
        height, width = store.shape[:2]
        halo, multiple = self.geometry.halo_px, self.geometry.multiple
        # starts on the network's own raster, so that a tile equals the whole scene's prediction
        row = max(0, (window.row - halo) // multiple * multiple)
        col = max(0, (window.col - halo) // multiple * multiple)
        stop_row = min(height, window.stop_row + halo)
        stop_col = min(width, window.stop_col + halo)
        pixels = self.scaling.apply(store[row:stop_row, col:stop_col, :-1])
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


def _everywhere(window: Window) -> NDArray[np.bool_]:
    return np.ones((window.height, window.width), bool)


def cut(block: Window, side: int = _TILE_PX) -> Iterator[Window]:
    """Yield tiles of a block, the last ones of a row and a column as large as is left."""
    for row in range(block.row, block.stop_row, side):
        for col in range(block.col, block.stop_col, side):
            yield Window(row, col, min(side, block.stop_row - row), min(side, block.stop_col - col))
