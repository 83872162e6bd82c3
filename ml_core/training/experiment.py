"""One experiment: split, fit, fit again on everything, judge; arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from .. import networks
from ..events import Reporter
from .chips import ChipSampler, Normalisation, normalisation, rare_weights
from .device import Device, seeded
from .fit import Epoch, Fit, fit
from .judgement import Judgement, beside_baselines
from .judgement import judge as judged
from .plan import Plan
from .scene import TrainingData
from .split import Split, draw_split, reduced, whole
from .tasks import Task
from .validation import Judge, Part

Tensors = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes:
        state: Weights of the network that is kept.
        scaling: Its normalisation.
        split: Training and validation part of the first fit.
        first: The first fit, which was validated.
        second: The fit on everything; None where there was none.
        training: Error of the first fit on its training part.
        validation: Error of the first fit on the validation part; None without one.
        baselines: RMSE in percent on the validation part's cells: `judgement.NETWORK` and keys of
            `evaluation.baselines.LABELS`.
        folds: Of a cross-validation, each fold's outcome; the errors above are then those of all
            folds together, and the split and first fit those of the best one.
    """

    state: Tensors
    scaling: Normalisation
    split: Split
    first: Fit
    second: Fit | None
    training: Judgement
    validation: Judgement | None
    baselines: dict[str, float]
    folds: tuple[Outcome, ...] = ()


def draw(data: TrainingData, plan: Plan) -> Split:
    """Return the experiment's split of the scene.

    Raises:
        SeaIceError: The scene is too small for it.
    """
    rng = np.random.default_rng(plan.fit.seed)
    split = draw_split(data.cells, data.length_px, plan.validation_fraction, rng)
    return reduced(split, data.cells, plan.data_fraction, rng)


def run(data: TrainingData, plan: Plan, split: Split, device: Device, report: Reporter) -> Outcome:
    """Fit a network on a scene and judge it on the part it did not see.

    Args:
        data: The scene.
        plan: What to fit and how.
        split: Training and validation part.
        device: What computes.
        report: Receives progress 0-1, the losses by epoch, and messages.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit went astray.
    """
    plan = plan.for_part(data.store, split)
    again = plan.refit and bool(split.blocks)
    share = 0.5 if again else 1.0
    scaling = scaling_of(data, plan, split)
    sampler = _sampler(data, plan, split, scaling)
    judge = Judge(data.store, scaling, networks.geometry(plan.network), device, plan.task)
    validation = Part.of(split.blocks, split.validation) if split.blocks else None
    with seeded(plan.fit.seed, device):
        network = plan.build()
        first = fit(
            network,
            sampler.draw,
            plan.task.loss,
            plan.fit,
            device,
            report.part(0, share),
            (lambda net: judge.loss(net, validation)) if validation else None,
            on_epoch=lambda epoch: tell(epoch, plan.task, report),
        )
    kept = networks.restore(plan.network, first.state).to(device.name)
    training = _judged(kept, judge, Part.of([data.grid.window], split.training), data)
    validated = _judged(kept, judge, validation, data) if validation else None
    beside = beside_baselines(validated, data, split) if validated else {}
    outcome = Outcome(first.state, scaling, split, first, None, training, validated, beside)
    if not again:
        return outcome
    scaling, second = fit_everything(data, plan, first.best_epoch, device, report.part(share, 1))
    return replace(outcome, state=second.state, scaling=scaling, second=second)


def fit_everything(
    data: TrainingData, plan: Plan, epochs: int, device: Device, report: Reporter
) -> tuple[Normalisation, Fit]:
    """Fit a network on the whole scene for so many epochs.

    Args:
        data: The scene.
        plan: What to fit and how.
        epochs: Length of the fit.
        device: What computes.
        report: Receives progress 0-1.

    Returns:
        The normalisation and the fit.
    """
    rng = np.random.default_rng(plan.fit.seed)
    split = reduced(whole(data.cells), data.cells, plan.data_fraction, rng)
    plan = plan.for_part(data.store, split)
    scaling = scaling_of(data, plan, split)
    with seeded(plan.fit.seed, device):
        fitted = fit(
            plan.build(),
            _sampler(data, plan, split, scaling).draw,
            plan.task.loss,
            plan.fit.of_length(epochs),
            device,
            report,
        )
    return scaling, fitted


def scaling_of(data: TrainingData, plan: Plan, split: Split) -> Normalisation:
    """Return the normalisation of a split's training part, or that of the network to go on from."""
    if plan.start:
        return plan.start.scaling
    return normalisation(data.store, split, data.channels)


def tell(epoch: Epoch, task: Task, report: Reporter) -> None:
    """Report an epoch's losses."""
    losses = {"training loss": epoch.training, "validation loss": epoch.validation}
    for name, value in losses.items():
        if value is not None:
            report.metric(name, epoch.number, value * task.loss_scale, task.loss_unit)


def _judged(network: nn.Module, judge: Judge, part: Part, data: TrainingData) -> Judgement:
    return judged(judge.tiles(network, part), data, judge.task)


def _sampler(data: TrainingData, plan: Plan, split: Split, scaling: Normalisation) -> ChipSampler:
    return ChipSampler(
        data.store,
        data.cells,
        split,
        scaling,
        plan.chip_px,
        plan.task.label,
        plan.augmentation,
        rare_weights(data.cells.histogram.sum((0, 1))) if plan.oversample else None,
    )
