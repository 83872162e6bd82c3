"""Splits of one scene into blocks: validation, folds, test, with buffers between them."""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Window
from .block_search import LEAST_TRAINING, Draw, best_blocks
from .cells import CellCounts
from .split import Split, cells_of

_WIDE, _NARROW = 1.5, 1.0
"""Buffers tried, in footprints: Gaussian footprints correlate 0.04 at 1.5 and 0.25 at 1."""

_ENOUGH_TRAINING: Final = 0.5
"""The narrow buffer is taken where the wide one leaves less than this share of the reference."""


def draw_split(
    cells: CellCounts,
    length_px: float,
    fraction: float,
    rng: np.random.Generator,
) -> Split:
    """Return validation blocks spread over the scene and its SIC, with a buffer around each.

    Sets of square blocks, none smaller than `length_px`, are drawn at random. The one is kept that
    comes closest to the fraction asked, whose validation and training parts have the scene's
    distribution of SIC, which is spread over the scene, and which loses least to the buffer.

    Args:
        length_px: The buffer is 1.5 of it where that leaves half of the reference for
            training, else 1.
        fraction: Share of the reference to validate, 0-0.5.
        rng: Draws the sets.

    Raises:
        SeaIceError: The scene is too small for the split.
    """
    if fraction == 0:
        return Split.full(cells)
    best: Draw | None = None
    for factor in (_WIDE, _NARROW):
        buffer = max(1, math.ceil(factor * length_px / cells.size_px))
        best = best_blocks(cells, buffer, length_px, fraction, rng)
        if best is not None and best.training >= _ENOUGH_TRAINING:
            break
    if best is None:
        raise SeaIceError(_too_small(cells, length_px, fraction))
    return Split.of_blocks(cells, best.blocks, buffer)


def draw_folds(cells: CellCounts, length_px: float, folds: int) -> list[Split]:
    """Return splits for cross-validation, whose validation parts together cover the scene once.

    The scene is halved again and again across its longer side into parts of equal reference; each
    part validates once, with a buffer of one footprint around it.

    Args:
        length_px: The buffer; no part is narrower.
        folds: Number of parts.

    Raises:
        SeaIceError: A part is too small.
    """
    height, width = cells.count.shape
    parts = _halved(cells.count, Window(0, 0, height, width), folds)
    buffer = max(1, math.ceil(_NARROW * length_px / cells.size_px))
    splits = [Split.of_blocks(cells, (part,), buffer) for part in parts]
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


def draw_split_with_test(
    cells: CellCounts,
    length_px: float,
    validation_fraction: float,
    test_fraction: float,
    rng: np.random.Generator,
) -> Split:
    """Return validation and test blocks spread over the scene, each with a buffer to training.

    Blocks for both together are drawn as for a training, then dealt out so that each part gets its
    share and the two have the same distribution of SIC. A validation block may touch a test block:
    validation only chooses the epoch.

    Args:
        length_px: The decorrelation length: buffer, and least side of a block.
        validation_fraction: Share of the reference that validates, above 0.
        test_fraction: Share of the reference that tests; 0: none.
        rng: Draws the blocks.

    Raises:
        SeaIceError: There is no validation, or the scene is too small.
    """
    if validation_fraction <= 0:
        raise SeaIceError(
            "Validation fraction 0: a comparison needs validation blocks, which show whether a"
            " network is over-fitted; give 0.1 or more"
        )
    both = validation_fraction + test_fraction
    if both > 0.6:
        raise SeaIceError(
            f"Validation fraction {validation_fraction:g} and Test fraction {test_fraction:g} leave"
            f" {1 - both:.2g} of the reference, less the buffers, to train on; give 0.6 or less"
            " together"
        )
    drawn = draw_split(cells, length_px, both, rng)
    chosen: tuple[int, ...] = ()
    if test_fraction:
        histograms = [_histogram(cells, block) for block in drawn.blocks]
        chosen = _best_share(histograms, test_fraction / both)
    return drawn.with_test([drawn.blocks[i] for i in chosen], cells)


def _histogram(cells: CellCounts, block: Window) -> NDArray[np.int64]:
    summed: NDArray[np.int64] = cells.histogram[cells_of(block, cells)].sum((0, 1))
    return summed


def _best_share(histograms: list[NDArray[np.int64]], share: float) -> tuple[int, ...]:
    """Return which blocks test, so that they hold that share and look like the others."""
    total = np.sum(histograms, axis=0)
    best: tuple[float, tuple[int, ...]] | None = None
    for number in range(1, len(histograms)):
        for chosen in itertools.combinations(range(len(histograms)), number):
            part = np.sum([histograms[i] for i in chosen], axis=0)
            rest = total - part
            if not part.sum() or not rest.sum():
                continue
            cost = 2 * abs(part.sum() / total.sum() - share) + float(
                np.abs(part / part.sum() - rest / rest.sum()).sum() / 2
            )
            if best is None or cost < best[0]:
                best = cost, chosen
    if best is None:
        raise SeaIceError(
            "the held-out blocks cannot be parted into validation and test: all of the reference in"
            " them lies in one; give a larger Validation fraction, or a Test fraction of 0"
        )
    return best[1]


def _too_small(cells: CellCounts, length_px: float, fraction: float) -> str:
    height, width = cells.shape_px
    return (
        f"the scene is too small for a validation part: {height} x {width} px,"
        f" {int(cells.count.sum())} of them with a reference, are {height / length_px:.1f} x"
        f" {width / length_px:.1f} footprints of {length_px:.0f} px, and {100 * fraction:g} %"
        " in at least two blocks of a footprint, with a buffer of a footprint around each, leave"
        f" less than {100 * LEAST_TRAINING:.0f} % for training; give a larger scene, a smaller"
        " Validation fraction, or 0 to fit without validation"
    )
