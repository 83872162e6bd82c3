"""How a network does on parts of the scenes that it is fitted on: predictions and their loss."""

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
from ..datasets.scene_data import SceneData
from ..datasets.weighting import Weighting
from ..networks import Geometry
from ..prediction.runtimes.base import DeviceMemoryError
from ..prediction.scene_input import ChannelSource, SceneInput
from ..prediction.tiled import TiledNetwork, predict_tile
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import Tiling
from .device import Device
from .tasks import Task

_TILE_PX: Final = 256
_MOST_PX: Final = 2**21
"""Of larger parts, tiles spread evenly over them are compared: enough for an error in 0.1 %."""


@dataclass(frozen=True)
class ComparedTile:
    """What a network gives for a window, beside the reference.

    Attributes:
        window: Where it lies.
        output: (O, h, w) of the network.
        sic_percent: (h, w) reference.
        valid: (h, w) where they are compared.
        weight: (h, w) how much each pixel counts in the loss; None: all the same.
    """

    window: Window
    output: Floats
    sic_percent: Floats
    valid: Mask
    weight: Floats | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a scene that a network is compared with the reference on.

    Attributes:
        data: The scene.
        windows: Tiles that hold the part.
        inside: Returns which pixels of a window (h, w) belong to it.
    """

    data: SceneData
    windows: tuple[Window, ...]
    inside: Callable[[Window], Mask]

    @classmethod
    def of(
        cls,
        data: SceneData,
        blocks: Sequence[Window],
        inside: Callable[[Window], Mask] | None = None,
    ) -> Part:
        """Return the part inside some blocks of a scene, cut into tiles; None: all of them."""
        inside = inside or _everywhere
        windows = (w for block in blocks for w in block.blocks(_TILE_PX) if inside(w).any())
        return cls(data, tuple(windows), inside)


def _everywhere(window: Window) -> Mask:
    return np.ones((window.height, window.width), bool)


def thinned(parts: Sequence[Part], most_px: int = _MOST_PX, *, first: int = 0) -> list[Part]:
    """Return parts of which every n-th tile, counted through all of them, is left.

    Args:
        parts: Parts of one or several scenes.
        most_px: What is to be left of all together, about.
        first: Number of the first tile that is left.
    """
    area = sum(tile.height * tile.width for part in parts for tile in part.windows)
    every = max(1, -(-area // most_px))
    found, before = [], 0
    for part in parts:
        found.append(replace(part, windows=part.windows[(first - before) % every :: every]))
        before += len(part.windows)
    return found


@dataclass(frozen=True)
class Validator:
    """Compares a network with the reference on parts of scenes.

    Attributes:
        normalisation: Of the pixels that the network was fitted to.
        geometry: What the network asks of its input.
        device: What computes.
        task: What the network gives.
        weighting: How reference values are weighted in the loss; None: not at all.
    """

    normalisation: Normalisation
    geometry: Geometry
    device: Device
    task: Task
    weighting: Weighting | None = None

    def tiles(
        self, network: nn.Module, part: Part, shown: ChannelSource | None = None
    ) -> Iterator[ComparedTile]:
        """Yield a part's tiles as the network, in evaluation mode, predicts them.

        Args:
            network: The network.
            part: The part.
            shown: What the network sees in the place of the part's scene; None: the scene.
        """
        data = part.data
        scene = SceneInput(shown or data, data.channels, self.normalisation)
        # wherever the windows start, they equal the whole scene's prediction
        tiling = Tiling((_TILE_PX, _TILE_PX), self.geometry.reach_px, self.geometry.multiple)
        tiled = TiledNetwork(self._forward(network), tiling)
        for window in part.windows:
            sic = data.array[window.slices][..., -1]
            valid = np.isfinite(sic) & part.inside(window)
            if valid.any():
                predicted = predict_tile(scene, tiled, tiling.around(window, scene.shape))
                yield ComparedTile(window, predicted.output, sic, valid, self._weight(data, window))

    def loss(self, network: nn.Module, parts: Sequence[Part]) -> float:
        """Return the mean data loss over the parts' valid pixels; NaN where they have none.

        A weighted mean: the weights, whose mean is 1 over the training part, add up to another
        number of pixels here.
        """
        total, count = 0.0, 0.0
        for tile in itertools.chain.from_iterable(self.tiles(network, part) for part in parts):
            label = np.where(tile.valid, self.task.label(tile.sic_percent), np.float32(0))
            added, number = self.task.loss(
                torch.from_numpy(tile.output)[None],
                torch.from_numpy(label)[None],
                torch.from_numpy(tile.valid)[None],
                weight=None if tile.weight is None else torch.from_numpy(tile.weight)[None],
            )
            mean_weight = 1.0 if tile.weight is None else float(tile.weight[tile.valid].mean())
            total, count = total + float(added), count + float(number) * mean_weight
        return total / count if count else float("nan")

    def _weight(self, data: SceneData, window: Window) -> Floats | None:
        if self.weighting is None:
            return None
        if data.uncertainty_percent is None:
            return np.ones((window.height, window.width), np.float32)
        return self.weighting.of(data.uncertainty_percent[window.slices])

    def _forward(self, network: nn.Module) -> Callable[[Floats], Floats]:
        def forward(batch: Floats) -> NDArray[np.float32]:
            try:
                with torch.inference_mode(), self.device.autocast():
                    output = network(torch.from_numpy(batch).to(self.device.name))
                    result: Floats = output.float().cpu().numpy()
                    return result
            except torch.OutOfMemoryError as error:
                raise DeviceMemoryError(str(error)) from error

        return forward
