"""The split of a scene: which of its cells train, validate, test, or do none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..observation.observations import Observations
from ..raster.grid import Window
from .cells import CELLS_PER_LENGTH, CellCounts

LEFT_OUT, TRAINING, VALIDATION, BUFFER, TEST = range(5)
"""Roles of cells. What is left out is neither near the validation part nor trained on."""

PARTS: Final = {
    "training": TRAINING,
    "validation": VALIDATION,
    "buffer": BUFFER,
    "left out": LEFT_OUT,
    "test": TEST,
}


@dataclass(frozen=True, eq=False)
class Split:
    """Which part of a scene trains, which validates and which tests.

    Attributes:
        roles: Role of each cell (h, w).
        cell_px: Side of a cell.
        blocks: Validation blocks, in pixels.
        buffer_px: Width of the margin around each block that belongs to no part.
        shape_px: Height and width of the scene.
        counts: Reference pixels of each part, by the names in `PARTS`; the test part only where
            there is one.
        test_blocks: Blocks that choose nothing, in pixels.
    """

    roles: NDArray[np.uint8]
    cell_px: int
    blocks: tuple[Window, ...]
    buffer_px: int
    shape_px: tuple[int, int]
    counts: dict[str, int]
    test_blocks: tuple[Window, ...] = ()

    @classmethod
    def of_blocks(cls, cells: CellCounts, blocks: Sequence[Window], buffer: int) -> Split:
        """Return the split with given validation blocks.

        Args:
            blocks: Validation blocks, in cells.
            buffer: Width of the buffer around each, in cells.
        """
        height, width = cells.count.shape
        roles = np.full((height, width), TRAINING, np.uint8)
        for block in blocks:
            roles[block.grown(buffer).clipped(height, width).slices] = BUFFER
        for block in blocks:
            roles[block.slices] = VALIDATION
        size = cells.size_px
        windows = tuple(
            Window(b.row * size, b.col * size, b.height * size, b.width * size).clipped(
                *cells.shape_px
            )
            for b in blocks
        )
        counts = _counts(cells, roles)
        return cls(roles, size, windows, buffer * size, cells.shape_px, counts)

    @classmethod
    def full(cls, cells: CellCounts) -> Split:
        """Return the split that trains on the whole scene."""
        return cls.of_blocks(cells, (), 0)

    @classmethod
    def held_out(cls, cells: CellCounts) -> Split:
        """Return the split by which the whole scene validates, as one block."""
        return cls.of_blocks(cells, (Window(0, 0, *cells.count.shape),), 0)

    @classmethod
    def unused(cls, cells: CellCounts) -> Split:
        """Return the split by which nothing of the scene trains or validates."""
        split = cls.full(cells)
        return split.with_roles(np.full_like(split.roles, LEFT_OUT), cells)

    def with_roles(self, roles: NDArray[np.uint8], cells: CellCounts) -> Split:
        """Return the split with other roles of cells (h, w)."""
        return replace(self, roles=roles, counts=_counts(cells, roles))

    def with_test(self, blocks: Sequence[Window], cells: CellCounts) -> Split:
        """Return the split in which some of its validation blocks test instead."""
        roles = self.roles.copy()
        for block in blocks:
            roles[cells_of(block, cells)] = TEST
        return replace(
            self.with_roles(roles, cells),
            blocks=tuple(block for block in self.blocks if block not in blocks),
            test_blocks=tuple(blocks),
        )

    def reduced(self, cells: CellCounts, fraction: float, rng: np.random.Generator) -> Split:
        """Return a split that trains on a share of its training part only.

        Whole squares of a footprint's side are left out, since neighbours within one hold the same
        information.

        Args:
            fraction: Share of the training part to keep, above 0.
            rng: Draws the squares.
        """
        if fraction >= 1:
            return self
        height, width = self.roles.shape
        rows, cols = np.indices((height, width)) // CELLS_PER_LENGTH
        square = rows * (width // CELLS_PER_LENGTH + 1) + cols
        count = np.where(self.roles == TRAINING, cells.count, 0)
        sums = np.bincount(square.ravel(), count.ravel())
        order = rng.permutation(np.nonzero(sums)[0])
        # squares in random order until the share is reached
        needed = int(np.searchsorted(np.cumsum(sums[order]), fraction * sums.sum())) + 1
        kept = np.isin(square, order[:needed])
        roles = np.where((self.roles == TRAINING) & ~kept, LEFT_OUT, self.roles)
        return self.with_roles(roles.astype(np.uint8), cells)

    def has(self, role: int, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) of pixels has a role; nowhere beyond the scene."""
        inside = window.clipped(*self.shape_px)
        rows = np.arange(inside.row, inside.stop_row)
        cols = np.arange(inside.col, inside.stop_col)
        found = np.zeros((window.height, window.width), bool)
        place = inside.moved(-window.row, -window.col).slices
        found[place] = (self.roles == role)[np.ix_(rows // self.cell_px, cols // self.cell_px)]
        return found

    def training(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) trains: farther from every block than the buffer."""
        return self.has(TRAINING, window)

    def validation(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) validates."""
        return self.has(VALIDATION, window)

    def testing(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) tests."""
        return self.has(TEST, window)

    def training_at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where windows of given rows (B, h) and columns (B, w) train, (B, h, w)."""
        train = self.roles == TRAINING
        result: NDArray[np.bool_] = train[
            (rows // self.cell_px)[:, :, None], (cols // self.cell_px)[:, None, :]
        ]
        return result

    def roles_of(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the role of each observation (N,): that of the cell which its centre lies in."""
        rows, cols = (
            np.minimum(at.astype(np.int64) // self.cell_px, side - 1)
            for at, side in zip((observations.row, observations.col), self.roles.shape, strict=True)
        )
        found: NDArray[np.uint8] = self.roles[rows, cols]
        return found

    def to_dict(self) -> dict[str, object]:
        """Return the split as JSON values."""
        found: dict[str, object] = {
            "blocks": [[b.row, b.col, b.height, b.width] for b in self.blocks],
            "buffer_px": self.buffer_px,
            "shape_px": list(self.shape_px),
            "reference_pixels": dict(self.counts),
        }
        if self.test_blocks:
            found["test_blocks"] = [[b.row, b.col, b.height, b.width] for b in self.test_blocks]
        return found


def cells_of(block: Window, cells: CellCounts) -> tuple[slice, slice]:
    """Return the cells of a block of pixels as an index; blocks consist of whole cells."""
    size = cells.size_px
    return (
        slice(block.row // size, -(-block.stop_row // size)),
        slice(block.col // size, -(-block.stop_col // size)),
    )


Splits = Mapping[str, Split]
"""Splits of scenes, by the scenes' names."""


def training_scenes(splits: Splits) -> list[str]:
    """Return the names of the scenes that train."""
    return [name for name, split in splits.items() if split.counts["training"]]


def validation_scenes(splits: Splits) -> list[str]:
    """Return the names of the scenes that validate."""
    return [name for name, split in splits.items() if split.blocks]


def part_counts(splits: Splits) -> dict[str, int]:
    """Return the reference pixels of each part, of all scenes together."""
    names = {name for split in splits.values() for name in split.counts}
    return {name: sum(split.counts[name] for split in splits.values()) for name in sorted(names)}


def _counts(cells: CellCounts, roles: NDArray[np.uint8]) -> dict[str, int]:
    counts = {name: int(cells.count[roles == role].sum()) for name, role in PARTS.items()}
    if not (roles == TEST).any():
        del counts["test"]
    return counts
