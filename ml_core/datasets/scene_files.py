"""The files of one scene of a training set: written as a whole, and read memory-mapped."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final  # Any: arrays of several types

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..observation.observations import Observations
from . import records
from .cells import CellCounts
from .records import SceneRecord

SCENE: Final = "scene.json"
_PIXELS, _CELLS, _UNCERTAINTY = "pixels.npy", "cells.npz", "uncertainty.npy"
_OBSERVATIONS, _POLYGONS = "observations.npz", "polygons.npy"


@dataclass(frozen=True)
class SceneArrays:
    """What the files of a scene hold.

    Attributes:
        pixels: Channels and reference (H, W, C + 1), memory-mapped.
        cells: The reference counted by cells.
        sums: Sums over each cell of channels and reference (h, w, C + 1).
        uncertainty_percent: Of the reference (H, W), memory-mapped; None where it has none.
        observations: The reference at its own cells, or by polygons; None where it is as fine as
            the pixels, and in older sets.
        polygons: Numbers of polygons (H, W), memory-mapped; None where it is no chart.
    """

    pixels: NDArray[np.float32]
    cells: CellCounts
    sums: NDArray[np.float64]
    uncertainty_percent: NDArray[np.float16] | None
    observations: Observations | None
    polygons: NDArray[np.int32] | None

    @classmethod
    def read(cls, folder: Path, shape_px: tuple[int, int], depth: int) -> SceneArrays:
        """Return what a scene's folder holds.

        Args:
            folder: The folder.
            shape_px: Height and width that its record gives.
            depth: C + 1.

        Raises:
            SeaIceError: A file is missing, damaged, or contradicts the record or another file.
        """
        try:
            pixels = np.load(folder / _PIXELS, mmap_mode="r")
            with np.load(folder / _CELLS) as arrays:
                cells = CellCounts(
                    int(arrays["size_px"]), arrays["count"], arrays["histogram"], shape_px
                )
                sums = arrays["sums"]
            uncertainty, polygons = (
                np.load(folder / name, mmap_mode="r") if (folder / name).exists() else None
                for name in (_UNCERTAINTY, _POLYGONS)
            )
            observations = _observations(folder / _OBSERVATIONS)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise damaged(folder, str(error)) from error
        if pixels.shape != (*shape_px, depth) or pixels.dtype != np.float32:
            raise damaged(folder, f"pixels of shape {pixels.shape}, {pixels.dtype}")
        if uncertainty is not None and uncertainty.shape != shape_px:
            raise damaged(folder, f"uncertainty of shape {uncertainty.shape}")
        if polygons is not None and (polygons.shape != shape_px or observations is None):
            raise damaged(folder, f"polygons of shape {polygons.shape}, or without {_OBSERVATIONS}")
        return cls(pixels, cells, sums, uncertainty, observations, polygons)


class NewScene:
    """A scene that is being written.

    Args:
        folder: Its folder, not yet part of the set.
        shape: Height, width and C + 1.
        has_uncertainty: Whether the reference has one.
        has_polygons: Whether it is a chart whose polygons are known.

    Attributes:
        array: Memory-mapped pixels and reference to fill, (H, W, C + 1).
        uncertainty: Memory-mapped uncertainty in percent to fill, (H, W); None where there is none.
        polygons: Memory-mapped numbers of polygons to fill, (H, W); None where there are none.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int, int],
        has_uncertainty: bool = False,
        has_polygons: bool = False,
    ) -> None:
        self._folder = folder
        self.array: NDArray[np.float32] = _allocated(folder / _PIXELS, shape, np.float32)
        self.uncertainty: NDArray[np.float16] | None = None
        if has_uncertainty:
            self.uncertainty = _allocated(folder / _UNCERTAINTY, shape[:2], np.float16)
        self.polygons: NDArray[np.int32] | None = None
        if has_polygons:
            self.polygons = _allocated(folder / _POLYGONS, shape[:2], np.int32)

    def finish(
        self,
        cells: CellCounts,
        sums: NDArray[np.float64],
        record: SceneRecord,
        observations: Observations | None = None,
    ) -> None:
        """Write everything but the pixels, which are filled."""
        if observations is not None:
            np.savez(self._folder / _OBSERVATIONS, **vars(observations))
        np.savez(
            self._folder / _CELLS,
            size_px=cells.size_px,
            count=cells.count,
            histogram=cells.histogram,
            sums=sums,
        )
        records.write(record, self._folder / SCENE)

    def close(self) -> None:
        """Write the pixels to the disk and let go of them; may be called again."""
        for array in (self.array, self.uncertainty, self.polygons):
            if isinstance(array, np.memmap):
                array.flush()
        self.array, self.uncertainty = np.empty((0, 0, 0), np.float32), None
        self.polygons = None


def _allocated(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a memory-mapped array to fill, whose space on the disk is taken.

    Raises:
        OSError: The disk has not so much space.
    """
    needed = np.dtype(dtype).itemsize * int(np.prod(shape)) + 4096
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 2**30:.2f} GiB are needed")
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # taken now: a disk that is full later would be a crash of the process
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _observations(path: Path) -> Observations | None:
    """Return what was written by `NewScene.finish`; None where nothing was.

    Raises:
        ValueError: Its arrays differ in length.
        KeyError: One is missing.
    """
    if not path.exists():
        return None
    names = [field.name for field in dataclasses.fields(Observations)]
    with np.load(path) as arrays:
        found = {name: arrays[name] for name in names}
    footprint_px = float(found.pop("footprint_px"))
    shapes = {values.shape for values in found.values()}
    if len(shapes) != 1 or len(shapes.pop()) != 1:
        raise ValueError(f"arrays of different shapes in {path.name}")
    return Observations(**found, footprint_px=footprint_px)


def damaged(folder: Path, why: str) -> SeaIceError:
    """Return the error of a scene's folder that cannot be read.

    Args:
        folder: The folder.
        why: What was found.
    """
    return SeaIceError(
        f"{folder}: the scene is damaged ({why}); add it again, or remove its folder"
    )
