"""What is fitted and how: a network, its task, and the settings of the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from .. import networks
from ..datasets.batch import Augmentation
from ..datasets.open_water import TrainingWater
from ..errors import SeaIceError
from ..jobs.fitting import FitInputs
from ..networks import NetworkConfig
from ..networks.classes import SicClasses
from ..observation.support import WIDER_THAN_CELL, cell_size_px
from ..raster.reference import Reference
from .error_scale import apart
from .fit import FitSettings
from .initial_weights import InitialWeights
from .tasks import Classification, Regression, Task

_LEARNING_RATES = {True: 1.5e-3, False: 4e-3}
"""Peak of the learning rate, by whether means over footprints are compared.

A chip has tens of means, not thousands of pixels, so that steps are noisier. Validation RMSE of a
set of twelve simulated scenes: 16.3 % SIC with 4e-3, 14.5 with 1.5e-3; test error on the tests'
real scene, two folds, two seeds: 9.5 and 9.1 %.
"""

_LEAST_FOOTPRINTS = 2
"""Least side of a chip that is compared in footprints: of a chip of two, 15 % of the footprints are
covered by nine tenths."""


@dataclass(frozen=True)
class TrainingConfig:
    """What is fitted, and how.

    Attributes:
        network: The network.
        task: What it gives.
        fit: The settings of the fit.
        chip_px: Side of a chip.
        augmentation: How chips are varied.
        class_weights: Whether rare classes weigh more.
        oversample: Whether chips are drawn as often from rare SIC as from frequent.
        initial: The network to go on from; None: fresh weights.
        added_uncertainty_percent: What is added to the reference's uncertainty to weight its
            values; None: all weigh the same.
        water: A scene of open water that trains, too; None: there is none.
    """

    network: NetworkConfig
    task: Task
    fit: FitSettings
    chip_px: int
    augmentation: Augmentation
    class_weights: bool = False
    oversample: bool = False
    initial: InitialWeights | None = None
    added_uncertainty_percent: float | None = None
    water: TrainingWater | None = None

    @classmethod
    def from_job(
        cls,
        job: FitInputs,
        channels: tuple[str, ...],
        *,
        footprint_px: float,
        oversample: bool = False,
        initial: InitialWeights | None = None,
    ) -> TrainingConfig:
        """Return what a job's parameters ask for, checked.

        Args:
            channels: Names of the channels.
            footprint_px: The reference's footprint in pixels; 0: a chart, whose polygons are known.
            oversample: Whether rare SIC is drawn as often as frequent.
            initial: The network to go on from.

        Raises:
            SeaIceError: The parameters make no network, or none that fits the chips or the initial
                weights.
        """
        classes, observes = SicClasses.from_job(job), _observes(job, footprint_px)
        task: Task = Regression(observes)
        if classes:
            task = Classification(classes, observes=observes)
        if classes and observes and job.class_weights:
            raise SeaIceError(
                "Inverse-frequency class weights: classes that are matched in footprints are"
                " compared by their expected SIC and cannot be weighted; match pixel by pixel, or"
                " leave the weights off"
            )
        config = cls(
            NetworkConfig.from_job(job, len(channels), task.outputs),
            task,
            FitSettings(
                epochs=job.epochs,
                chips_per_epoch=job.chips_per_epoch,
                batch_size=job.batch_size,
                learning_rate=job.learning_rate or _LEARNING_RATES[observes],
                l2=job.l2,
                l1=job.l1,
                patience=job.patience,
                seed=job.seed,
                cell_px=cell_size_px(footprint_px) if observes else 1,
            ),
            job.chip_size,
            Augmentation.of(job.augmentation, has_angle="incidence_angle" in channels),
            job.class_weights,
            oversample,
            initial,
            job.added_uncertainty,
        )
        config._check_chips(footprint_px if observes else 0.0)
        if initial:
            initial.check(config.network, task, channels)
        return config

    def with_seed(self, seed: int) -> TrainingConfig:
        """Return the same with another seed of chips, dropout and first weights."""
        return replace(self, fit=replace(self.fit, seed=seed))

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
        if self.initial:
            self.initial.apply(network)
        return apart(network) if self.task.scales else network

    def _check_chips(self, footprint_px: float) -> None:
        """Check that network, chips and footprint fit each other.

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
        if self.chip_px < _LEAST_FOOTPRINTS * footprint_px:
            least = math.ceil(_LEAST_FOOTPRINTS * footprint_px)
            raise SeaIceError(
                f"Match the reference: a chip of {self.chip_px} px is only"
                f" {self.chip_px / footprint_px:.1f} footprints wide; give a Chip size of at least"
                f" {least} px, a coarser Resolution, or match pixel by pixel"
            )


def _observes(job: FitInputs, footprint_px: float) -> bool:
    """Say whether a network is compared in footprints or polygons (`footprint_px` 0), or pixels."""
    if 0 < footprint_px <= WIDER_THAN_CELL:
        return False
    return job.match == "footprints" or (job.match == "auto" and job.task == "regression")
