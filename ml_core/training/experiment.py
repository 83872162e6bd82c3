"""One experiment: fit, judge, fit again on everything; scenes and their splits in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from .. import networks
from ..datasets.division import Scenes, Splits, learnt, validating
from ..datasets.normalisation import Normalisation, moments, normalisation
from ..datasets.scene_data import TrainingData
from ..datasets.scene_sampler import SceneMix
from ..evaluation.metrics import Scores
from ..evaluation.scene_scores import Judged, Judgement, beside_baselines, judge, together
from ..events import Reporter
from .device import Device, seeded
from .fit import Epoch, Fit, fit
from .plan import Plan
from .tasks import Task
from .validation import Judge, Part, thinned


@dataclass(frozen=True)
class Fitted:
    """A fit and the normalisation of the pixels that it saw."""

    scaling: Normalisation
    fit: Fit


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes:
        splits: Training and validation part of each scene, for the first fit.
        first: The first fit, which was validated.
        second: The fit on everything; None where there was none.
        training: Error of the first fit on each scene's training part.
        validation: Error of the first fit on each scene's validation part; empty without one.
        baselines: RMSE in percent on the validation parts' cells: `judgement.NETWORK` and keys of
            `evaluation.baselines.LABELS`.
        folds: Of a cross-validation, each fold's outcome; the errors above are then those of all
            folds together, and the splits and first fit those of the best one.
    """

    splits: Splits
    first: Fitted
    second: Fitted | None
    training: Judged
    validation: Judged
    baselines: dict[str, float]
    folds: tuple[Outcome, ...] = ()

    @property
    def kept(self) -> Fitted:
        """The fit whose network is kept."""
        return self.second or self.first

    @property
    def fits(self) -> tuple[Outcome, ...]:
        """The outcome itself, or those of its folds."""
        return self.folds or (self,)

    @property
    def scores(self) -> dict[str, Scores | None]:
        """Errors on the ``training`` and the ``validation`` part; None where there is none."""
        parts = {"training": self.training, "validation": self.validation}
        return {
            name: together(part.values())[0].total() if part else None
            for name, part in parts.items()
        }

    @property
    def rmse_percent(self) -> float:
        """RMSE on the validation part; infinity without one."""
        scores = self.scores["validation"]
        if scores is None or scores.rmse_percent is None:
            return math.inf
        return scores.rmse_percent


def run(
    scenes: Scenes,
    plan: Plan,
    splits: Splits,
    device: Device,
    report: Reporter,
    everything: Splits | None = None,
) -> Outcome:
    """Fit a network on scenes and judge it on the parts it did not see.

    Args:
        scenes: The scenes by name.
        plan: What to fit and how.
        splits: Their training and validation parts.
        device: What computes.
        report: Receives progress 0-1, the losses by epoch, and messages.
        everything: What the network is then fitted again on; None: it is not.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit went astray.
    """
    share = 0.5 if everything else 1.0
    held_out = thinned(
        [
            Part.of(scenes[name].store, splits[name].blocks, splits[name].validation)
            for name in validating(splits)
        ]
    )
    first = _fit(
        scenes,
        plan,
        splits,
        device,
        report.part(0, share),
        held_out,
        on_epoch=lambda epoch: _tell(epoch, plan.task, report),
    )
    network = networks.restore(plan.network, first.fit.state).to(device.name)
    judging = judge_of(plan, first, device)
    outcome = judged(Outcome(splits, first, None, {}, {}, {}), network, judging, scenes, report)
    if everything is None:
        return outcome
    second = fit_everything(scenes, plan, everything, [outcome], device, report.part(share, 1))
    return replace(outcome, second=second)


def fit_everything(
    scenes: Scenes,
    plan: Plan,
    everything: Splits,
    outcomes: Sequence[Outcome],
    device: Device,
    report: Reporter,
) -> Fitted:
    """Fit a network on everything, for as long as served best where validation could tell.

    Args:
        scenes: The scenes by name.
        plan: What to fit and how.
        everything: The splits that say what everything is.
        outcomes: The fits that were validated; the median of their best epochs is the length.
        device: What computes.
        report: Receives progress 0-1.
    """
    epochs = round(float(np.median([outcome.first.fit.best_epoch for outcome in outcomes])))
    plan = replace(plan, fit=plan.fit.of_length(epochs))
    return _fit(scenes, plan, everything, device, report)


def judged(
    outcome: Outcome, network: nn.Module, judging: Judge, scenes: Scenes, report: Reporter
) -> Outcome:
    """Return an outcome with the errors of a network on its splits.

    Args:
        outcome: Tells the splits.
        network: The network.
        judging: Runs it; its task says what it gives.
        scenes: The scenes by name.
        report: Cancels between scenes.
    """
    training, validation = {}, {}
    for name, split in outcome.splits.items():
        data = scenes[name]
        report.check_cancelled()
        if split.counts["training"]:
            part = Part.of(data.store, [data.grid.window], split.training)
            training[name] = _judged(network, judging, part, data)
        if split.blocks:
            part = Part.of(data.store, split.blocks, split.validation)
            validation[name] = _judged(network, judging, part, data)
    baselines = beside_baselines(validation, scenes, outcome.splits)
    return replace(outcome, training=training, validation=validation, baselines=baselines)


def judge_of(plan: Plan, fitted: Fitted, device: Device) -> Judge:
    """Return what judges a network of a fit."""
    return Judge(fitted.scaling, networks.geometry(plan.network), device, plan.task)


def _judged(network: nn.Module, judging: Judge, part: Part, data: TrainingData) -> Judgement:
    (part,) = thinned([part])
    return judge(judging.tiles(network, part), data, judging.task)


def _fit(
    scenes: Scenes,
    plan: Plan,
    splits: Splits,
    device: Device,
    report: Reporter,
    held_out: Sequence[Part] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fitted:
    """Fit a network on the scenes' training parts, validated on parts that are held out."""
    names = learnt(splits)
    plan = plan.for_parts((scenes[name].store, splits[name]) for name in names)
    scaling = plan.start.scaling if plan.start else _scaling(scenes, splits)
    judging = Judge(scaling, networks.geometry(plan.network), device, plan.task)
    draw = SceneMix(scenes, splits, plan, scaling).draw
    with seeded(plan.fit.seed, device):
        fitted = fit(
            plan.build(),
            draw,
            plan.task.loss,
            plan.fit,
            device,
            report,
            (lambda network: judging.loss(network, held_out)) if held_out else None,
            on_epoch,
        )
    return Fitted(scaling, fitted)


def _scaling(scenes: Scenes, splits: Splits) -> Normalisation:
    """Return the normalisation of the training parts; that of whole scenes may be known."""
    parts = []
    for name in learnt(splits):
        data, split = scenes[name], splits[name]
        known = data.moments
        trains_whole = known and split.counts["training"] == known.count
        parts.append(known if trains_whole else moments(data.store, split))
    return normalisation(parts, next(iter(scenes.values())).channels)


def _tell(epoch: Epoch, task: Task, report: Reporter) -> None:
    """Report an epoch's losses."""
    losses = {"training loss": epoch.training, "validation loss": epoch.validation}
    for name, value in losses.items():
        if value is not None:
            report.metric(name, epoch.number, value * task.loss_scale, task.loss_unit)
