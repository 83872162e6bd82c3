"""One experiment: fit, score, refit on the full data; scenes and their splits in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from .. import networks
from ..datasets.normalisation import Normalisation, moments, normalisation
from ..datasets.sampler import TrainingSampler
from ..datasets.scene_data import SceneData, Scenes
from ..datasets.split import (
    TEST,
    TRAINING,
    VALIDATION,
    Split,
    Splits,
    training_scenes,
    validation_scenes,
)
from ..datasets.weighting import weighting_of
from ..evaluation.metrics import Scores
from ..evaluation.scene_scores import (
    PredictedTile,
    SceneScores,
    ScoresByScene,
    beside_baselines,
    pooled,
    score_observed,
    score_pixels,
)
from ..events import Reporter
from ..networks.output import sic_of_each
from ..prediction.scene_input import ChannelSource
from ..raster.grid import Window
from .config import TrainingConfig
from .device import Device, seeded
from .fit import Epoch, FitResult, fit
from .tasks import Task
from .validation import MOST_CHART_PX, MOST_PX, Part, Validator, thinned

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Fitted:
    """What a fit gave, and the normalisation of the pixels that it saw."""

    normalisation: Normalisation
    result: FitResult


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes:
        splits: The split of each scene, for the first fit.
        first: The first fit, which was validated.
        refit: The fit on the full data; None where there was none.
        training: Errors of the first fit on each scene's training part.
        validation: Errors of the first fit on each scene's validation part; empty without one.
        baselines: RMSE in percent on the validation parts' cells: `scene_scores.NETWORK` and keys
            of `evaluation.baselines.LABELS`.
        folds: Of a cross-validation, each fold's outcome; the errors above are then those of all
            folds together, and the splits and first fit those of the best one.
    """

    splits: Splits
    first: Fitted
    refit: Fitted | None
    training: ScoresByScene
    validation: ScoresByScene
    baselines: dict[str, float]
    folds: tuple[Outcome, ...] = ()

    @property
    def kept(self) -> Fitted:
        """The fit whose network is kept."""
        return self.refit or self.first

    @property
    def fits(self) -> tuple[Outcome, ...]:
        """The outcome itself, or those of its folds."""
        return self.folds or (self,)

    @property
    def scores(self) -> dict[str, Scores | None]:
        """Errors on the ``training`` and the ``validation`` part; None where there is none."""
        parts = {"training": self.training, "validation": self.validation}
        return {
            name: pooled(part.values())[0].total() if part else None for name, part in parts.items()
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
    config: TrainingConfig,
    splits: Splits,
    device: Device,
    report: Reporter,
    full: Splits | None = None,
) -> Outcome:
    """Fit a network on scenes and score it on the parts that it did not see.

    Args:
        scenes: The scenes by name.
        config: What to fit and how.
        splits: Their training and validation parts.
        device: What computes.
        report: Receives progress 0-1, the losses by epoch, and messages.
        full: What the network is then fitted again on; None: it is not.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit went astray.
    """
    share = 0.5 if full else 1.0
    held_out = thinned(
        [Part.of(scenes[name], splits[name], VALIDATION) for name in validation_scenes(splits)]
    )
    first = _fit(
        scenes,
        config,
        splits,
        device,
        report.part(0, share),
        held_out,
        on_epoch=lambda epoch: _report(epoch, config.task, report),
    )
    network = networks.restore(config.network, first.result.state).to(device.name)
    outcome = Outcome(splits, first, None, {}, {}, {})
    outcome = scored(outcome, network, config, device, scenes, report)
    if full is None:
        return outcome
    refit = refit_on(full, scenes, config, [outcome], device, report.part(share, 1))
    return replace(outcome, refit=refit)


def refit_on(
    full: Splits,
    scenes: Scenes,
    config: TrainingConfig,
    outcomes: Sequence[Outcome],
    device: Device,
    report: Reporter,
) -> Fitted:
    """Fit a network on the full data, for as long as served best where there was validation.

    Args:
        full: The splits that say what the full data are.
        scenes: The scenes by name.
        config: What to fit and how.
        outcomes: The fits that were validated; the median of their best epochs is the length.
        device: What computes.
        report: Receives progress 0-1.
    """
    epochs = round(float(np.median([outcome.first.result.best_epoch for outcome in outcomes])))
    return _fit(scenes, replace(config, fit=config.fit.of_length(epochs)), full, device, report)


