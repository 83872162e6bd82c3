"""Tasks: what a network's output means, and how its error is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch

from ..networks.classes import SicClasses
from ..raster.radiometry import Floats
from .losses import DataLoss, cross_entropy, footprint_error, squared_error


class Task(Protocol):
    """What a network is fitted to give."""

    @property
    def id(self) -> str:
        """The id of one of `jobs.choices.TASKS`."""

    @property
    def outputs(self) -> int:
        """Outputs per pixel."""

    @property
    def loss_label(self) -> str:
        """What the data loss is called."""

    @property
    def loss_unit(self) -> str:
        """Unit of the losses that are shown."""

    @property
    def loss_scale(self) -> float:
        """Factor from the data loss to that unit."""

    @property
    def footprint_px(self) -> float:
        """Footprint over whose means the network is compared with the reference; 0: by pixels."""

    @property
    def loss(self) -> DataLoss:
        """The data loss."""

    def fitted_to(self, sic_percent: Iterable[Floats], *, class_weights: bool) -> Task:
        """Return the task with what it takes from the reference that trains.

        Args:
            sic_percent: The SIC of the training part, in pieces (N,); NaN is none.
            class_weights: Whether rare classes weigh more.

        Raises:
            SeaIceError: It cannot be learnt from this reference.
        """

    @property
    def classes(self) -> SicClasses | None:
        """What the network's scores are of; None for a regression."""

    def label(self, sic_percent: Floats) -> Floats:
        """Return what the network learns for a SIC in percent, of any shape; NaN stays NaN."""


@dataclass(frozen=True)
class Regression:
    """The network gives the SIC as a fraction; its error is squared.

    Attributes:
        footprint_px: Footprint over whose means it is compared with the reference; 0: by pixels.
    """

    footprint_px: float = 0.0
    classes: None = None
    id: str = "regression"
    outputs: int = 1
    loss_unit: str = "%²"
    loss_scale: float = 1e4

    @property
    def loss_label(self) -> str:
        """What the data loss is called."""
        return "mean squared error" + " of footprint means" * bool(self.footprint_px)

    @property
    def loss(self) -> DataLoss:
        """Squared error."""
        if self.footprint_px:
            return partial(footprint_error, footprint_px=self.footprint_px)
        return squared_error

    def fitted_to(self, sic_percent: Iterable[Floats], *, class_weights: bool) -> Task:
        """Return the task as it is."""
        return self

    def label(self, sic_percent: Floats) -> Floats:
        """Return the fraction."""
        result: Floats = sic_percent * np.float32(0.01)
        return result


@dataclass(frozen=True)
class Classification:
    """The network gives a score for each class of SIC; its error is the cross-entropy.

    Attributes:
        classes: The classes.
        weights: Weight of each class (K,); None: all the same.
    """

    classes: SicClasses
    weights: tuple[float, ...] | None = None
    footprint_px: float = 0.0
    id: str = "classes"
    loss_label: str = "cross-entropy"
    loss_unit: str = "nat"
    loss_scale: float = 1.0

    @property
    def outputs(self) -> int:
        """One for each class."""
        return self.classes.count

    @property
    def loss(self) -> DataLoss:
        """Cross-entropy."""
        if self.weights is None:
            return cross_entropy
        return partial(cross_entropy, class_weights=torch.tensor(self.weights))

    def fitted_to(self, sic_percent: Iterable[Floats], *, class_weights: bool) -> Task:
        """Return the task with inverse-frequency weights where they are asked for.

        Raises:
            SeaIceError: A class has no reference pixel.
        """
        counts = sum((self.classes.counts(part) for part in sic_percent), np.zeros(1, np.int64))
        self.classes.check_filled(counts)
        if not class_weights:
            return self
        return replace(self, weights=tuple(self.classes.inverse_frequency(counts).tolist()))

    def label(self, sic_percent: Floats) -> Floats:
        """Return the class's number."""
        found = self.classes.of(sic_percent)
        return np.where(found < 0, np.nan, found).astype(np.float32)
