"""Splits of one scene by the polygons of its chart: each is of one part as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from ..errors import SeaIceError
from ..observation.cells import CellSums
from ..observation.observations import Observations
from ..raster.grid import Window
from .cells import BINS
from .scene_data import SceneData
from .split import LEFT_OUT, PARTS, TEST, TRAINING, VALIDATION, Split

_DRAWS: Final = 500
_ROWS_AT_ONCE: Final = 512


@dataclass(frozen=True, eq=False, kw_only=True)
class PolygonSplit(Split):
    """Which polygons of a scene's chart train, which validate and which test.

    A cell has the role of most of its reference. What bounds a polygon that validates or tests
    counts as a block; blocks may overlap, and there are no buffers.

    Attributes:
        data: The scene; its reference is a chart.
        polygon_roles: Role of each polygon (N + 1,), by its number; 0 is none.
    """

    data: SceneData
    polygon_roles: NDArray[np.uint8]

    @classmethod
    def of_polygons(cls, data: SceneData, roles: NDArray[np.uint8]) -> PolygonSplit:
        """Return the split by which the polygons of a scene have roles (N,)."""
        seen, polygons = _of(data)
        by_number = np.append(np.uint8(LEFT_OUT), roles)
        sums = CellSums(data.grid.shape, data.cells.size_px, len(PARTS))
        step = max(1, _ROWS_AT_ONCE // sums.cell_px) * sums.cell_px
        for window in data.grid.window.blocks(step):
            number = polygons[window.slices]
            here = by_number[number]
            one_each = np.stack([here == role for role in PARTS.values()])
            sums.add(window, one_each.astype(np.float32), number > 0)
        most = np.array(list(PARTS.values()), np.uint8)[sums.sums.argmax(axis=0)]
        counts = {
            name: int(seen.area_px[roles == role].sum(dtype=np.float64))
            for name, role in PARTS.items()
            if role != TEST or (roles == TEST).any()
        }
        blocks, test_blocks = (_bounds(polygons, by_number == role) for role in (VALIDATION, TEST))
        cells = np.where(sums.counts > 0, most, LEFT_OUT).astype(np.uint8)
        return cls(
            cells,
            sums.cell_px,
            blocks,
            0,
            data.grid.shape,
            counts,
            test_blocks,
            data=data,
            polygon_roles=by_number,
        )

    def reduced(self, cells: object, fraction: float, rng: np.random.Generator) -> PolygonSplit:
        """Return a split that trains on a share of its training polygons only."""
        if fraction >= 1:
            return self
        seen, _ = _of(self.data)
        roles = self.polygon_roles[1:].copy()
        order = rng.permutation(np.flatnonzero(roles == TRAINING))
        sums = np.cumsum(seen.area_px[order], dtype=np.float64)
        roles[order[int(np.searchsorted(sums, fraction * sums[-1])) + 1 :]] = LEFT_OUT
        return self.of_polygons(self.data, roles)

    def has(self, role: int, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) of pixels has a role; nowhere beyond the scene."""
        inside = window.clipped(*self.shape_px)
        found = np.zeros((window.height, window.width), bool)
        number = _of(self.data)[1][inside.slices]
        found[inside.moved(-window.row, -window.col).slices] = self.polygon_roles[number] == role
        return found

    def training_at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where windows of given rows (B, h) and columns (B, w) train, (B, h, w)."""
        number = _of(self.data)[1][rows[:, :, None], cols[:, None, :]]
        result: NDArray[np.bool_] = (self.polygon_roles == TRAINING)[number]
        return result

    def roles_of(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the role of each polygon (N,)."""
        return self.polygon_roles[1:]

    def to_dict(self) -> dict[str, object]:
        """Return the split as JSON values: polygons by their place among the observations."""
        roles = self.polygon_roles[1:]
        return {
            "polygons": {
                name: (np.flatnonzero(roles == role) + 1).tolist()
                for name, role in PARTS.items()
                if (roles == role).any()
            },
            "buffer_px": self.buffer_px,
            "shape_px": list(self.shape_px),
            "reference_pixels": dict(self.counts),
        }


