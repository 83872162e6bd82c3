"""One experiment on a training set: fit on some scenes, judge on others, fit again on all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ... import networks
from ...evaluation import baselines
from ...evaluation.metrics import Density, ErrorSums
from ...events import Reporter
from ...raster.grid import Window
from ...trainingset import SceneRecord
from ..chips import Normalisation
from ..device import Device, seeded
from ..experiment import tell
from ..fit import Fit, fit
from ..judgement import NETWORK, Judgement, features_of
from ..judgement import judge as judged
from ..plan import Plan
from ..scene import TrainingData
from ..split import whole
from ..validation import Judge, Part
from .mix import SceneMix
from .split import SceneSplit

_MOST_PX: Final = 2**21
"""Of larger validation scenes, tiles spread evenly are judged after each epoch."""


@dataclass(frozen=True)
class SetOutcome:
    """What an experiment came to.

    Attributes:
        state: Weights of the network that is kept.
        scaling: Its normalisation.
        first: The first fit, which was validated.
        second: The fit on all scenes; None where there was none.
        judgements: Errors of the first fit by scene.
        baselines: RMSE in percent on the validation scenes' cells, as in `experiment.Outcome`.
    """

    state: dict[str, NDArray[np.generic]]
    scaling: Normalisation
    first: Fit
    second: Fit | None
    judgements: dict[str, Judgement]
    baselines: dict[str, float]

    def together(self, names: tuple[str, ...]) -> tuple[ErrorSums, Density]:
        """Return the errors of some scenes taken together."""
        parts = [self.judgements[name] for name in names]
        errors, density = ErrorSums(len(parts[0].errors)), Density(parts[0].density.edges)
        for part in parts:
            errors.sums += part.errors.sums
            density.counts += part.density.counts
        return errors, density


def run(
    scenes: Mapping[str, TrainingData],
    records: Mapping[str, SceneRecord],
    plan: Plan,
    split: SceneSplit,
    device: Device,
    report: Reporter,
) -> SetOutcome:
    """Fit a network on the training scenes and judge it on all.

    Args:
        scenes: The scenes by name, memory-mapped.
        records: What is known of each.
        plan: What to fit and how.
        split: Training and validation scenes.
        device: What computes.
        report: Receives progress 0-1, the losses by epoch, and messages.

    Raises:
        SeaIceError: The data cannot be learnt from, or the fit went astray.
    """
    again = plan.refit and bool(split.validation)
    share = 0.5 if again else 1.0
    scaling, first = _fit(
        scenes, records, plan, split.training, device, report.part(0, share), split.validation
    )
    kept = networks.restore(plan.network, first.state).to(device.name)
    judgements = {}
    for name in (*split.training, *split.validation):
        report.check_cancelled()
        judge, part = _judge(scenes[name], plan, scaling, device)
        judgements[name] = judged(judge.tiles(kept, part), scenes[name], plan.task)
    beside = _beside_baselines(scenes, split, judgements) if split.validation else {}
    if not again:
        return SetOutcome(first.state, scaling, first, None, judgements, beside)
    everything = (*split.training, *split.validation)
    scaling, second = _fit(
        scenes,
        records,
        replace(plan, fit=plan.fit.of_length(first.best_epoch)),
        everything,
        device,
        report.part(share, 1),
    )
    return SetOutcome(second.state, scaling, first, second, judgements, beside)


def pooled(records: Mapping[str, SceneRecord], names: tuple[str, ...]) -> Normalisation:
    """Return each channel's mean and deviation over the reference pixels of some scenes."""
    pixels = np.array([records[name].pixels for name in names], float)[:, None]
    mean, std = (np.array([getattr(records[n], key) for n in names]) for key in ("mean", "std"))
    total = (pixels * mean).sum(0) / pixels.sum()
    variance = (pixels * (std**2 + (mean - total) ** 2)).sum(0) / pixels.sum()
    # a channel that never varies would divide by 0
    return Normalisation(total.astype(np.float32), np.sqrt(variance + 1e-6).astype(np.float32))


