"""A training set on disk: a folder with a manifest and one folder for each scene.

    trainingset.json       what all scenes share
    scenes/NAME/scene.json    what is known of the scene
    scenes/NAME/pixels.npy    pixels and reference (H, W, C + 1), float32, read memory-mapped
    scenes/NAME/uncertainty.npy   of the reference (H, W), float16, where it is known
    scenes/NAME/polygons.npy  of a chart, the polygon of each pixel (H, W), int32
    scenes/NAME/cells.npz     the reference counted by cells
    scenes/NAME/observations.npz   the reference at its own cells; older sets have none

A scene is written in a folder whose name begins with a point and then renamed, so that it is there
as a whole or not at all, whenever the writing is interrupted.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from affine import Affine
from filelock import FileLock, Timeout
from rasterio.crs import CRS

from ..errors import SeaIceError
from ..observation.observations import footprints_on
from ..observation.support import WIDER_THAN_CELL
from ..raster.extra import ExpectedExtra
from ..raster.grid import Grid
from . import records
from .normalisation import Moments
from .records import SceneRecord, SetRecord
from .scene_data import SceneData, decorrelation_px
from .scene_files import SCENE, NewScene, SceneArrays, damaged

MANIFEST = "trainingset.json"
_SCENES, _LOCK = "scenes", ".lock"
_PART, _OLD = ".part", ".old"

RESOLUTION_TOLERANCE = 0.05
"""Scenes of a set may differ by this share in pixel size: their grids differ by whole pixels."""


class TrainingSet:
    """A training set.

    Args:
        shared: What its scenes share.

    Attributes:
        folder: Its folder.
        shared: What its scenes share.
    """

    def __init__(self, folder: Path, shared: SetRecord) -> None:
        self.folder = folder
        self.shared = shared

    @classmethod
    def open(cls, folder: str | Path) -> TrainingSet:
        """Return the training set in a folder.

        Raises:
            SeaIceError: There is none, or one that this version cannot read.
        """
        path = Path(folder)
        if not (path / MANIFEST).is_file():
            what = "is no training set" if path.is_dir() else "does not exist"
            raise SeaIceError(
                f"{path}: {what}; give the folder that Build training set wrote, which holds"
                f" {MANIFEST}"
            )
        return cls(path, records.read(SetRecord, path / MANIFEST))

    @classmethod
    def open_or_create(cls, folder: str | Path, shared: SetRecord) -> TrainingSet:
        """Return the training set in a folder, a new one where the folder is empty or absent.

        Raises:
            SeaIceError: The folder holds something else, or cannot be written.
        """
        path = Path(folder)
        if (path / MANIFEST).is_file():
            return cls.open(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            strange = [entry.name for entry in path.iterdir() if entry.name != _LOCK]
            if strange:
                raise SeaIceError(
                    f"{path}: holds {', '.join(sorted(strange)[:3])} but no training set; give a"
                    " new or empty folder, or that of a training set"
                )
            part = path / f".{MANIFEST}{_PART}"
            records.write(shared, part)
            os.replace(part, path / MANIFEST)
        except OSError as error:
            raise _failure(path, error) from error
        return cls(path, shared)

    def agreed_resolution_m(self, asked_m: float | None) -> float:
        """Return the set's resolution.

        Raises:
            SeaIceError: Another one is asked for.
        """
        own_m = self.shared.resolution_m
        if asked_m and abs(asked_m / own_m - 1) > RESOLUTION_TOLERANCE:
            raise SeaIceError(
                f"{self.folder}: its scenes have pixels of {own_m:.4g} m, Resolution {asked_m:g} m"
                " is asked for; leave Resolution empty, or build another set"
            )
        return own_m

    def check_fit(self, channels: tuple[str, ...], resolution_m: float, label: str) -> None:
        """Check that a scene has the set's channels and resolution.

        Raises:
            SeaIceError: It has not.
        """
        shared = self.shared
        if channels != shared.channels:
            raise SeaIceError(
                f"{label}: the scene has {', '.join(channels)}, the training set"
                f" {', '.join(shared.channels)}; all scenes of a set need the same channels"
            )
        if abs(resolution_m / shared.resolution_m - 1) > RESOLUTION_TOLERANCE:
            raise SeaIceError(
                f"{label}: has pixels of {resolution_m:.4g} m, the training set of"
                f" {shared.resolution_m:.4g} m; build a set with a coarser Resolution"
            )

    @property
    def extra(self) -> ExpectedExtra:
        """The extra channels that a scene must have."""
        whose = f"the training set {self.folder.name} has"
        return ExpectedExtra.among(self.shared.channels, whose, drops_others=False)

    @property
    def footprint_m(self) -> float | None:
        """Footprint of the references, the median where they differ; None without a scene."""
        found = [one.footprint_m for name in self.names() if (one := self.find(name))]
        return float(np.median(found)) if found else None

    def names(self) -> list[str]:
        """Return the names of the scenes' folders, sorted."""
        folder = self.folder / _SCENES
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")

    def record(self, name: str) -> SceneRecord:
        """Return what is known of a scene.

        Raises:
            SeaIceError: The scene is damaged.
        """
        folder = self.folder / _SCENES / name
        found = records.read(SceneRecord, folder / SCENE)
        if len(found.mean) != len(self.shared.channels):
            raise damaged(folder, f"{len(found.mean)} channels, {len(self.shared.channels)} asked")
        return found

    def find(self, name: str) -> SceneRecord | None:
        """Return what is known of a scene, None where it is not in the set or damaged."""
        if not (self.folder / _SCENES / name / SCENE).is_file():
            return None
        try:
            return self.record(name)
        except SeaIceError:
            return None

    def data(self, name: str) -> SceneData:
        """Return a scene, its pixels memory-mapped.

        Raises:
            SeaIceError: The scene is damaged.
        """
        found = self.record(name)
        folder = self.folder / _SCENES / name
        arrays = SceneArrays.read(folder, found.shape_px, len(self.shared.channels) + 1)
        grid = Grid(CRS.from_user_input(found.crs), Affine(*found.transform), *found.shape_px)
        observations, footprint_px = arrays.observations, found.footprint_m / grid.resolution_m
        if observations is None and footprint_px > WIDER_THAN_CELL:
            observations = footprints_on(arrays.pixels[..., -1], footprint_px)
        return SceneData(
            arrays.pixels,
            arrays.cells,
            arrays.sums,
            grid,
            self.shared.channels,
            found.footprint_m,
            decorrelation_px(found.footprint_m, grid.resolution_m, self.shared.chip_px),
            Moments(found.pixels, np.array(found.mean), np.square(found.std)),
            found.acquisition,
            found.notes,
            arrays.uncertainty_percent,
            observations,
            arrays.polygons,
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other runs from writing, and clean up what an interrupted one left.

        Raises:
            SeaIceError: Another run writes, or the folder cannot be written.
        """
        lock = FileLock(self.folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise SeaIceError(
                f"{self.folder}: another run adds a scene to this training set; wait for it, or"
                " stop it"
            ) from error
        except OSError as error:
            raise _failure(self.folder, error) from error
        try:
            self._tidy()
            yield
        finally:
            lock.release()

    @contextmanager
    def adding(
        self,
        name: str,
        shape: tuple[int, int],
        *,
        has_uncertainty: bool = False,
        has_polygons: bool = False,
    ) -> Iterator[NewScene]:
        """Give a place to write a scene to; it joins the set when its record has been written.

        Within `writing`. A scene of the same name is replaced.

        Args:
            name: Name of its folder.
            shape: Height and width.
            has_uncertainty: Whether the reference has one.
            has_polygons: Whether it is a chart whose polygons are known.

        Raises:
            SeaIceError: The disk is full, or the folder cannot be written.
        """
        target = self.folder / _SCENES / name
        part = target.with_name(f".{name}{_PART}")
        scene: NewScene | None = None
        try:
            part.mkdir(parents=True)
            depth = len(self.shared.channels) + 1
            scene = NewScene(part, (*shape, depth), has_uncertainty, has_polygons)
            yield scene
            scene.close()
            old = target.with_name(f".{name}{_OLD}")
            if target.exists():
                os.replace(target, old)
            os.replace(part, target)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise _failure(self.folder, error) from error
        finally:
            if scene is not None:
                scene.close()  # Windows removes no file that is mapped
            shutil.rmtree(part, ignore_errors=True)

    def _tidy(self) -> None:
        folder = self.folder / _SCENES
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            if path.name.startswith(".") and path.name.endswith(_PART):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(".") and path.name.endswith(_OLD):
                target = path.with_name(path.name[1 : -len(_OLD)])
                if target.exists():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.replace(path, target)


def folder_name(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:100] or "scene"


def _failure(folder: Path, error: OSError) -> SeaIceError:
    if error.errno == errno.ENOSPC:
        return SeaIceError(
            f"{folder}: the disk is full ({error.strerror}); free some space, move the training"
            " set, or build it at a coarser Resolution"
        )
    return SeaIceError(
        f"{folder}: the training set cannot be written ({error.strerror or error}); choose another"
        " folder"
    )
