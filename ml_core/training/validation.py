"""How a network does on parts of the scenes that it is fitted on: predictions and their loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from torch import nn

from ..datasets.batch import Batch
from ..datasets.normalisation import Normalisation
from ..datasets.scene_data import SceneData
from ..datasets.split import Split
from ..datasets.weighting import Weighting
from ..networks import Geometry
from ..networks.output import scale_of_each, sic_of_each
from ..observation.footprint import FootprintFields
from ..observation.observations import LEAST_JUDGED
from ..prediction.runtimes.base import DeviceMemoryError
from ..prediction.scene_input import ChannelSource, SceneInput
from ..prediction.tiled import TiledNetwork, predict_tile
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import Tiling
from .device import Device
from .losses import Targets
from .tasks import Task

_TILE_PX: Final = 256
_SQUARE: Final = 4
"""Side in footprints of the squares of observations that are left of a large part."""

_PER_FOOTPRINT: Final = 4
"""What must be predicted is found on cells of a quarter of a footprint."""

MOST_PX: Final = 2**21
"""Of larger parts, tiles spread evenly over them are compared: enough for an error in 0.1 %."""

MOST_CHART_PX: Final = 2**24
"""Of larger charts some polygons are scored: at 40 m one of 30 km has 560,000 pixels."""


_MARGIN: Final = 1.1
"""Footprints around the judged ones' centres that are predicted: 98 % of a footprint's weight."""


@dataclass(frozen=True)
class ComparedTile:
    """What a network gives for a window, beside the reference.

    Attributes:
        window: Where it lies.
        output: (O, h, w) of the network.
        visible: (h, w) where there is input.
        sic_percent: (h, w) reference.
        valid: (h, w) where they are compared, pixel by pixel.
        weight: (h, w) how much each pixel counts in the loss; None: all the same.
    """

    window: Window
    output: Floats
    visible: Mask
    sic_percent: Floats
    valid: Mask
    weight: Floats | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a scene that a network is compared with the reference on.

    Attributes:
        data: The scene.
        windows: Tiles to predict: that hold the part, and what its footprints reach.
        inside: Returns which pixels of a window (h, w) belong to it.
        index: Numbers of the observations (N,) in it; None where the reference has no footprint.
    """

    data: SceneData
    windows: tuple[Window, ...]
    inside: Callable[[Window], Mask]
    index: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, data: SceneData, split: Split, role: int) -> Part:
        """Return the part of a scene that has a role of `split.PARTS`, cut into tiles."""

        def inside(window: Window) -> Mask:
            return split.has(role, window)

        if data.observations is None:
            tiles = (_tight(w, inside(w)) for w in data.grid.window.blocks(_TILE_PX))
            return cls(data, tuple(w for w in tiles if not w.is_empty), inside)
        index = np.flatnonzero(split.roles_of(data.observations) == role)
        return cls(data, _tiles_of(data, index), inside, index)

    def fewer(self, most_px: float, *, first: int = 0) -> Part:
        """Return a part of which about so many pixels are left to predict, evenly spread.

        Args:
            most_px: What is to be left.
            first: Number of the first tile, or square of observations, that is left.
        """
        every = max(1, math.ceil(self.area_px / most_px))
        if every == 1:
            return self
        seen = self.data.observations
        if self.index is None or seen is None:
            return replace(self, windows=self.windows[first % every :: every])
        if seen.are_polygons:
            # some of every size
            by_size = self.index[np.argsort(seen.area_px[self.index], kind="stable")]
            every = max(1, min(every, by_size.size))
            index = by_size[(first + every // 2) % every :: every]
            return replace(self, windows=_tiles_of(self.data, index), index=index)
        side = max(_TILE_PX, _SQUARE * self.data.footprint_px)
        rows, cols = (at[self.index] // side for at in (seen.row, seen.col))
        squares, number = np.unique(np.stack([rows, cols]), axis=1, return_inverse=True)
        # the margins of squares apart cost as much again
        every = min(2 * every, squares.shape[1])
        index = self.index[number.ravel() % every == first % every]
        return replace(self, windows=_tiles_of(self.data, index), index=index)

    @property
    def area_px(self) -> int:
        """Pixels to predict."""
        return sum(tile.height * tile.width for tile in self.windows)


def _tiles_of(data: SceneData, index: NDArray[np.int64]) -> tuple[Window, ...]:
    """Return the tiles of a scene that hold the ground of some observations."""
    seen = data.observations
    assert seen is not None
    if data.polygons is not None:
        chosen = np.zeros(len(seen) + 1, bool)
        chosen[index + 1] = True
        blocks = data.grid.window.blocks(_TILE_PX)
        found = (_tight(block, chosen[data.polygons[block.slices]]) for block in blocks)
        return tuple(window for window in found if not window.is_empty)
    size = max(1, round(seen.footprint_px / _PER_FOOTPRINT))
    height, width = (-(-side // size) for side in data.grid.shape)
    needed = np.zeros((height, width), bool)
    needed[(seen.row[index] // size).astype(int), (seen.col[index] // size).astype(int)] = True
    reach = math.ceil(_MARGIN * seen.footprint_px / size)
    needed = maximum_filter(needed, 2 * reach + 1)
    tiles = []
    across = max(1, _TILE_PX // size)
    for block in Window(0, 0, height, width).blocks(across):
        cells = _tight(block, needed[block.slices])
        if not cells.is_empty:
            sides = (side * size for side in (cells.row, cells.col, cells.height, cells.width))
            tiles.append(Window(*sides).clipped(*data.grid.shape))
    return tuple(tiles)


def _tight(window: Window, needed: Mask) -> Window:
    """Return the part of a window that holds what is needed (h, w) of it; it may be empty."""
    rows, cols = (np.flatnonzero(needed.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return Window(window.row, window.col, 0, 0)
    top, left = int(rows[0]), int(cols[0])
    height, width = int(rows[-1]) + 1 - top, int(cols[-1]) + 1 - left
    return Window(window.row + top, window.col + left, height, width)


def thinned(parts: Sequence[Part], most_px: int = MOST_PX, *, first: int = 0) -> list[Part]:
    """Return parts of which so many pixels are left to predict, of all together, about."""
    area = sum(part.area_px for part in parts)
    share = min(1.0, most_px / max(1, area))
    return [part.fewer(share * max(1, part.area_px), first=first) for part in parts]


@dataclass(frozen=True)
class Observed:
    """What a network's map gives for observations.

    Attributes:
        index: Numbers of those that the map covers (n,).
        percent: (K, n) means of K networks' maps over their supports.
        scale_percent: (K, n) those of the scales of errors that second outputs give; K is 0 where
            they are not asked for.
    """

    index: NDArray[np.int64]
    percent: Floats
    scale_percent: Floats


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
            visible = np.isfinite(data.array[window.slices][..., 0])
            valid = np.isfinite(sic) & part.inside(window)
            if valid.any() or (part.index is not None and visible.any()):
                found = predict_tile(scene, tiled, tiling.around(window, scene.shape))
                weight = self._weight(data, window)
                yield ComparedTile(window, found.output, visible, sic, valid, weight)

    def observed(
        self,
        network: nn.Module,
        part: Part,
        members: int = 1,
        shown: ChannelSource | None = None,
        *,
        scales: bool = False,
    ) -> Observed:
        """Return the map's means over the supports of a part's observations.

        Args:
            network: The network, or several that give their outputs as channels.
            part: The part; it has observations.
            members: Networks of which the outputs come.
            shown: What the network sees in the place of the part's scene; None: the scene.
            scales: Whether the scales of errors are observed, too; the task gives them.
        """
        seen, windows = part.data.observations, part.windows
        assert seen is not None
        assert part.index is not None
        if not windows:
            none = np.empty((members, 0), np.float32)
            return Observed(part.index[:0], none, none[: scales * members])
        if seen.are_polygons:
            return self._over_polygons(network, part, members, shown, scales=scales)
        top, left = (min(getattr(w, side) for w in windows) for side in ("row", "col"))
        bottom, right = (
            max(getattr(w, side) for w in windows) for side in ("stop_row", "stop_col")
        )
        count = members * (1 + scales)
        fields = FootprintFields((bottom - top, right - left), count, seen.footprint_px)
        for tile in self.tiles(network, part, shown):
            maps = self._maps(tile, members, scales=scales)
            fields.add(tile.window.moved(-top, -left), maps, tile.visible)
        means, cover = fields.means_at(seen.row[part.index] - top, seen.col[part.index] - left)
        enough = cover >= LEAST_JUDGED
        return Observed(part.index[enough], means[:members, enough], means[members:, enough])

    def _over_polygons(
        self,
        network: nn.Module,
        part: Part,
        members: int,
        shown: ChannelSource | None,
        *,
        scales: bool,
    ) -> Observed:
        """Return the map's means over a part's polygons."""
        data = part.data
        assert data.observations is not None
        assert data.polygons is not None
        assert part.index is not None
        length = len(data.observations) + 1
        sums, counts = np.zeros((members * (1 + scales), length)), np.zeros(length)
        for tile in self.tiles(network, part, shown):
            number = data.polygons[tile.window.slices][tile.valid]
            counts += np.bincount(number, minlength=length)
            maps = self._maps(tile, members, scales=scales)
            for total, values in zip(sums, maps, strict=True):
                total += np.bincount(number, values[tile.valid], length)
        place = part.index + 1
        area = data.observations.area_px[part.index]
        enough = place[counts[place] >= np.maximum(LEAST_JUDGED * area, 1)]
        means = (sums[:, enough] / counts[enough]).astype(np.float32)
        return Observed(enough - 1, means[:members], means[members:])

    def _maps(self, tile: ComparedTile, members: int, *, scales: bool) -> Floats:
        """Return the SIC in percent of each network (K, h, w), and behind them their scales."""
        sics = sic_of_each(tile.output, tile.visible, members, self.task.classes)
        if not scales:
            return sics
        return np.concatenate([sics, scale_of_each(tile.output, tile.visible, members)])

    def loss(self, network: nn.Module, parts: Sequence[Part]) -> float:
        """Return the mean data loss over the parts; NaN where they have nothing to compare."""
        if self.task.observes:
            return self._observed_loss(network, parts)
        return self._pixel_loss(network, parts)

    def _observed_loss(self, network: nn.Module, parts: Sequence[Part]) -> float:
        total, count = 0.0, 0.0
        for part in parts:
            found, seen = self.observed(network, part), part.data.observations
            assert seen is not None
            squares = np.square((found.percent - seen.nearest(found.percent, found.index)) / 100)
            sigma = seen.uncertainty_percent[found.index]
            weight = self.weighting.of(sigma) if self.weighting else np.ones_like(sigma)
            weight = weight * seen.shares[found.index]
            total, count = total + float((weight * squares).sum()), count + float(weight.sum())
        return total / count if count else float("nan")

    def _pixel_loss(self, network: nn.Module, parts: Sequence[Part]) -> float:
        """Return the mean loss of the parts' labelled pixels.

        A weighted mean: the weights, whose mean is 1 over the training part, add up to another
        number of pixels here.
        """
        total, count = 0.0, 0.0
        for tile in itertools.chain.from_iterable(self.tiles(network, part) for part in parts):
            label = np.where(tile.valid, self.task.label(tile.sic_percent), np.float32(0))
            batch = Batch(
                np.empty(0, np.float32),
                tile.visible[None],
                label[None],
                tile.valid[None],
                None if tile.weight is None else tile.weight[None],
            )
            targets = Targets.of(batch, 1, torch.from_numpy)
            added, number = self.task.loss(torch.from_numpy(tile.output)[None], targets)
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
