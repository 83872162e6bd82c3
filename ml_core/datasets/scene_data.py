"""Scene data: a scene and its reference on one grid, ready to draw chips from."""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..events import Reporter
from ..observation.cells import CellSums
from ..observation.observations import Observations, footprints_of, footprints_on
from ..observation.support import FWHM_PER_SIGMA, WIDER_THAN_CELL
from ..raster.grid import Grid, Window
from ..raster.ice_free import IceFree
from ..raster.polygon_bands import PolygonPixels
from ..raster.radiometry import Floats, Mask
from ..raster.reference import Reference
from .cells import CellCounts
from .normalisation import Moments
from .polygons import PolygonsOnScene

_TILE_PX: Final = 512
FOOTPRINTS_PER_CHIP: Final = 3
"""A chip spans so many footprints where the analyst gives no resolution: 38 % of the footprints
centred in it are then covered by nine tenths, in a chip of two 15 %."""

_LENGTHS_PER_CHIP: Final = 8


class SicOnGrid(Protocol):
    """SIC on the grid of a scene."""

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return SIC in percent (h, w), NaN where invalid, and the valid mask (h, w)."""
        raise NotImplementedError

    def read_uncertainty(self, window: Window) -> Floats:
        """Return one standard deviation in % SIC (h, w), NaN where it is not known."""
        raise NotImplementedError

    def read_polygons(self, window: Window) -> PolygonPixels:
        """Return which polygon each pixel lies in (h, w), of a chart."""
        raise NotImplementedError


class ReferenceSource(Protocol):
    """What a scene learns from: `raster.Reference`, or the chart that a scene's file holds."""

    label: str
    date: str
    polygons: str
    """Of a chart: ``numbered``, or ``connected`` where each connected region of one SIC is a
    polygon; else empty."""
    chart: str
    """The ice chart that it was made from, where that is known."""

    @property
    def notes(self) -> list[str]:
        """What was recognised."""
        raise NotImplementedError

    @property
    def has_uncertainty(self) -> bool:
        """Whether it holds the uncertainty of its values."""
        raise NotImplementedError

    def on(self, grid: Grid) -> SicOnGrid:
        """Return it as seen from a scene's grid."""
        raise NotImplementedError


class SceneSource(Protocol):
    """A scene to read: `raster.Scene`, or one of a file that holds its reference, too."""

    label: str
    grid: Grid
    channels: tuple[str, ...]
    acquisition: dict[str, str]
    notes: list[str]

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), NaN where invalid, and where all are valid (h, w)."""
        raise NotImplementedError


@dataclass(frozen=True)
class SceneData:
    """A scene and its reference on one grid.

    Attributes:
        array: Pixels and reference SIC in percent (H, W, C + 1), NaN where there is none, and no
            reference without pixels; memory-mapped.
        cells: The reference counted by cells.
        sums: Sums over each cell of the pixels and the reference, where both are (h, w, C + 1).
        grid: The grid.
        channels: Names of the C channels, as in `records.SetRecord`.
        footprint_m: Footprint of the reference.
        decorrelation_px: Distance at which reference values are held to be independent (see
            `decorrelation_px`).
        moments: Of all pixels that have a reference, where they are known already.
        acquisition: What the files say of the product they were made from (`raster.acquisition`).
        notes: What the analyst should know.
        uncertainty_percent: Of the reference (H, W), one standard deviation, NaN where unknown;
            memory-mapped; None where no value has one.
        observations: What the reference says, at its own cells; None where it is as fine as the
            pixels.
        polygons: Of a chart, which polygon each pixel lies in (H, W): its number among the
            observations, from 1; 0: none; memory-mapped. None for other references.
    """

    array: NDArray[np.float32]
    cells: CellCounts
    sums: NDArray[np.float64]
    grid: Grid
    channels: tuple[str, ...]
    footprint_m: float
    decorrelation_px: float
    moments: Moments | None = None
    acquisition: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    uncertainty_percent: NDArray[np.float16] | None = None
    observations: Observations | None = None
    polygons: NDArray[np.int32] | None = None

    @property
    def footprint_px(self) -> float:
        """The footprint in pixels of the grid."""
        return self.footprint_m / self.grid.resolution_m

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the channels (C, h, w), NaN where invalid, and the valid mask (h, w).

        Beyond the scene nothing is valid. As in `array` the channels of a pixel lie side by side.
        """
        inside = window.clipped(*self.grid.shape)
        place = inside.moved(-window.row, -window.col)
        pixels = np.full((window.height, window.width, len(self.channels)), np.nan, np.float32)
        pixels[place.slices] = self.array[inside.slices][..., :-1]
        return pixels.transpose(2, 0, 1), np.asarray(np.isfinite(pixels).all(-1))

    @property
    def is_chart(self) -> bool:
        """Whether the reference is a chart whose polygons are known."""
        return self.polygons is not None

    def footprints(self, pixels: int) -> float:
        """Return how many independent footprints so many reference pixels make.

        One is the area over which what footprints of a random field see is correlated: the integral
        of the correlation exp(-r^2 / 4 sigma^2), 4 pi sigma^2.
        """
        area = 4 * math.pi * (self.footprint_px / FWHM_PER_SIGMA) ** 2
        return pixels / max(1.0, area)


