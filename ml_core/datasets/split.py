"""The split of a scene into training and validation parts that are separated in space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Window
from .block_search import LEAST_TRAINING, Draw, best_blocks, clip, grown
from .cells import CELLS_PER_LENGTH, Cells

_WIDE, _NARROW = 1.5, 1.0
"""Buffers tried, in footprints: Gaussian footprints correlate 0.04 at 1.5 and 0.25 at 1."""

_ENOUGH_TRAINING: Final = 0.5
"""The narrow buffer is taken where the wide one leaves less than this share of the reference."""


LEFT_OUT, TRAINING, VALIDATION, BUFFER = range(4)
"""Roles of cells. What is left out is neither near the validation part nor trained on."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which part of a scene validates and which trains.

    Attributes:
        roles: Role of each cell (h, w).
        cell_px: Side of a cell.
        blocks: Validation blocks, in pixels.
        buffer_px: Width of the margin around each block that belongs to neither part.
        shape_px: Height and width of the scene.
        counts: Reference pixels of each part: training, validation, buffer, left out.
    """

    roles: NDArray[np.uint8]
    cell_px: int
    blocks: tuple[Window, ...]
    buffer_px: int
    shape_px: tuple[int, int]
    counts: dict[str, int]

    def validation(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) validates."""
        return self._has(VALIDATION, window)

    def training(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) trains: farther from every block than the buffer."""
        return self._has(TRAINING, window)

    def training_at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where windows of given rows (B, h) and columns (B, w) train, (B, h, w)."""
        train = self.roles == TRAINING
        result: NDArray[np.bool_] = train[
            (rows // self.cell_px)[:, :, None], (cols // self.cell_px)[:, None, :]
        ]
        return result

    def to_dict(self) -> dict[str, object]:
        """Return what the model card says of the split."""
        return {
            "blocks": [[b.row, b.col, b.height, b.width] for b in self.blocks],
            "buffer_px": self.buffer_px,
            "shape_px": list(self.shape_px),
            "reference_pixels": dict(self.counts),
        }

    def _has(self, role: int, window: Window) -> NDArray[np.bool_]:
        inside = window.clipped(*self.shape_px)
        rows = np.arange(inside.row, inside.stop_row)
        cols = np.arange(inside.col, inside.stop_col)
        found = np.zeros((window.height, window.width), bool)
        top, left = inside.row - window.row, inside.col - window.col
        found[top : top + inside.height, left : left + inside.width] = (self.roles == role)[
            np.ix_(rows // self.cell_px, cols // self.cell_px)
        ]
        return found


def whole(cells: Cells) -> Split:
    """Return the split that trains on everything."""
    return _as_split(cells, (), 0)


def held_out(cells: Cells) -> Split:
    """Return the split by which the whole scene validates, as one block."""
    return _as_split(cells, (Window(0, 0, *cells.count.shape),), 0)


def unused(cells: Cells) -> Split:
    """Return the split by which nothing of the scene trains or validates."""
    split = _as_split(cells, (), 0)
    roles = np.full_like(split.roles, LEFT_OUT)
    return replace(split, roles=roles, counts=_counts(cells, roles))


def reduced(split: Split, cells: Cells, fraction: float, rng: np.random.Generator) -> Split:
    """Return a split that trains on a share of its training part only.

    Whole squares of a footprint's side are left out, since neighbours within one hold the same
    information.

    Args:
        split: The split.
        cells: The reference.
        fraction: Share of the training part to keep, above 0.
        rng: Draws the squares.
    """
    if fraction >= 1:
        return split
    height, width = split.roles.shape
    rows, cols = np.indices((height, width)) // CELLS_PER_LENGTH
    square = rows * (width // CELLS_PER_LENGTH + 1) + cols
    count = np.where(split.roles == TRAINING, cells.count, 0)
    sums = np.bincount(square.ravel(), count.ravel())
    order = rng.permutation(np.nonzero(sums)[0])
    # squares in random order until the share is reached
    needed = int(np.searchsorted(np.cumsum(sums[order]), fraction * sums.sum())) + 1
    kept = np.isin(square, order[:needed])
    roles = np.where((split.roles == TRAINING) & ~kept, LEFT_OUT, split.roles).astype(np.uint8)
    return replace(split, roles=roles, counts=_counts(cells, roles))


def draw_split(
    cells: Cells,
    length_px: float,
    fraction: float,
    rng: np.random.Generator,
) -> Split:
    """Return validation blocks spread over the scene and its SIC, with a buffer around each.

    Sets of square blocks, none smaller than `length_px`, are drawn at random. The one is kept that
    comes closest to the fraction asked, whose validation and training parts have the scene's
    distribution of SIC, which is spread over the scene, and which loses least to the buffer.

    Args:
        cells: The reference.
        length_px: Footprint of the reference; the buffer is 1.5 of it where that leaves half of the
            reference for training, else 1.
        fraction: Share of the reference to validate, 0-0.5.
        rng: Draws the sets.

    Raises:
        SeaIceError: The scene is too small for the split.
    """
    if fraction == 0:
        return whole(cells)
    best: Draw | None = None
    for factor in (_WIDE, _NARROW):
        buffer = max(1, math.ceil(factor * length_px / cells.size_px))
        best = best_blocks(cells, buffer, length_px, fraction, rng)
        if best is not None and best.training >= _ENOUGH_TRAINING:
            break
    if best is None:
        raise SeaIceError(_too_small(cells, length_px, fraction))
    return _as_split(cells, best.blocks, buffer)


def draw_folds(cells: Cells, length_px: float, folds: int) -> list[Split]:
    """Return splits for cross-validation, whose validation parts together cover the scene once.

    The scene is halved again and again across its longer side into parts of equal reference; each
    part validates once, with a buffer of one footprint around it.

    Args:
        cells: The reference.
        length_px: Footprint of the reference.
        folds: Number of parts.

    Raises:
        SeaIceError: A part is too small.
    """
    height, width = cells.count.shape
    parts = _halved(cells.count, Window(0, 0, height, width), folds)
    buffer = max(1, math.ceil(_NARROW * length_px / cells.size_px))
    splits = [_as_split(cells, (part,), buffer) for part in parts]
    total = int(cells.count.sum())
    for part, split in zip(parts, splits, strict=True):
        small = min(part.height, part.width) * cells.size_px < length_px
        if small or split.counts["training"] < LEAST_TRAINING * total:
            raise SeaIceError(
                f"{folds} folds are too many for this scene: a fold of"
                f" {part.height * cells.size_px} x {part.width * cells.size_px} px leaves"
                f" {split.counts['training']} of {total} reference pixels for training beyond a"
                f" buffer of {buffer * cells.size_px} px; give fewer folds or a larger scene"
            )
    return splits


def _halved(count: NDArray[np.int64], part: Window, number: int) -> list[Window]:
    """Return a part cut into a number of parts of equal reference, across its longer side."""
    if number == 1:
        return [part]
    first = number // 2
    axis = 0 if part.height >= part.width else 1
    sums = np.cumsum(count[part.slices].sum(1 - axis))
    cut = int(np.searchsorted(sums, sums[-1] * first / number)) + 1
    cut = min(max(cut, 1), len(sums) - 1) if len(sums) > 1 else 1
    if axis == 0:
        one = Window(part.row, part.col, cut, part.width)
        two = Window(part.row + cut, part.col, part.height - cut, part.width)
    else:
        one = Window(part.row, part.col, part.height, cut)
        two = Window(part.row, part.col + cut, part.height, part.width - cut)
    return _halved(count, one, first) + _halved(count, two, number - first)


def _as_split(cells: Cells, blocks: Sequence[Window], buffer: int) -> Split:
    """Return the split with given validation blocks and buffer, both in cells."""
    roles = np.full(cells.count.shape, TRAINING, np.uint8)
    for block in blocks:
        roles[clip(grown(block, buffer), roles.shape)] = BUFFER
    for block in blocks:
        roles[block.slices] = VALIDATION
    size = cells.size_px
    windows = tuple(
        Window(b.row * size, b.col * size, b.height * size, b.width * size).clipped(*cells.shape_px)
        for b in blocks
    )
    return Split(roles, size, windows, buffer * size, cells.shape_px, _counts(cells, roles))


def _counts(cells: Cells, roles: NDArray[np.uint8]) -> dict[str, int]:
    names = {"training": TRAINING, "validation": VALIDATION, "buffer": BUFFER, "left out": LEFT_OUT}
    return {name: int(cells.count[roles == role].sum()) for name, role in names.items()}


def _too_small(cells: Cells, length_px: float, fraction: float) -> str:
    height, width = cells.shape_px
    return (
        f"the scene is too small for a validation part: {height} x {width} px,"
        f" {int(cells.count.sum())} of them with a reference, are {height / length_px:.1f} x"
        f" {width / length_px:.1f} footprints of {length_px:.0f} px, and {100 * fraction:g} %"
        " in at least two blocks of a footprint, with a buffer of a footprint around each, leave"
        f" less than {100 * LEAST_TRAINING:.0f} % for training; give a larger scene, a smaller"
        " Validation fraction, or 0 to fit without validation"
    )
