"""What is to be fitted and how, from a job's parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from .. import networks
from ..datasets.sampler import Augmentation
from ..datasets.split import Split
from ..errors import SeaIceError
from ..jobs.fitting import FitInputs
from ..networks import NetworkConfig
from ..networks.classes import SicClasses
from ..raster.grid import Window
from ..raster.reference import Reference
from .fit import FitSettings
from .initial_weights import Start
from .tasks import REGRESSION, Classification, Regression, Task

_ROWS_AT_ONCE = 512
_POLARISATIONS = 2
_FOOTPRINTS_PER_CHIP = 1.5
"""Least side of a chip whose footprint means are matched: at 1 only its middle would be covered."""


@dataclass(frozen=True)
class Plan:
    """What is to be fitted, and how.

    Attributes:
        network: The network.
        task: What it gives.
        fit: How it is fitted.
        chip_px: Side of a chip.
        augmentation: How chips are varied.
        validation_fraction: Share of the reference that validates.
        data_fraction: Share of the training part that is used.
        refit: Whether the network is fitted again on everything.
        class_weights: Whether rare classes weigh more.
        folds: Parts of a cross-validation; 0: one split.
        keep: Which network a cross-validation keeps: ``everything`` or ``best_fold``.
        start: The network to go on from; None: fresh weights.
        oversample: Whether chips are drawn as often from rare SIC as from frequent.
    """

    network: NetworkConfig
    task: Task
    fit: FitSettings
    chip_px: int
    augmentation: Augmentation
    validation_fraction: float
    data_fraction: float = 1.0
    refit: bool = False
    class_weights: bool = False
    folds: int = 0
    keep: str = "everything"
    start: Start | None = None
    oversample: bool = False

    @classmethod
    def from_job(
        cls,
        job: FitInputs,
        *,
        refit: bool,
        folds: int = 0,
        keep: str = "everything",
        channels: int | None = None,
    ) -> Plan:
        """Return the plan that a job's parameters describe, checked before any data is read.

        Args:
            job: The job.
            refit: Whether the network is fitted again on everything.
            folds: Parts of a cross-validation.
            keep: Which network a cross-validation keeps.
            channels: Number of channels; None: that of the job's layers.

        Raises:
            SeaIceError: The parameters make no network, or none that fits the chips.
        """
        classes = SicClasses.from_job(job)
        task: Task = REGRESSION if classes is None else Classification(classes)
        channels = channels or (2 if job.incidence is None else 3)
        has_angle = channels > _POLARISATIONS
        plan = cls(
            NetworkConfig.from_job(job, channels, task.outputs),
            task,
            FitSettings(
                epochs=job.epochs,
                chips_per_epoch=job.chips_per_epoch,
                batch_size=job.batch_size,
                learning_rate=job.learning_rate,
                l2=job.l2,
                l1=job.l1,
                patience=job.patience,
                seed=job.seed,
            ),
            job.chip_size,
            Augmentation.of(job.augmentation, has_angle=has_angle),
            job.validation_fraction,
            job.data_fraction,
            refit,
            job.class_weights,
            folds,
            keep,
        )
        plan.check()
        return plan

    def check(self) -> None:
        """Check that network and chips fit each other.

        Raises:
            SeaIceError: They do not.
        """
        geometry = networks.geometry(self.network)
        name, multiple = self.network.architecture, geometry.multiple
        if self.chip_px < geometry.minimum_size_px:
            raise SeaIceError(
                f"Chip size {self.chip_px} px is less than the {geometry.minimum_size_px} px that"
                f" the network {name} needs; give a larger Chip size, or a smaller Depth"
            )
        if self.chip_px % multiple:
            low = self.chip_px // multiple * multiple
            raise SeaIceError(
                f"Chip size {self.chip_px} px is no multiple of {multiple} px, by which the network"
                f" {name} of depth {self.network.depth} reduces its input; give {low} or"
                f" {low + multiple}, or a smaller Depth"
            )

    def matching(self, match: str, footprint_m: float, resolution_m: float) -> Plan:
        """Return the plan with what the network is compared with the reference by.

        Args:
            match: The id of one of `jobs.choices.MATCHES`.
            footprint_m: Footprint of the reference.
            resolution_m: Pixel size of the network.

        Raises:
            SeaIceError: Footprint means are asked for, of classes or of too small chips.
        """
        if match == "pixels":
            return self
        if not isinstance(self.task, Regression):
            raise SeaIceError(
                "Match the reference: classes are matched pixel by pixel only; choose that, or the"
                " task SIC in percent"
            )
        footprint_px = footprint_m / resolution_m
        if self.chip_px < _FOOTPRINTS_PER_CHIP * footprint_px:
            least = math.ceil(_FOOTPRINTS_PER_CHIP * footprint_px)
            raise SeaIceError(
                f"Match the reference: a chip of {self.chip_px} px is only"
                f" {self.chip_px / footprint_px:.1f} footprints ({footprint_m / 1000:.4g} km)"
                f" wide; give a Chip size of at least {least} px, a coarser Resolution, or match"
                " pixel by pixel"
            )
        return replace(self, task=replace(self.task, footprint_px=footprint_px))

    def check_reference(self, reference: Reference) -> None:
        """Check that the reference has the unit of the class bounds.

        Raises:
            SeaIceError: Classes are asked for, and the reference holds values of 0 to 1.
        """
        if isinstance(self.task, Classification) and reference.is_fraction:
            raise SeaIceError(
                f"{reference.label} holds values of 0 to 1, and class bounds are in percent: they"
                " may be fractions, or numbers of classes already. Multiply the layer by 100 if"
                " they are fractions, or choose the task regression"
            )

    def build(self) -> nn.Module:
        """Return the network with its first weights."""
        network = networks.build(self.network)
        if self.start:
            self.start.apply(network)
        return network

    def for_parts(self, parts: Iterable[tuple[NDArray[np.float32], Split]]) -> Plan:
        """Return the plan with the class weights of scenes' training parts.

        Args:
            parts: Pixels and reference SIC in percent (H, W, C + 1) of each scene, NaN where there
                is none, and what tells its training part.

        Raises:
            SeaIceError: A class has no reference pixel there.
        """
        if not isinstance(self.task, Classification):
            return self
        classes = self.task.classes
        counts = sum((_class_counts(classes, *part) for part in parts), np.zeros(1, np.int64))
        classes.check_filled(counts)
        if not self.class_weights:
            return self
        weights = tuple(classes.inverse_frequency(counts).tolist())
        return replace(self, task=replace(self.task, weights=weights))


def _class_counts(
    classes: SicClasses, store: NDArray[np.float32], split: Split
) -> NDArray[np.int64]:
    """Return how many reference pixels each class has in a training part."""
    counts = np.zeros(classes.count, np.int64)
    height, width = store.shape[:2]
    for row in range(0, height, _ROWS_AT_ONCE):
        window = Window(row, 0, min(_ROWS_AT_ONCE, height - row), width)
        sic = store[window.slices][..., -1]
        counts += classes.counts(sic[split.training(window)])
    return counts