def _fit(
    scenes: Mapping[str, TrainingData],
    records: Mapping[str, SceneRecord],
    plan: Plan,
    names: tuple[str, ...],
    device: Device,
    report: Reporter,
    validation: tuple[str, ...] | None = None,
) -> tuple[Normalisation, Fit]:
    """Return the normalisation and the fit on some scenes, validated on others.

    Its losses are told by epoch, but not those of a fit again, which has no `validation`.
    """
    scaling = plan.start.scaling if plan.start else pooled(records, names)
    data = [scenes[name] for name in names]
    plan = plan.for_parts((scene.store, whole(scene.cells)) for scene in data)
    held_out = {name: scenes[name] for name in validation or ()}
    with seeded(plan.fit.seed, device):
        fitted = fit(
            plan.build(),
            SceneMix(data, plan, scaling).draw,
            plan.task.loss,
            plan.fit,
            device,
            report,
            _validation(held_out, plan, scaling, device) if held_out else None,
            on_epoch=None if validation is None else lambda epoch: tell(epoch, plan.task, report),
        )
    return scaling, fitted


def _validation(
    scenes: Mapping[str, TrainingData], plan: Plan, scaling: Normalisation, device: Device
) -> Callable[[nn.Module], float]:
    """Return what gives the mean data loss of a network over scenes."""
    parts = [_judge(scene, plan, scaling, device) for scene in scenes.values()]
    area = sum(tile.height * tile.width for _, part in parts for tile in part.windows)
    every = max(1, -(-area // _MOST_PX))
    thinned = []
    offset = 0
    for judge, part in parts:
        # every n-th tile of all scenes in a row
        windows = part.windows[-offset % every :: every]
        offset += len(part.windows)
        known = sum(int(np.isfinite(judge.store[w.slices][..., -1]).sum()) for w in windows)
        if known:
            thinned.append((judge, Part(windows, part.inside), known))
    total = sum(known for _, _, known in thinned)

    def loss(network: nn.Module) -> float:
        return sum(judge.loss(network, part) * known / total for judge, part, known in thinned)

    return loss


def _judge(
    scene: TrainingData, plan: Plan, scaling: Normalisation, device: Device
) -> tuple[Judge, Part]:
    """Return what judges a network on a whole scene."""
    judge = Judge(scene.store, scaling, networks.geometry(plan.network), device, plan.task)
    return judge, Part.of([scene.grid.window], _everywhere)


def _everywhere(window: Window) -> NDArray[np.bool_]:
    return np.ones((window.height, window.width), bool)


def _beside_baselines(
    scenes: Mapping[str, TrainingData], split: SceneSplit, judgements: Mapping[str, Judgement]
) -> dict[str, float]:
    """Return the RMSE of the network and of the baselines that know no position, by cells."""
    learnt = [_cells(scenes[name]) for name in split.training]
    sic = np.concatenate([part[0] for part in learnt])
    features = np.concatenate([part[1] for part in learnt])
    squares: dict[str, float] = {}
    count = 0
    for name in split.validation:
        found = judgements[name]
        tested = np.isfinite(found.predicted)
        known = features_of(scenes[name])[2][tested]
        reference = found.reference[tested]
        predictions = {
            "mean": baselines.mean(sic, reference.size),
            "linear": baselines.linear(features, sic, known),
            NETWORK: found.predicted[tested],
        }
        for key, values in predictions.items():
            squares[key] = squares.get(key, 0.0) + float(np.square(values - reference).sum())
        count += reference.size
    return {key: math.sqrt(value / count) for key, value in squares.items()} if count else {}


def _cells(scene: TrainingData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean SIC (N,) and backscatter (N, C) of a scene's cells."""
    means, counted, features = features_of(scene)
    return means[-1][counted], features[counted]
