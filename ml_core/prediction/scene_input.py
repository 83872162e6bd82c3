"""A scene as a network sees it, and whether it can."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from ..checkpoint import ModelCard
from ..datasets.normalisation import Normalisation
from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.predict import PredictJob
from ..networks import Geometry
from ..raster.extra import ExpectedExtra, spread_windows
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask
from ..raster.scene import Scene
from .training_distribution import TrainingDistribution

_UNLIKE = 0.99
"""Share of an extra channel's values far outside the training's range by which it is another."""


class ChannelSource(Protocol):
    """Channels that have names, on a grid; `raster.Scene` and `datasets.SceneData` are some."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def grid(self) -> Grid:
        """Where their pixels lie."""

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), the caller's own, and the valid mask (h, w).

        Beyond the grid nothing is valid.
        """
        raise NotImplementedError


Inspect = Callable[[Window, Floats, Mask], None]
"""Gets the channels (C, h, w) and the valid mask (h, w) of a window."""


class SceneInput:
    """A network's input, read window by window from a scene.

    Args:
        scene: The scene.
        channels: Names of the channels in the order that the network wants.
        normalisation: Of these channels.
        inspect: Gets every window that is read, before it is normalised.
    """

    def __init__(
        self,
        scene: ChannelSource,
        channels: tuple[str, ...],
        normalisation: Normalisation,
        inspect: Inspect | None = None,
    ) -> None:
        self._scene = scene
        self._order = [scene.channels.index(name) for name in channels]
        self._in_order = self._order == list(range(len(scene.channels)))
        self._normalisation = normalisation
        self._inspect = inspect

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the scene."""
        return self._scene.grid.shape

    @property
    def channel_count(self) -> int:
        """Channels of the input."""
        return len(self._order)

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the normalised input (C, h, w) and the valid mask (h, w) of a window.

        Args:
            window: It may reach beyond the scene at the lower and right edge, where a network's
                input is a multiple of some pixels. Left 0, the mean backscatter, a strip of them
                beside water looks like ice: on a simulated scene the SIC rose by 25 % towards the
                edge. The scene is mirrored there instead.
        """
        values, valid = self._scene.read(window)
        if not self._in_order:
            values = values[self._order]
        if self._inspect is not None:
            self._inspect(window, values, valid)
        x = self._normalisation.apply_to_channels(values, valid)
        inside = window.clipped(*self.shape)
        rows, cols = (
            np.pad(np.arange(length), (0, whole - length), mode="symmetric")[length:]
            for length, whole in ((inside.height, window.height), (inside.width, window.width))
        )
        x[:, inside.height :] = x[:, rows]
        x[:, :, inside.width :] = x[:, :, cols]
        return x, valid


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


def extra_of(card: ModelCard, model: str) -> ExpectedExtra:
    """Return the extra channels that a network needs."""
    return ExpectedExtra.among(card.channels, f"{model} was trained with")


def check_scene(
    scene: Scene, card: ModelCard, model: str, shape: Geometry, report: Reporter
) -> None:
    """Check that a network can predict a scene; warn where its pixels are too large.

    Args:
        scene: The scene, whose notes are reported too.
        card: The network.
        model: Its name, for messages.
        shape: What it asks of its input.
        report: Gets the warnings.

    Raises:
        SeaIceError: A channel is missing or unlike the training's, or the scene is too small.
    """
    for note in scene.notes:
        report.warning(note)
    if not set(card.channels) <= set(scene.channels):
        raise SeaIceError(
            f"{scene.label}: holds {', '.join(scene.channels)}, but {model} was trained with"
            f" {', '.join(card.channels)}; give a scene of these"
        )
    _check_extra(scene, card, model, report)
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


def _check_extra(scene: Scene, card: ModelCard, model: str, report: Reporter) -> None:
    """Check that the extra channels look like those of the training: unit and order.

    Raises:
        SeaIceError: A layer that is taken by its place alone does not.
    """
    trained = TrainingDistribution.from_dict(card.training.get("domain"))
    if not scene.extra or not trained:
        return
    parts = []
    for window in spread_windows(scene.grid.window):
        values, valid = scene.read(window)
        parts.append(values[:, valid])
    sample = dict(zip(scene.channels, np.concatenate(parts, axis=1), strict=True))
    for name, (low, high) in trained.extra.items():
        width = high - low
        values = sample[name]
        far = (values < low - width) | (values > high + width)
        if not values.size or far.mean() <= _UNLIKE:
            continue
        text = (
            f"{scene.extra[name]}: values {values.min():.4g} to {values.max():.4g} are far from"
            f" those of the channel {name} that {model} was trained with, {low:.4g} to {high:.4g}"
        )
        if name in scene.unnamed:
            raise SeaIceError(
                f"{text}; give the extra channels in the order {', '.join(scene.extra)} and in the"
                f" units of the training. If the layer is right, call it {name}"
            )
        report.warning(f"{text}; check its unit. The SIC is a guess where it is so")
