"""Three parts of a scene: training, validation that chooses the epoch, and test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Window
from .cells import Cells
from .split import Split, draw_split

TEST: Final = 4
"""Role of the cells of test blocks, beside those of `training.split`."""


@dataclass(frozen=True, eq=False)
class ThreePartSplit(Split):
    """A split whose training part also keeps its distance from test blocks.

    Attributes:
        test: Test blocks, in pixels.
    """

    test: tuple[Window, ...] = ()

    def testing(self, window: Window) -> NDArray[np.bool_]:
        """Return where a window (h, w) tests."""
        return self._has(TEST, window)

    def to_dict(self) -> dict[str, object]:
        """Return the split as JSON values."""
        return {
            **super().to_dict(),
            "test_blocks": [[b.row, b.col, b.height, b.width] for b in self.test],
        }


def draw_parts(
    cells: Cells,
    length_px: float,
    validation_fraction: float,
    test_fraction: float,
    rng: np.random.Generator,
) -> ThreePartSplit:
    """Return validation and test blocks spread over the scene, each with a buffer to training.

    Blocks for both together are drawn as for a training, then dealt out so that each part gets its
    share and the two have the same distribution of SIC. A validation block may touch a test block:
    validation only chooses the epoch.

    Args:
        cells: The reference.
        length_px: Footprint of the reference.
        validation_fraction: Share of the reference that validates, above 0.
        test_fraction: Share of the reference that tests; 0: none.
        rng: Draws the blocks.

    Raises:
        SeaIceError: There is no validation, or the scene is too small.
    """
    if validation_fraction <= 0:
        raise SeaIceError(
            "Validation fraction 0: a comparison needs validation blocks, which tell fitted from"
            " over-fitted; give 0.1 or more"
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
    test = tuple(drawn.blocks[i] for i in chosen)
    roles = drawn.roles.copy()
    for block in test:
        roles[_cells_of(block, cells)] = TEST
    tested = int(cells.count[roles == TEST].sum())
    return ThreePartSplit(
        roles,
        drawn.cell_px,
        tuple(block for block in drawn.blocks if block not in test),
        drawn.buffer_px,
        drawn.shape_px,
        {**drawn.counts, "validation": drawn.counts["validation"] - tested, "test": tested},
        test,
    )


def _cells_of(block: Window, cells: Cells) -> tuple[slice, slice]:
    """Return a block's cells as an index; blocks consist of whole cells."""
    size = cells.size_px
    return (
        slice(block.row // size, -(-block.stop_row // size)),
        slice(block.col // size, -(-block.stop_col // size)),
    )


def _histogram(cells: Cells, block: Window) -> NDArray[np.int64]:
    summed: NDArray[np.int64] = cells.histogram[_cells_of(block, cells)].sum((0, 1))
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
