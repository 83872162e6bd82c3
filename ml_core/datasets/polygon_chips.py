"""Polygons in chips: which of a chart's lie in a batch of them, and what is said there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..observation.observations import Observations
from ..raster.radiometry import Floats
from .scene_data import SceneData
from .split import TRAINING, Split


@dataclass(eq=False)
class PolygonChips:
    """What charts say in B chips in which P polygons lie.

    Attributes:
        pixels: (B, S, S) place of each pixel's polygon among the P, from 1; 0: none that trains.
        number: (P,) numbers of the polygons, among all that train.
        low: (P,) the lowest SIC that a polygon may have, as a fraction.
        high: (P,) the highest.
        seen_px: (P,) pixels that lie in the chips.
        area_px: (P,) pixels that the polygon has in all.
        total: Polygons among which they are numbered.
        weight: How much each pixel counts.
    """

    pixels: NDArray[np.int32]
    number: NDArray[np.int64]
    low: Floats
    high: Floats
    seen_px: Floats
    area_px: Floats
    total: int
    weight: float

    @classmethod
    def joined(cls, parts: Sequence[PolygonChips | int], size_px: int) -> PolygonChips | None:
        """Return the chips of all parts; None without any.

        Args:
            parts: Chips of a scene each; of a scene without a chart, how many they are.
            size_px: Their side.
        """
        known = [part for part in parts if isinstance(part, PolygonChips)]
        if not known:
            return None
        pixels, before = [], 0
        for part in parts:
            if isinstance(part, int):
                pixels.append(np.zeros((part, size_px, size_px), np.int32))
                continue
            pixels.append(np.where(part.pixels > 0, part.pixels + before, 0).astype(np.int32))
            before += part.number.size
        return cls(
            np.concatenate(pixels),
            np.concatenate([part.number for part in known]),
            np.concatenate([part.low for part in known]),
            np.concatenate([part.high for part in known]),
            np.concatenate([part.seen_px for part in known]),
            np.concatenate([part.area_px for part in known]),
            known[0].total,
            known[0].weight,
        )


@dataclass(frozen=True)
class PolygonScene:
    """The polygons of a scene's chart that train.

    Attributes:
        observations: All of the scene.
        pixels: The polygon of each pixel (H, W), from 1; 0: none.
        trains: Which polygons train (N + 1,), by their number.
        first: Number of the scene's first polygon among those of all scenes.
        total: Polygons of all scenes.
        weight: How much each pixel counts.
    """

    observations: Observations
    pixels: NDArray[np.int32]
    trains: NDArray[np.bool_]
    first: int
    total: int
    weight: float

    @classmethod
    def training(
        cls, data: SceneData, split: Split, first: int, total: int, weight: float
    ) -> PolygonScene:
        """Return the polygons of a scene's training part."""
        assert data.observations is not None
        assert data.polygons is not None
        trains = np.append(False, split.roles_of(data.observations) == TRAINING)
        return cls(data.observations, data.polygons, trains, first, total, weight)

    def in_chips(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], size_px: int
    ) -> PolygonChips:
        """Return the polygons of chips that start at (rows, cols), (B,) each."""
        seen = self.observations
        numbers = sliding_window_view(self.pixels, (size_px, size_px))[rows, cols]  # (B, S, S)
        counts = np.where(self.trains, np.bincount(numbers.ravel(), minlength=self.trains.size), 0)
        index = np.flatnonzero(counts) - 1
        place = np.zeros(counts.size, np.int32)
        place[index + 1] = np.arange(1, index.size + 1)
        return PolygonChips(
            place[numbers],
            self.first + index,
            (seen.low[index] / 100).astype(np.float32),
            (seen.high[index] / 100).astype(np.float32),
            counts[index + 1].astype(np.float32),
            seen.area_px[index],
            self.total,
            self.weight,
        )