def scored(
    outcome: Outcome,
    network: nn.Module,
    config: TrainingConfig,
    device: Device,
    scenes: Scenes,
    report: Reporter,
    members: int = 1,
) -> Outcome:
    """Return an outcome with the errors of a network on its splits.

    Args:
        outcome: Has the splits and the normalisation.
        network: The network, or several that give their outputs as channels.
        config: What was fitted.
        device: What computes.
        scenes: The scenes by name.
        report: Cancels between scenes.
        members: Networks of which the outputs come, and whose mean is scored.
    """
    training, validation = {}, {}
    for name, split in outcome.splits.items():
        data = scenes[name]
        report.check_cancelled()
        if split.counts["training"]:
            part = Part.of(data, split, TRAINING)
            training[name] = errors_on(part, network, outcome.first, config, device, members)
        if split.blocks:
            part = Part.of(data, split, VALIDATION)
            validation[name] = errors_on(part, network, outcome.first, config, device, members)
    baselines = beside_baselines(validation, scenes, outcome.splits)
    return replace(outcome, training=training, validation=validation, baselines=baselines)


def scores_on_test(
    outcome: Outcome, config: TrainingConfig, device: Device, data: SceneData, split: Split
) -> SceneScores:
    """Return the errors of an outcome's first fit on a scene's test part."""
    network = networks.restore(config.network, outcome.first.result.state).to(device.name)
    part = Part.of(data, split, TEST)
    return errors_on(part, network, outcome.first, config, device)


def errors_on(
    part: Part,
    network: nn.Module,
    fitted: Fitted,
    config: TrainingConfig,
    device: Device,
    members: int = 1,
    shown: ChannelSource | None = None,
) -> SceneScores:
    """Return the errors of a network on a part of a scene.

    Args:
        part: The part; of a large one some tiles are compared.
        network: The network, or several that give their outputs as channels.
        fitted: Has the normalisation.
        config: What was fitted.
        device: What computes.
        members: Networks of which the outputs come, and whose mean is scored.
        shown: What the network sees in the place of the part's scene; None: the scene.
    """
    part = part.fewer(MOST_CHART_PX if part.data.is_chart else MOST_PX)
    validator, data, classes = validator_of(config, fitted, device), part.data, config.task.classes
    if data.observations is not None:
        found = validator.observed(network, part, members, shown)
        return score_observed(found.percent.mean(axis=0), found.index, data)
    tiles = (
        PredictedTile(
            tile.window,
            sic_of_each(tile.output, tile.valid, members, classes).mean(axis=0),
            tile.sic_percent,
            tile.valid,
        )
        for tile in validator.tiles(network, part, shown)
    )
    return score_pixels(tiles, data)


def validator_of(config: TrainingConfig, fitted: Fitted, device: Device) -> Validator:
    """Return what compares a network of a fit with the reference."""
    return Validator(fitted.normalisation, networks.geometry(config.network), device, config.task)


def _fit(
    scenes: Scenes,
    config: TrainingConfig,
    splits: Splits,
    device: Device,
    report: Reporter,
    held_out: Sequence[Part] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fitted:
    """Fit a network on the scenes' training parts, validated on parts that are held out."""
    if config.water:
        scenes, splits = config.water.beside(scenes, splits)
    task = config.task.fitted_to(_training_sic(scenes, splits), class_weights=config.class_weights)
    if config.initial:
        normal = config.initial.normalisation
    else:
        normal = _normalisation(scenes, splits)
    weighting = weighting_of(scenes, splits, config.added_uncertainty_percent)
    validator = Validator(normal, networks.geometry(config.network), device, task, weighting)
    sampler = TrainingSampler(
        scenes,
        splits,
        normal,
        config.chip_px,
        task.label,
        config.augmentation,
        oversample=config.oversample,
        weighting=weighting,
        observes=task.observes,
    )
    with seeded(config.fit.seed, device):
        fitted = fit(
            config.build(),
            sampler.draw,
            task.loss,
            config.fit,
            device,
            report,
            (lambda network: validator.loss(network, held_out)) if held_out else None,
            on_epoch,
        )
    return Fitted(normal, fitted)


def _normalisation(scenes: Scenes, splits: Splits) -> Normalisation:
    """Return the normalisation of the training parts; that of whole scenes may be known."""
    parts = []
    for name in training_scenes(splits):
        data, split = scenes[name], splits[name]
        known = data.moments
        trains_whole = known and split.counts["training"] == known.count
        parts.append(known if trains_whole else moments(data.array, split))
    return normalisation(parts, next(iter(scenes.values())).channels)


def _training_sic(scenes: Scenes, splits: Splits) -> Iterator[NDArray[np.float32]]:
    """Yield the SIC of the training parts in percent, (N,) each; NaN where there is none."""
    for name in training_scenes(splits):
        array = scenes[name].array
        height, width = array.shape[:2]
        for row in range(0, height, _ROWS_AT_ONCE):
            window = Window(row, 0, min(_ROWS_AT_ONCE, height - row), width)
            yield array[window.slices][..., -1][splits[name].training(window)]


def _report(epoch: Epoch, task: Task, report: Reporter) -> None:
    losses = {"training loss": epoch.training, "validation loss": epoch.validation}
    for name, value in losses.items():
        if value is not None:
            report.metric(name, epoch.number, value * task.loss_scale, task.loss_unit)
