"""The data that a network learns from: one scene and its reference, ready to draw chips from."""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..events import Reporter
from ..observation.estimate import estimate_footprint_px
from ..raster.grid import Grid, Window
from ..raster.reference import Reference, ReferenceOnGrid
from ..raster.scene import Scene
from .cells import Cells
from .normalisation import Moments

_TILE_PX: Final = 512
_MOST_SIDE_PX: Final = 1000
"""The footprint is estimated on every n-th pixel of a reference with longer sides."""

_LARGEST_FOOTPRINT_M: Final = 60e3
"""No radiometer for SIC averages over more (19 GHz: 45 x 69 km)."""

_FOOTPRINTS_PER_CHIP: Final = 2
_CHIPS_PER_LENGTH: Final = 8


@dataclass(frozen=True)
class TrainingData:
    """A scene and its reference on one grid.

    Attributes:
        store: Pixels and reference SIC in percent (H, W, C + 1), NaN where there is none, and no
            reference without pixels; memory-mapped.
        cells: The reference counted by cells.
        sums: Sums over each cell of the pixels and the reference, where both are (h, w, C + 1).
        grid: The grid.
        channels: Names of the C channels.
        footprint_m: Footprint of the reference.
        length_px: Distance at which reference values are held to be independent: the footprint,
            or an eighth of a chip where that is more.
        moments: Of all pixels that have a reference, where they are known already.
        provenance: Names of the layers and what else the model card says of them.
        notes: What the analyst should know.
    """

    store: NDArray[np.float32]
    cells: Cells
    sums: NDArray[np.float64]
    grid: Grid
    channels: tuple[str, ...]
    footprint_m: float
    length_px: float
    moments: Moments | None = None
    provenance: dict[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def footprint_px(self) -> float:
        """The footprint in pixels of the grid."""
        return self.footprint_m / self.grid.resolution_m

    def footprints(self, pixels: int) -> float:
        """Return how many independent footprints so many reference pixels make."""
        return pixels / max(1.0, self.footprint_px) ** 2


def footprint_m(reference: Reference, given_m: float | None) -> tuple[float, str]:
    """Return the reference's footprint and, where it was estimated, a line that says so.

    What the analyst or the file says counts. Else a reference that changes over several pixels at
    its steepest was interpolated: its footprint is estimated, since values within one footprint
    of each other are not independent and must not be split between training and validation.

    Args:
        reference: The reference.
        given_m: What the analyst says; None or 0: nothing.
    """
    known = reference.footprint_m
    if given_m or known > 1.01 * reference.resolution_m:
        return known, ""
    step = max(1, math.ceil(max(reference.own_grid.shape) / _MOST_SIDE_PX))
    sic, valid = _thinned(reference, step)
    pixels = estimate_footprint_px(sic, valid) * step
    estimate = min(pixels * reference.resolution_m, _LARGEST_FOOTPRINT_M)
    if pixels <= 2 * step:
        return known, ""
    return estimate, (
        f"{reference.label}: its SIC changes no faster than over {estimate / 1000:.1f} km"
        f" ({pixels:.0f} pixels), so it was interpolated from a footprint of that size, by which"
        " training and validation are kept apart. Give the Footprint if you know it"
    )


def resolution_m(given_m: float | None, footprint_m: float, chip_px: int) -> float | None:
    """Return the pixel size to ask of the scene; None: HH's own.

    Args:
        given_m: What the analyst says; 0: HH's own; None: a chip spans two footprints, and the
            scene takes HH's own where that would be finer.
        footprint_m: Footprint of the reference.
        chip_px: Side of a chip.
    """
    if given_m is None:
        return _FOOTPRINTS_PER_CHIP * footprint_m / chip_px
    return given_m or None


@contextmanager
def collected(
    scene: Scene,
    reference: Reference,
    footprint_m: float,
    chip_px: int,
    report: Reporter,
) -> Iterator[TrainingData]:
    """Write a scene and its reference to a temporary store that chips are drawn from.

    Args:
        scene: The scene.
        reference: The reference.
        footprint_m: Its footprint.
        chip_px: Side of a chip.
        report: Receives progress 0-1.

    Raises:
        SeaIceError: The scene is smaller than a chip, scene and reference have no valid pixel in
            common, or the disk is full.
    """
    grid = scene.grid
    if min(grid.shape) < chip_px:
        raise SeaIceError(
            f"{scene.label}: the scene has {grid.height} x {grid.width} px of"
            f" {grid.resolution_m:.4g} m, less than a chip of {chip_px} x {chip_px} px; give a"
            " larger scene, a finer Resolution, or a smaller Chip size"
        )
    length_px = max(footprint_m / grid.resolution_m, chip_px / _CHIPS_PER_LENGTH)
    depth = len(scene.channels) + 1
    # the file has no name where the system allows it, so a killed run leaves nothing behind
    with tempfile.TemporaryFile(prefix="seaice-chips-") as file:
        store = _allocated(file, (*grid.shape, depth))
        cells, sums = fill(store, scene, reference.on(grid), length_px, report)
        if not cells.count.any():
            raise SeaIceError(
                f"{scene.label} and {reference.label} have no valid pixel in common; check the"
                " nodata values of both, and that the reference is of the scene's day and region"
            )
        yield TrainingData(
            store,
            cells,
            sums,
            grid,
            scene.channels,
            footprint_m,
            length_px,
            provenance={"acquisition": scene.acquisition},
            notes=(*scene.notes, *reference.notes),
        )


def _allocated(file: IO[bytes], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an array on a file, whose space on the disk is taken now: later it would be a crash.

    Raises:
        SeaIceError: The disk has not so much space.
    """
    size = 4 * math.prod(shape)
    folder = tempfile.gettempdir()
    try:
        if shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        return np.memmap(file, np.float32, "r+", shape=shape)
    except OSError as error:
        raise SeaIceError(
            f"{folder}: the chips need {size / 2**30:.1f} GiB of temporary space there"
            f" ({error.strerror}); free some, set TMPDIR to a larger disk, or give a coarser"
            " Resolution"
        ) from error


def fill(
    store: NDArray[np.float32],
    scene: Scene,
    reference: ReferenceOnGrid,
    length_px: float,
    report: Reporter,
) -> tuple[Cells, NDArray[np.float64]]:
    """Fill a store window by window.

    Args:
        store: Becomes pixels and reference SIC in percent (H, W, C + 1), NaN where there is none.
        scene: The scene.
        reference: The reference on its grid.
        length_px: Distance that the cells' size is measured by.
        report: Receives progress 0-1.

    Returns:
        The reference by cells, and the sums over each cell (h, w, C + 1) of what was filled in.
    """
    height, width = scene.grid.shape
    cells = Cells.empty((height, width), length_px)
    sums = np.zeros((*cells.count.shape, store.shape[2]))
    # windows of whole cells
    side = max(1, _TILE_PX // cells.size_px) * cells.size_px
    places = [(row, col) for row in range(0, height, side) for col in range(0, width, side)]
    for number, (row, col) in enumerate(places):
        window = Window(row, col, side, side).clipped(height, width)
        values, valid = scene.read(window)
        sic, known = reference.read(window)
        pixels = np.concatenate([np.where(valid, values, np.nan), sic[None]])  # (C + 1, h, w)
        pixels[-1, ~(valid & known)] = np.nan
        store[window.slices] = pixels.transpose(1, 2, 0)
        cells.add(row, col, pixels[-1])
        _add_sums(sums, pixels, row // cells.size_px, col // cells.size_px, cells.size_px)
        report.progress((number + 1) / len(places))
    return cells, sums


def _add_sums(
    sums: NDArray[np.float64], pixels: NDArray[np.float32], row: int, col: int, size_px: int
) -> None:
    """Add a window's pixels (C + 1, h, w), where they have a reference, to its cells' sums."""
    counted = np.where(np.isfinite(pixels[-1]), pixels, 0).astype(np.float64)
    rows = np.arange(0, pixels.shape[1], size_px)
    cols = np.arange(0, pixels.shape[2], size_px)
    added = np.add.reduceat(np.add.reduceat(counted, rows, axis=1), cols, axis=2)
    sums[row : row + len(rows), col : col + len(cols)] += added.transpose(1, 2, 0)


def _thinned(reference: Reference, step: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return every n-th row and column of a reference on its own grid, read in strips."""
    grid = reference.own_grid
    sic, valid = [], []
    for row in range(0, grid.height, _TILE_PX * step):
        window = Window(row, 0, _TILE_PX * step, grid.width).clipped(*grid.shape)
        values, holds = reference.read_own(window)
        sic.append(values[::step, ::step])
        valid.append(holds[::step, ::step])
    return np.concatenate(sic), np.concatenate(valid)
