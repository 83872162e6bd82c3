"""A run of a sweep: one configuration fitted with one seed, and its result."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import __version__, networks
from ..datasets.scene_data import SceneData
from ..datasets.split import Split
from ..evaluation.scene_scores import beside_baselines
from ..events import Reporter
from ..training import experiment
from ..training.device import Device
from ..training.losses import zero_share
from .configurations import Configuration
from .store import key_of

TRAINING, VALIDATION, TEST = "training", "validation", "test"

_SCENE = "scene"


@dataclass(frozen=True)
class SweepRun:
    """The result of a run.

    Attributes:
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its settings in words.
        seed: Of first weights, chips and dropout.
        parameters: Trained numbers.
        zero_share: Share of the convolution and dense weights below `training.losses.ZERO`.
        seconds: Time of the steps.
        best_epoch: The epoch that was kept, from 1.
        training_loss: By epoch, in the unit of the loss.
        validation_loss: By epoch.
        rmse_percent: Of the network kept, by part.
        baselines: RMSE in percent on cells, by part and predictor.
        error: Why it failed; empty where it did not.
    """

    network: str
    size: str
    regularisation: str
    seed: int
    parameters: int
    zero_share: float | None = None
    seconds: float = 0.0
    best_epoch: int = 0
    training_loss: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    rmse_percent: dict[str, float] = dataclasses.field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def configuration(self) -> str:
        """What reports call the configuration."""
        return f"{self.network} {self.size}, {self.regularisation}"

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SweepRun:
        """Return the run that `to_dict` gave."""
        curves = ("training_loss", "validation_loss")
        return cls(**{**values, **{name: tuple(values[name]) for name in curves}})


def failed(configuration: Configuration, seed: int, error: str) -> SweepRun:
    """Return the run of a fit that failed."""
    return SweepRun(*_identity(configuration, seed), error=error)


def execute(
    configuration: Configuration,
    seed: int,
    data: SceneData,
    split: Split,
    device: Device,
    report: Reporter,
) -> SweepRun:
    """Fit a configuration and score it.

    Args:
        configuration: What to fit.
        seed: Of first weights, chips and dropout.
        split: Its training, validation and test parts.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit diverged.
    """
    config = configuration.config.with_seed(seed)
    scenes = {_SCENE: data}
    used = split.reduced(data.cells, configuration.data_fraction, np.random.default_rng(seed))
    outcome = experiment.run(scenes, config, {_SCENE: used}, device, report)
    first = outcome.first.result
    rmse = {part: s.rmse_percent for part, s in outcome.scores.items() if s}
    baselines = {VALIDATION: outcome.baselines}
    if split.test_blocks:
        tested = experiment.scores_on_test(outcome, config, device, data, split)
        rmse[TEST] = tested.scores.rmse_percent
        baselines[TEST] = beside_baselines({_SCENE: tested}, scenes, {_SCENE: split})
    scale = config.task.loss_scale
    return SweepRun(
        *_identity(configuration, seed),
        zero_share=zero_share(first.state),
        seconds=first.seconds,
        best_epoch=first.best_epoch,
        training_loss=tuple(epoch.training * scale for epoch in first.epochs),
        validation_loss=tuple(
            epoch.validation * scale for epoch in first.epochs if epoch.validation is not None
        ),
        rmse_percent={part: value for part, value in rmse.items() if value is not None},
        baselines=baselines,
    )


def _identity(configuration: Configuration, seed: int) -> tuple[str, str, str, int, int]:
    count = networks.plan(configuration.config.network).parameters
    c = configuration
    return c.network, c.size, c.regularisation, seed, count


def key(
    configuration: Configuration, seed: int, data: SceneData, split: Split, device: Device
) -> str:
    """Return a key that is the same for the same fit on the same data only."""
    config = configuration.config
    return key_of(
        {
            "version": __version__,
            "network": config.network.to_dict(),
            "task": dataclasses.asdict(config.task),  # type: ignore[call-overload]
            "fit": {**dataclasses.asdict(config.fit), "seed": seed},
            "chip_px": config.chip_px,
            "augmentation": dataclasses.asdict(config.augmentation),
            "data_fraction": configuration.data_fraction,
            "class_weights": config.class_weights,
            "added_uncertainty": config.added_uncertainty_percent,
            "device": [device.name, device.precision],
            "split": split.to_dict(),
            "data": {
                "channels": data.channels,
                "crs": data.grid.crs.to_string(),
                "transform": list(data.grid.transform),
                "shape": data.grid.shape,
                "footprint_m": data.footprint_m,
                # any other pixel or reference value changes a cell's sum or count
                "sums": data.sums.tolist(),
                "counts": data.cells.count.tolist(),
                "uncertainty": (
                    None
                    if data.uncertainty_percent is None or config.added_uncertainty_percent is None
                    else float(np.nansum(data.uncertainty_percent, dtype=np.float64))
                ),
            },
        }
    )
