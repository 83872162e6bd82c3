"""The split of a scene into training and validation parts that are separated in space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Window
from .blocks import LEAST_TRAINING, Draw, best_blocks, clip, grown
from .cells import Cells

_WIDE, _NARROW = 1.5, 1.0
"""Buffers tried, in footprints: Gaussian footprints correlate 0.04 at 1.5 and 0.25 at 1."""

_ENOUGH_TRAINING: Final = 0.5
"""The narrow buffer is taken where the wide one leaves less than this share of the reference."""


@dataclass(frozen=True)
class Split:
    """Which part of a scene validates and which trains.

    Attributes:
        blocks: Validation blocks, in pixels.
        buffer_px: Width of the margin around each block that belongs to neither part.
        shape_px: Height and width of the scene.
        counts: Reference pixels of each part: training, validation, buffer.
    """

    blocks: tuple[Window, ...]
    buffer_px: int
    shape_px: tuple[int, int]
    counts: dict[str, int]

    def validation(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) validates."""
        return _inside(self.blocks, window)

    def training(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) trains: farther from every block than the buffer."""
        return ~_inside([grown(block, self.buffer_px) for block in self.blocks], window)

    def training_at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where windows of given rows (B, h) and columns (B, w) train, (B, h, w)."""
        kept = np.ones((*rows.shape, cols.shape[1]), bool)
        for block in self.blocks:
            near = grown(block, self.buffer_px)
            inside_rows = (rows >= near.row) & (rows < near.stop_row)
            inside_cols = (cols >= near.col) & (cols < near.stop_col)
            kept &= ~(inside_rows[:, :, None] & inside_cols[:, None, :])
        return kept

    def training_cells(self, cells: Cells) -> NDArray[np.bool_]:
        """Return which cells train (h, w); blocks and buffer consist of whole cells."""
        rows, cols = (np.arange(side) * cells.size_px for side in cells.count.shape)
        kept: NDArray[np.bool_] = self.training_at(rows[None], cols[None])[0]
        return kept

    def to_dict(self) -> dict[str, object]:
        """Return what the model card says of the split."""
        return {
            "blocks": [[b.row, b.col, b.height, b.width] for b in self.blocks],
            "buffer_px": self.buffer_px,
            "shape_px": list(self.shape_px),
            "reference_pixels": dict(self.counts),
        }


def whole(cells: Cells) -> Split:
    """Return the split that trains on everything."""
    counts = {"training": int(cells.count.sum()), "validation": 0, "buffer": 0}
    return Split((), 0, cells.shape_px, counts)


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
    validating = np.zeros(cells.count.shape, bool)
    kept = np.ones(cells.count.shape, bool)
    for block in blocks:
        validating[block.slices] = True
        kept[clip(grown(block, buffer), kept.shape)] = False
    validation, training = int(cells.count[validating].sum()), int(cells.count[kept].sum())
    total = int(cells.count.sum())
    size = cells.size_px
    windows = tuple(
        Window(b.row * size, b.col * size, b.height * size, b.width * size).clipped(*cells.shape_px)
        for b in blocks
    )
    counts = {
        "training": training,
        "validation": validation,
        "buffer": total - training - validation,
    }
    return Split(windows, buffer * size, cells.shape_px, counts)


def _inside(blocks: Sequence[Window], window: Window) -> NDArray[np.bool_]:
    """Return where a window (h, w) lies in one of the blocks."""
    inside = np.zeros((window.height, window.width), bool)
    for block in blocks:
        moved = Window(block.row - window.row, block.col - window.col, block.height, block.width)
        inside[clip(moved, inside.shape)] = True
    return inside


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
