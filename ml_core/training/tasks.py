"""Tasks: what a network's output means, and how its error is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numpy as np
import torch

from ..networks.classes import SicClasses
from ..raster.radiometry import Floats
from .error_scale import observed_with_scale
from .losses import DataLoss, cross_entropy, observed_classes, squared_error
from .polygon_memory import PolygonMemory

_OBSERVED: Final = "mean squared error of means over footprints or polygons"


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
    def observes(self) -> bool:
        """Whether the network is compared with the reference's own values; else by pixels."""

    @property
    def loss(self) -> DataLoss:
        """The data loss, for one fit: it may remember what a network gave."""

    @property
    def scales(self) -> bool:
        """Whether a second output gives how large the errors are."""

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

    Compared in footprints, it learns the size of its errors, too (`error_scale`).

    Attributes:
        observes: Whether its means over the reference's footprints are compared; else pixels.
    """

    observes: bool = False
    classes: None = None
    id: str = "regression"
    loss_unit: str = "%²"
    loss_scale: float = 1e4

    @property
    def outputs(self) -> int:
        """The SIC; compared in footprints, how large its errors are too."""
        return 2 if self.observes else 1

    @property
    def scales(self) -> bool:
        """Whether it learns how large its errors are."""
        return self.observes

    @property
    def loss_label(self) -> str:
        """What the data loss is called."""
        return _OBSERVED if self.observes else "mean squared error"

    @property
    def loss(self) -> DataLoss:
        """Squared error."""
        if self.observes:
            return partial(observed_with_scale, memory=PolygonMemory())
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
    """The network gives a score for each class of SIC.

    Its error is the cross-entropy; compared in footprints, the squared error of the expected SIC,
    since a mean over water and ice has no class.

    Attributes:
        classes: The classes.
        weights: Weight of each class (K,); None: all the same.
        observes: Whether the means of the expected SIC over the reference's footprints are
            compared; else pixels.
    """

    classes: SicClasses
    weights: tuple[float, ...] | None = None
    observes: bool = False
    id: str = "classes"
    scales: bool = False

    @property
    def loss_label(self) -> str:
        """What the data loss is called."""
        return _OBSERVED if self.observes else "cross-entropy"

    @property
    def loss_unit(self) -> str:
        """Unit of the losses that are shown."""
        return "%²" if self.observes else "nat"

    @property
    def loss_scale(self) -> float:
        """Factor from the data loss to that unit."""
        return 1e4 if self.observes else 1.0

    @property
    def outputs(self) -> int:
        """One for each class."""
        return self.classes.count

    @property
    def loss(self) -> DataLoss:
        """Cross-entropy, or the squared error of the expected SIC."""
        if self.observes:
            values = tuple(percent / 100 for percent in self.classes.values_percent)
            return partial(observed_classes, values=values, memory=PolygonMemory())
        if self.weights is None:
            return cross_entropy
        return partial(cross_entropy, class_weights=torch.tensor(self.weights))

    def fitted_to(self, sic_percent: Iterable[Floats], *, class_weights: bool) -> Task:
        """Return the task with inverse-frequency weights where they are asked for.

        Raises:
            SeaIceError: A class has no reference pixel.
        """
        if self.observes:
            return self
        counts = sum((self.classes.counts(part) for part in sic_percent), np.zeros(1, np.int64))
        self.classes.check_filled(counts)
        if not class_weights:
            return self
        return replace(self, weights=tuple(self.classes.inverse_frequency(counts).tolist()))

    def label(self, sic_percent: Floats) -> Floats:
        """Return the class's number."""
        found = self.classes.of(sic_percent)
        return np.where(found < 0, np.nan, found).astype(np.float32)