def draw_polygons(data: SceneData, fraction: float, rng: np.random.Generator) -> Split:
    """Return a split in which a share of the chart's area validates, 0-0.5, by whole polygons.

    Raises:
        SeaIceError: There are too few polygons.
    """
    if not fraction:
        return all_polygons(data)
    dealt = _dealt(data, (1 - fraction, fraction), rng)
    return PolygonSplit.of_polygons(data, np.array([TRAINING, VALIDATION], np.uint8)[dealt])


def draw_polygons_with_test(
    data: SceneData, validation_fraction: float, test_fraction: float, rng: np.random.Generator
) -> Split:
    """Return a split in which shares of the chart's area validate and test, by whole polygons.

    Raises:
        SeaIceError: There are too few polygons.
    """
    if not test_fraction:
        return draw_polygons(data, validation_fraction, rng)
    shares = 1 - validation_fraction - test_fraction, validation_fraction, test_fraction
    dealt = _dealt(data, shares, rng)
    return PolygonSplit.of_polygons(data, np.array([TRAINING, VALIDATION, TEST], np.uint8)[dealt])


def draw_polygon_folds(data: SceneData, folds: int, rng: np.random.Generator) -> list[Split]:
    """Return splits for cross-validation: each polygon validates once.

    Raises:
        SeaIceError: There are fewer polygons than folds.
    """
    dealt = _dealt(data, [1 / folds] * folds, rng)
    return [
        PolygonSplit.of_polygons(data, np.where(dealt == k, VALIDATION, TRAINING).astype(np.uint8))
        for k in range(folds)
    ]


def all_polygons(data: SceneData) -> Split:
    """Return the split that trains on all polygons."""
    return PolygonSplit.of_polygons(data, np.full(len(_of(data)[0]), TRAINING, np.uint8))


def _dealt(data: SceneData, shares: Sequence[float], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the part of each polygon (N,), so that parts have their shares and look like all.

    Polygons in random order are cut into parts by their area; of many orders the one is kept whose
    parts come closest to the shares asked and to the chart's distribution of SIC.

    Raises:
        SeaIceError: There are too few polygons.
    """
    seen, _ = _of(data)
    area = seen.area_px.astype(np.float64)
    tenth = np.minimum(seen.percent * (BINS / 100), BINS - 1).astype(np.int64)
    scene = np.bincount(tenth, area, BINS) / area.sum()
    asked, ends = np.array(shares), np.cumsum(shares)[:-1]
    best: NDArray[np.int64] | None = None
    least = np.inf
    for _ in range(_DRAWS if len(seen) >= len(asked) else 0):
        order = rng.permutation(len(seen))
        middles = (np.cumsum(area[order]) - area[order] / 2) / area.sum()
        part = np.empty(len(seen), np.int64)
        part[order] = np.searchsorted(ends, middles)
        sums = np.bincount(part * BINS + tenth, area, asked.size * BINS)
        by_sic = sums.reshape(asked.size, BINS) / area.sum()
        have = by_sic.sum(axis=1)
        if not have.all():
            continue
        apart = np.abs(by_sic / have[:, None] - scene).sum() / 2
        missing = ((scene >= 0.02) & (by_sic == 0)).sum() / max(1, (scene >= 0.02).sum())
        cost = np.abs(have / asked - 1).sum() + apart + missing
        if cost < least:
            best, least = part, cost
    if best is None:
        raise SeaIceError(
            f"the chart has {len(seen)} polygons where the scene lies, too few to deal"
            f" {asked.size} parts ({', '.join(f'{100 * share:.0f} %' for share in asked)} of the"
            " area) whole polygons; give a larger scene, fewer folds, or Validation fraction 0"
        )
    return best


def _of(data: SceneData) -> tuple[Observations, NDArray[np.int32]]:
    assert data.observations is not None
    assert data.polygons is not None
    return data.observations, data.polygons


def _bounds(polygons: NDArray[np.int32], chosen: NDArray[np.bool_]) -> tuple[Window, ...]:
    """Return what bounds each of the chosen polygons (N + 1,)."""
    if not chosen.any():
        return ()
    found = find_objects(polygons, max_label=chosen.size - 1)
    places = (found[number - 1] for number in np.flatnonzero(chosen))
    return tuple(
        Window(rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start)
        for rows, cols in places
    )
