"""A trial: one training of a comparison and what it came to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import __version__, networks
from ..datasets.scene_data import TrainingData
from ..datasets.split import reduced
from ..datasets.test_split import ThreePartSplit
from ..evaluation.scene_scores import beside_baselines, judge
from ..events import Reporter
from ..training import experiment
from ..training.device import Device
from ..training.losses import zero_share
from ..training.validation import Part, thinned
from .configurations import Candidate
from .store import key_of

TRAINING, VALIDATION, TEST = "training", "validation", "test"

_SCENE = "scene"


@dataclass(frozen=True)
class Trial:
    """What a training came to.

    Attributes:
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its name.
        seed: Of first weights, chips and dropout.
        parameters: Trained numbers.
        zero_share: Share of the convolution and dense weights below `training.losses.ZERO`.
        seconds: Time of the steps.
        best_epoch: The epoch that was kept, from 1.
        training_loss: By epoch, in the unit of the loss.
        validation_loss: By epoch.
        rmse_percent: Of the network kept, by part.
        baselines: RMSE in percent on cells, by part and predictor.
        error: Why the training failed; empty where it did not.
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
    def candidate(self) -> str:
        """What reports call what was trained, without the seed."""
        return f"{self.network} {self.size}, {self.regularisation}"

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Trial:
        """Return the trial that `to_dict` gave."""
        curves = ("training_loss", "validation_loss")
        return cls(**{**values, **{name: tuple(values[name]) for name in curves}})


def failed(candidate: Candidate, seed: int, error: str) -> Trial:
    """Return the trial of a training that came to nothing."""
    count = sum(networks.plan(candidate.plan.network).parameters())
    return Trial(
        candidate.network, candidate.size, candidate.regularisation, seed, count, error=error
    )


def run(
    candidate: Candidate,
    seed: int,
    data: TrainingData,
    split: ThreePartSplit,
    device: Device,
    report: Reporter,
) -> Trial:
    """Train a candidate and judge it.

    Args:
        candidate: What to train.
        seed: Of first weights, chips and dropout.
        data: The scene.
        split: Its parts.
        device: What computes.
        report: Receives progress 0-1.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit went astray.
    """
    plan = replace(candidate.plan, fit=replace(candidate.plan.fit, seed=seed))
    used = reduced(split, data.cells, plan.data_fraction, np.random.default_rng(seed))
    outcome = experiment.run({_SCENE: data}, plan, {_SCENE: used}, device, report)
    first = outcome.first.fit
    rmse = {part: s.rmse_percent for part, s in outcome.scores.items() if s}
    baselines = {VALIDATION: outcome.baselines}
    if split.test:
        network = networks.restore(plan.network, first.state).to(device.name)
        judging = experiment.judge_of(plan, outcome.first, device)
        (part,) = thinned([Part.of(data.store, split.test, split.testing)])
        tested = judge(judging.tiles(network, part), data, plan.task)
        rmse[TEST] = tested.scores.rmse_percent
        baselines[TEST] = beside_baselines({_SCENE: tested}, {_SCENE: data}, {_SCENE: split})
    scale = plan.task.loss_scale
    return Trial(
        candidate.network,
        candidate.size,
        candidate.regularisation,
        seed,
        sum(networks.plan(plan.network).parameters()),
        zero_share(first.state),
        first.seconds,
        first.best_epoch,
        tuple(epoch.training * scale for epoch in first.epochs),
        tuple(epoch.validation * scale for epoch in first.epochs if epoch.validation is not None),
        {part: value for part, value in rmse.items() if value is not None},
        baselines,
    )


def key(
    candidate: Candidate,
    seed: int,
    data: TrainingData,
    split: ThreePartSplit,
    device: Device,
) -> str:
    """Return a key that is the same for the same training on the same data only."""
    plan = candidate.plan
    task = dataclasses.asdict(plan.task)  # type: ignore[call-overload]
    return key_of(
        {
            "version": __version__,
            "network": plan.network.to_dict(),
            "task": task,
            "fit": {**dataclasses.asdict(plan.fit), "seed": seed},
            "chip_px": plan.chip_px,
            "augmentation": dataclasses.asdict(plan.augmentation),
            "data_fraction": plan.data_fraction,
            "class_weights": plan.class_weights,
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
            },
        }
    )
