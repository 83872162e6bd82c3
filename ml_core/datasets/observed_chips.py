"""Observations in chips: which of a scene's lie in each chip, and what is said there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..observation.observations import Observations
from ..observation.support import Footprints, weights
from ..raster.radiometry import Floats, Mask
from .scene_data import SceneData
from .split import TRAINING, Split
from .weighting import Weighting


@dataclass(eq=False)
class ObservedChips:
    """What the reference says in B chips, at most K values in each.

    Attributes:
        row: (B, K) where footprints are centred in the chip, in pixels from its upper edge on.
        col: (B, K) from its left edge on.
        low: (B, K) the lowest SIC that a value may mean, as a fraction.
        high: (B, K) the highest.
        weight: (B, K) how much a value counts; 0 where there is none.
        footprint_px: (B,) full width at half maximum.
    """

    row: Floats
    col: Floats
    low: Floats
    high: Floats
    weight: Floats
    footprint_px: Floats

    def mirror(
        self, size_px: int, south: Mask | None, east: Mask | None, turned: Mask | None
    ) -> None:
        """Move the centres as chips of a size are mirrored and turned; (B,) each, None: none is."""
        if south is not None:
            self.row[south] = size_px - self.row[south]
        if east is not None:
            self.col[east] = size_px - self.col[east]
        if turned is not None:
            self.row[turned], self.col[turned] = self.col[turned], self.row[turned]

    def supports(self, size_px: int, cell_px: int) -> Footprints:
        """Return the footprints' weights on cells of chips of a size: (B, K, n) each."""
        length = -(-size_px // cell_px)

        def of(centres: Floats) -> Floats:
            return np.stack(
                [
                    weights(line / cell_px - 0.5, length, float(footprint), cell_px)
                    for line, footprint in zip(centres, self.footprint_px, strict=True)
                ]
            )

        return Footprints(of(self.row), of(self.col))

    @classmethod
    def joined(cls, parts: Sequence[ObservedChips | int]) -> ObservedChips | None:
        """Return the chips of all parts; None without any.

        Args:
            parts: Chips of a scene each; of one without footprints, how many they are.
        """
        known = [part for part in parts if not isinstance(part, int)]
        if not known:
            return None
        most = max(part.row.shape[1] for part in known)
        parts = [cls._without(part, known[0]) if isinstance(part, int) else part for part in parts]

        def padded(array: Floats) -> Floats:
            if array.ndim == 1:
                return array
            return np.pad(array, [(0, 0), (0, most - array.shape[1])])

        return cls(
            *(
                np.concatenate([padded(getattr(part, field.name)) for part in parts])
                for field in fields(cls)
            )
        )

    @classmethod
    def _without(cls, count: int, like: ObservedChips) -> ObservedChips:
        """Return so many chips without any value."""
        row, col, low, high, weight = np.zeros((5, count, like.row.shape[1]), np.float32)
        # where there is nothing, any footprint will do
        return cls(row, col, low, high, weight, like.footprint_px[:1].repeat(count))


@dataclass(frozen=True)
class ObservedScene:
    """A scene's observations that train.

    Attributes:
        observations: All of the scene.
        index: Numbers of those that train (n,), by row.
        row: Their rows (n,), rising.
        weight: How much each counts (n,).
    """

    observations: Observations
    index: NDArray[np.int64]
    row: Floats
    weight: Floats

    @classmethod
    def training(cls, data: SceneData, split: Split, weighting: Weighting | None) -> ObservedScene:
        """Return the observations of a scene's training part.

        Raises:
            SeaIceError: The scene has none.
        """
        found = data.observations
        trains = np.flatnonzero(split.roles_of(found) == TRAINING) if found else np.empty(0, int)
        if found is None or not trains.size:
            raise SeaIceError(
                "no reference value has its centre in the training part; give a larger scene, or a"
                " reference with smaller cells"
            )
        index = trains[np.argsort(found.row[trains], kind="stable")]
        sigma = found.uncertainty_percent[index]
        weight = np.ones(index.size, np.float32) if weighting is None else weighting.of(sigma)
        return cls(found, index, found.row[index], weight)

    def in_chips(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], size_px: int
    ) -> ObservedChips:
        """Return the observations of chips that start at (rows, cols), (B,) each."""
        seen = self.observations
        chosen = []
        for top, left in zip(rows, cols, strict=True):
            first, last = np.searchsorted(self.row, (top, top + size_px))
            across = seen.col[self.index[first:last]] - left
            inside = (across >= 0) & (across < size_px)
            chosen.append(first + np.flatnonzero(inside))
        shape = len(chosen), max(1, *(part.size for part in chosen))
        row, col, low, high, weight = np.zeros((5, *shape), np.float32)
        footprint = np.full(len(chosen), seen.footprint_px, np.float32)
        found = ObservedChips(row, col, low, high, weight, footprint)
        for number, (top, left, part) in enumerate(zip(rows, cols, chosen, strict=True)):
            index, place = self.index[part], (number, slice(part.size))
            row[place], col[place] = seen.row[index] - top, seen.col[index] - left
            low[place], high[place] = seen.low[index] / 100, seen.high[index] / 100
            weight[place] = self.weight[part]
        return found
