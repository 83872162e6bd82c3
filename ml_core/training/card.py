"""The model card of a fitted network."""

from __future__ import annotations

import math
import platform
from datetime import datetime, timezone
from typing import Any

from .. import __version__, diagnosis
from ..checkpoint import ModelCard
from ..datasets.division import learnt, parts_noun, to_dict
from ..datasets.training_data import Material
from ..jobs.train import TrainJob
from . import tasks
from .calibration import domain_of
from .device import Device
from .experiment import Outcome
from .fit import Epoch
from .losses import ZERO, zero_share
from .plan import Plan


def card_of(
    job: TrainJob, plan: Plan, material: Material, outcome: Outcome, device: Device
) -> ModelCard:
    """Return the model card of an outcome.

    Args:
        job: The parameters.
        plan: What was fitted and how.
        material: What was learnt from.
        outcome: What came out.
        device: What computed.
    """
    scenes, kept, scale = material.scenes, outcome.kept, plan.task.loss_scale
    first, second = outcome.first.fit, outcome.second.fit if outcome.second else None
    seen = learnt(material.division.everything if second else outcome.splits)
    metrics: dict[str, Any] = {
        name: {
            "rmse_percent": scores.rmse_percent,
            "mae_percent": scores.mae_percent,
            "bias_percent": scores.bias_percent,
            "r2": scores.r2,
            "pixels": scores.count,
        }
        for name, scores in outcome.scores.items()
        if scores
    }
    if len(scenes) > 1:
        # on validation where a scene has been held out
        by_scene = {**outcome.training, **outcome.validation}
        metrics["scenes_rmse_percent"] = {
            name: judged.scores.rmse_percent for name, judged in by_scene.items()
        }
    return ModelCard(
        network=plan.network.to_dict(),
        channels=material.channels,
        mean=tuple(float(value) for value in kept.scaling.mean),
        std=tuple(float(value) for value in kept.scaling.std),
        resolution_m=material.resolution_m,
        footprint_m=material.footprint_m,
        task=plan.task.id,
        classes=tasks.to_dict(plan.task),
        training={
            **material.about,
            "domain": domain_of([scenes[name] for name in seen]),
            "parameters": _parameters(job),
            "seed": plan.fit.seed,
            "epochs": kept.fit.best_epoch,
            "steps": kept.fit.best_epoch * plan.fit.steps_per_epoch,
            "fitted_again_on_everything": second is not None,
            "device": device.name,
            "precision": device.precision,
            "seconds": sum(fitted.seconds for fitted in (first, second) if fitted),
            "lineage": plan.start.lineage() if plan.start else None,
        },
        split={
            "by": parts_noun(scenes)[:-1],
            **to_dict(scenes, outcome.splits),
            "folds": [to_dict(scenes, fold.splits) for fold in outcome.folds],
        },
        curves={
            "unit": plan.task.loss_unit,
            "first": _curves(first.epochs, scale),
            "second": _curves(second.epochs, scale) if second else None,
        },
        metrics={
            **metrics,
            "validation_cells_rmse_percent": outcome.baselines,
            "folds_rmse_percent": [fold.rmse_percent for fold in outcome.folds],
            "zero_weights": {"below": ZERO, "share": zero_share(kept.fit.state)},
        },
        versions={
            "seaice": __version__,
            "python": platform.python_version(),
            **diagnosis.versions(),
        },
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _curves(epochs: list[Epoch], scale: float) -> dict[str, list[float | None]]:
    return {
        "training": [epoch.training * scale for epoch in epochs],
        "validation": [
            None
            if epoch.validation is None or math.isnan(epoch.validation)
            else epoch.validation * scale
            for epoch in epochs
        ],
        "l2": [epoch.l2 * scale for epoch in epochs],
        "l1": [epoch.l1 * scale for epoch in epochs],
        "learning_rate": [epoch.learning_rate for epoch in epochs],
    }


def _parameters(job: TrainJob) -> dict[str, object]:
    """Return the parameters that are no layers and no files."""
    files = {*job.input_paths(), *job.output_paths()}
    return {name: value for name, value in job.to_dict().items() if name not in files}
