"""Channels: a scene as a network was trained to see it, and whether it can."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.predict import PredictJob
from ..networks import Geometry
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.scene import Scene


class Layers(Protocol):
    """A source whose channels have names; `raster.Scene` is one."""

    channels: tuple[str, ...]

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), where given in `out`, and the valid mask (h, w)."""
        raise NotImplementedError


class Channels:
    """A scene's channels in the order that the network wants.

    Args:
        scene: The scene.
        channels: Their names.
    """

    def __init__(self, scene: Layers, channels: tuple[str, ...]) -> None:
        self._scene = scene
        self._order = [scene.channels.index(name) for name in channels]
        self._same = self._order == list(range(len(scene.channels)))

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), in `out` where they can be, and the valid mask (h, w)."""
        if self._same:
            return self._scene.read(window, out=out)
        values, valid = self._scene.read(window)
        return values[self._order], valid


def with_channels_of(job: PredictJob, card: ModelCard, report: Reporter) -> PredictJob:
    """Return the job with the layers that the network was trained with.

    Raises:
        SeaIceError: The incidence angle is missing.
    """
    model = Path(job.model or "").name
    trained = ", ".join(card.channels)
    wants_angle = "incidence_angle" in card.channels
    if wants_angle and job.incidence is None:
        raise SeaIceError(
            f"{model} was trained with {trained}; give the incidence angle of the scene"
        )
    if job.incidence is not None and not wants_angle:
        report.info(f"{model} was trained with {trained}; the incidence angle is not used")
        return dataclasses.replace(job, incidence=None)
    return job


def check_fit(scene: Scene, card: ModelCard, shape: Geometry, report: Reporter) -> None:
    """Check that a scene is large enough for a network; warn where its pixels are too large.

    Raises:
        SeaIceError: It is too small.
    """
    side = min(scene.grid.shape)
    if side < shape.minimum_size_px:
        raise SeaIceError(
            f"{scene.label}: at the network's resolution of {card.resolution_m:.4g} m the scene has"
            f" {scene.grid.height} x {scene.grid.width} px; the network needs at least"
            f" {shape.minimum_size_px}; give a larger scene"
        )
    found = scene.grid.resolution_m
    if found > 1.05 * card.resolution_m:
        report.warning(
            f"{scene.label} has pixels of {found:.4g} m, the network was trained at"
            f" {card.resolution_m:.4g} m; it sees less detail than it learnt from, and its error is"
            " unknown"
        )
