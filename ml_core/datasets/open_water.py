"""A scene of open water that trains beside others, at a SIC of 0."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..errors import SeaIceError
from ..events import Reporter
from ..observation.support import WIDER_THAN_CELL
from ..raster.grid import Window
from ..raster.ice_free import IceFree
from ..raster.radiometry import Mask
from .provenance import KnownScenes
from .scene_data import FOOTPRINTS_PER_CHIP, SceneData, Scenes, SceneSource, collected
from .split import Split, Splits
from .training_data import TrainingData

_MOST_SHARE: Final = 0.5
"""Of the ground that the other scenes train on: a scene of open water that trains is at most a
third of what the network sees, else it would learn little of ice."""


_BUFFER: Final = 1.5
"""Decorrelation lengths."""


@dataclass(frozen=True, eq=False)
class TrainingWater:
    """A scene of open water that trains beside others, but for blocks that never do.

    Attributes:
        name: The scene.
        data: Its pixels, and a SIC of 0.
        split: Its training part; the blocks that are held out are its test part.
    """

    name: str
    data: SceneData
    split: Split

    @classmethod
    def drawn(
        cls, name: str, data: SceneData, fraction: float, others_px: float, seed: int
    ) -> TrainingWater:
        """Return a scene of which a band is held out, at a place that is drawn.

        The band reaches across the swath, so that every incidence angle is held out and trains.

        Args:
            fraction: Share of it that is held out; 0: all of it trains.
            others_px: Reference pixels of the other scenes that train.
            seed: Of the draw.

        Raises:
            SeaIceError: The scene is too small.
        """
        rng = np.random.default_rng(seed)
        split = Split.full(data.cells)
        if fraction:
            band, buffer = _band(name, data, fraction, rng)
            split = Split.of_blocks(data.cells, [band], buffer)
            split = split.with_test(split.blocks, data.cells)
        share = _MOST_SHARE * others_px / max(1, split.counts["training"])
        return cls(name, data, split.reduced(data.cells, share, rng))

    @property
    def held_out_share(self) -> float:
        """Share of its pixels that never train, but for the buffer around them."""
        return self.split.counts.get("test", 0) / sum(self.split.counts.values())

    @property
    def training_share(self) -> float:
        """Share of its pixels that train."""
        return self.split.counts["training"] / sum(self.split.counts.values())

    def beside(self, scenes: Scenes, splits: Splits) -> tuple[Scenes, Splits]:
        """Return scenes and their splits with this one among them."""
        key = f"open water, {self.name}"
        return {**scenes, key: self.data}, {**splits, key: self.split}

    def counted(self, window: Window) -> Mask:
        """Return where false ice is counted (h, w): what is held out, else everywhere."""
        if self.held_out_share:
            return self.split.testing(window)
        return np.ones((window.height, window.width), bool)


def _band(
    name: str, data: SceneData, fraction: float, rng: np.random.Generator
) -> tuple[Window, int]:
    """Return a band of a scene, and the width of the buffer around it, in cells.

    Raises:
        SeaIceError: The scene is too small.
    """
    count, size_px = data.cells.count, data.cells.size_px
    hh_sums = np.where(count > 0, data.sums[..., 0], 0)
    # HH falls with the incidence angle: the band runs along the axis on which it varies more
    profiles = [
        hh_sums.sum(axis)[count.sum(axis) > 0] / count.sum(axis)[count.sum(axis) > 0]
        for axis in (0, 1)
    ]
    along_rows = np.std(profiles[0]) >= np.std(profiles[1])
    height, width = count.shape
    length = height if along_rows else width
    least = math.ceil(data.decorrelation_px / size_px)
    side, buffer = max(least, round(fraction * length)), math.ceil(_BUFFER * least)
    if side + 2 * buffer + least > length:
        raise SeaIceError(
            f"Open water, {name}: {data.grid.shape[not along_rows]} px of"
            f" {data.grid.resolution_m:.4g} m are too few to hold a band of {side * size_px} px"
            f" out, with a buffer of {buffer * size_px}"
            " px at its sides; give a larger scene, or switch off Open water trains"
        )
    start = int(rng.integers(0, length - side + 1))
    return (Window(start, 0, side, width) if along_rows else Window(0, start, height, side)), buffer


@contextmanager
def read_water(
    scene: SceneSource,
    data: TrainingData,
    chip_px: int,
    fraction: float,
    seed: int,
    report: Reporter,
) -> Iterator[TrainingWater]:
    """Read a scene of open water into a temporary file, to train beside others.

    Args:
        scene: The scene; it has the channels of the others.
        data: The other scenes.
        chip_px: Side of a chip.
        fraction: Share of the scene that is held out.
        seed: Draws what is held out.
        report: Receives progress 0-1, and which part trains.

    Raises:
        SeaIceError: The scene is too small, or its thermal noise was handled otherwise than that of
            the others.
    """
    known = KnownScenes([one.acquisition for one in data.scenes.values()], "the scenes learnt from")
    known.check(scene.acquisition, scene.label, report, sensors=False)
    reference = IceFree(scene.acquisition)
    footprint_m = data.footprint_m
    observed = any(one.observations is not None for one in data.scenes.values())
    if observed and footprint_m <= WIDER_THAN_CELL * data.resolution_m:
        # charts have polygons in place of a footprint
        footprint_m = chip_px / FOOTPRINTS_PER_CHIP * data.resolution_m
    with collected(scene, reference, footprint_m, chip_px, report) as found:
        others_px = sum(int(one.cells.count.sum()) for one in data.scenes.values())
        water = TrainingWater.drawn(scene.label, found, fraction, others_px, seed)
        report.info(
            f"Open water, {scene.label}: {100 * water.training_share:.0f} % of it trains at a SIC"
            f" of 0; {100 * water.held_out_share:.0f} %, a band across the swath, is held out of"
            " every fit"
        )
        yield water