Scenes = Mapping[str, SceneData]
"""Scene data by the scenes' names."""


def resolution_m(given_m: float | None, footprint_m: float, chip_px: int) -> float | None:
    """Return the pixel size to ask of a scene; None: HH's own.

    Args:
        given_m: What the analyst gives; 0: HH's own; None: a chip spans three footprints, and the
            scene takes HH's own where that would be finer.
        footprint_m: Footprint of the reference.
    """
    if given_m is None:
        return FOOTPRINTS_PER_CHIP * footprint_m / chip_px
    return given_m or None


def decorrelation_px(footprint_m: float, resolution_m: float, chip_px: int) -> float:
    """Return the distance at which reference values are held to be independent, in pixels.

    It is the footprint, or an eighth of a chip where that is more: blocks of a few pixels would
    lie within every chip.
    """
    return max(footprint_m / resolution_m, chip_px / _LENGTHS_PER_CHIP)


def check_size(scene: SceneSource, chip_px: int) -> None:
    """Check that a chip fits into a scene.

    Raises:
        SeaIceError: The scene is smaller.
    """
    grid = scene.grid
    if min(grid.shape) < chip_px:
        raise SeaIceError(
            f"{scene.label}: the scene has {grid.height} x {grid.width} px of"
            f" {grid.resolution_m:.4g} m, less than a chip of {chip_px} x {chip_px} px; give a"
            " larger scene, a finer Resolution, or a smaller Chip size"
        )


@contextmanager
def collected(
    scene: SceneSource,
    reference: ReferenceSource,
    footprint_m: float,
    chip_px: int,
    report: Reporter,
) -> Iterator[SceneData]:
    """Read a scene and its reference into a temporary file that chips are drawn from.

    Raises:
        SeaIceError: The scene is smaller than a chip, scene and reference have no valid pixel in
            common, or the disk is full.
    """
    check_size(scene, chip_px)
    length_px = decorrelation_px(footprint_m, scene.grid.resolution_m, chip_px)
    # the file has no name where the system allows it, so a killed run leaves nothing behind
    with ExitStack() as files:

        def allocated(*shape: int, dtype: type[np.generic]) -> NDArray[Any]:  # Any: three types
            file = files.enter_context(tempfile.TemporaryFile(prefix="seaice-chips-"))
            return _allocated(file, shape, dtype)

        array = allocated(*scene.grid.shape, len(scene.channels) + 1, dtype=np.float32)
        uncertainty = None
        if reference.has_uncertainty:
            uncertainty = allocated(*scene.grid.shape, dtype=np.float16)
        pixels = None
        if reference.polygons:
            pixels = allocated(*scene.grid.shape, dtype=np.int32)
        polygons = polygons_of(reference, pixels)
        cells, sums = fill(array, scene, reference, length_px, report, uncertainty, polygons)
        yield SceneData(
            array,
            cells,
            sums,
            scene.grid,
            scene.channels,
            footprint_m,
            length_px,
            acquisition=scene.acquisition,
            notes=(*scene.notes, *reference.notes),
            uncertainty_percent=uncertainty,
            observations=observed(reference, scene.grid, footprint_m, array, polygons),
            polygons=pixels,
        )


def polygons_of(
    reference: ReferenceSource, pixels: NDArray[np.int32] | None
) -> PolygonsOnScene | None:
    """Return what gathers a chart's polygons in zeros (H, W); None for other references."""
    if pixels is None:
        return None
    return PolygonsOnScene(pixels, connected=reference.polygons == "connected")


def observed(
    reference: ReferenceSource,
    grid: Grid,
    footprint_m: float,
    array: NDArray[np.float32],
    polygons: PolygonsOnScene | None = None,
) -> Observations | None:
    """Return what a reference says of a scene, at its own cells where these are known.

    Args:
        array: Pixels and reference (H, W, C + 1), as `fill` fills it.
        polygons: Of a chart, as `fill` gathers them.

    Returns:
        None where the reference is as fine as the scene's pixels, and is no chart.
    """
    if polygons is not None:
        return polygons.observations()
    footprint_px = footprint_m / grid.resolution_m
    if footprint_px <= WIDER_THAN_CELL:
        return None
    if isinstance(reference, Reference):
        return footprints_of(reference, grid, footprint_m)
    if isinstance(reference, IceFree):
        return footprints_on(array[..., -1], footprint_px, reference.per_footprint)
    return footprints_on(array[..., -1], footprint_px)


def _allocated(
    file: IO[bytes], shape: tuple[int, ...], dtype: type[np.generic]
) -> NDArray[np.generic]:
    """Return an array on a file, whose space on the disk is taken now: later it would be a crash.

    Raises:
        SeaIceError: The disk has not so much space.
    """
    size = np.dtype(dtype).itemsize * math.prod(shape)
    folder = tempfile.gettempdir()
    try:
        if shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise SeaIceError(
            f"{folder}: the chips need {size / 2**30:.1f} GiB of temporary space there"
            f" ({error.strerror}); free some, set TMPDIR to a larger disk, or give a coarser"
            " Resolution"
        ) from error


def fill(
    array: NDArray[np.float32],
    scene: SceneSource,
    reference: ReferenceSource,
    length_px: float,
    report: Reporter,
    uncertainty: NDArray[np.float16] | None = None,
    polygons: PolygonsOnScene | None = None,
) -> tuple[CellCounts, NDArray[np.float64]]:
    """Fill an array window by window.

    Args:
        array: Becomes pixels and reference SIC in percent (H, W, C + 1), NaN where there is none.
        length_px: The decorrelation length, by which the cells' size is chosen.
        uncertainty: Becomes the reference's in percent (H, W), NaN where there is none.
        polygons: Gathers the polygons of a chart.

    Returns:
        The reference by cells, and the sums over each cell (h, w, C + 1) of what was filled in.

    Raises:
        SeaIceError: Scene and reference have no valid pixel in common.
    """
    on_grid = reference.on(scene.grid)
    height, width = scene.grid.shape
    cells = CellCounts.empty((height, width), length_px)
    sums = CellSums((height, width), cells.size_px, array.shape[2], np.float64)
    # windows of whole cells
    windows = list(scene.grid.window.blocks(max(1, _TILE_PX // cells.size_px) * cells.size_px))
    for number, window in enumerate(windows, 1):
        values, valid = scene.read(window)
        sic, known = on_grid.read(window)
        pixels = np.concatenate([np.where(valid, values, np.nan), sic[None]])  # (C + 1, h, w)
        pixels[-1, ~(valid & known)] = np.nan
        array[window.slices] = pixels.transpose(1, 2, 0)
        if uncertainty is not None:
            uncertainty[window.slices] = on_grid.read_uncertainty(window)
        if polygons is not None:
            polygons.add(window, on_grid.read_polygons(window), pixels[-1])
        cells.add(window.row, window.col, pixels[-1])
        sums.add(window, pixels, np.isfinite(pixels[-1]))
        report.progress(number / len(windows))
    if not cells.count.any():
        raise SeaIceError(
            f"{scene.label} and {reference.label} have no valid pixel in common; check the CRS and"
            " the nodata values of both, and that the reference is of the scene's day and region"
        )
    return cells, np.moveaxis(sums.sums, 0, -1).astype(np.float64)
