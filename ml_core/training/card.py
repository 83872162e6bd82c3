"""The model card of a fitted network."""

from __future__ import annotations

import math
import platform
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .. import __version__, diagnosis
from ..checkpoint import ModelCard
from ..datasets.open_water import TrainingWater
from ..datasets.split import training_scenes
from ..datasets.training_data import DataSplit, TrainingData
from ..datasets.weighting import weighting_of
from ..evaluation.openwater import OpenWater
from ..jobs.train import TrainJob
from .calibration import training_distribution_of
from .config import TrainingConfig
from .device import Device
from .experiment import Outcome
from .fit import Epoch
from .losses import ZERO, zero_share


def card_of(
    job: TrainJob,
    config: TrainingConfig,
    data: TrainingData,
    split: DataSplit,
    outcome: Outcome,
    device: Device,
) -> ModelCard:
    """Return the model card of a fitted network, without what its uncertainty was calibrated on."""
    kept, scale = outcome.kept, config.task.loss_scale
    first, refit = outcome.first.result, outcome.refit.result if outcome.refit else None
    trained = split.full if refit else outcome.splits
    seen = training_scenes(trained)
    water = [config.water.data] if config.water else []
    weighting = weighting_of(data.scenes, trained, config.added_uncertainty_percent)
    metrics: dict[str, Any] = {
        name: {
            "rmse_percent": scores.rmse_percent,
            "mae_percent": scores.mae_percent,
            "bias_percent": scores.bias_percent,
            "r2": scores.r2,
            "reference_values": scores.count,
        }
        for name, scores in outcome.scores.items()
        if scores
    }
    if len(data.scenes) > 1:
        # on validation where a scene has been held out
        by_scene = {**outcome.training, **outcome.validation}
        metrics["scenes_rmse_percent"] = {
            name: part.scores.rmse_percent for name, part in by_scene.items()
        }
    return ModelCard(
        network=config.network.to_dict(),
        channels=data.channels,
        mean=tuple(float(value) for value in kept.normalisation.mean),
        std=tuple(float(value) for value in kept.normalisation.std),
        resolution_m=data.resolution_m,
        footprint_m=data.footprint_m,
        task=config.task.id,
        classes=config.task.classes.to_dict() if config.task.classes else None,
        training={
            **data.provenance,
            **_scenes(data, split),
            "domain": training_distribution_of([*(data.scenes[name] for name in seen), *water]),
            "parameters": _parameters(job),
            "weighting": str(weighting) if weighting else None,
            "seed": config.fit.seed,
            "learning_rate": config.fit.learning_rate,
            "epochs": kept.result.best_epoch,
            "steps": kept.result.best_epoch * config.fit.steps_per_epoch,
            "fitted_again_on_everything": refit is not None,
            "device": device.name,
            "precision": device.precision,
            "seconds": sum(fitted.seconds for fitted in (first, refit) if fitted),
            "lineage": config.initial.lineage() if config.initial else None,
        },
        split={
            "by": data.parts_noun[:-1],
            **data.to_dict(outcome.splits),
            "folds": [data.to_dict(fold.splits) for fold in outcome.folds],
        },
        curves={
            "unit": config.task.loss_unit,
            "first": _curves(first.epochs, scale),
            "second": _curves(refit.epochs, scale) if refit else None,
        },
        metrics={
            **metrics,
            "validation_cells_rmse_percent": outcome.baselines,
            "folds_rmse_percent": [fold.rmse_percent for fold in outcome.folds],
            "zero_weights": {"below": ZERO, "share": zero_share(kept.result.state)},
        },
        versions={
            "seaice": __version__,
            "python": platform.python_version(),
            **diagnosis.versions(),
        },
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def with_water(
    card: ModelCard, found: OpenWater | None, trained: TrainingWater | None
) -> ModelCard:
    """Return a model card that says what the network predicts on open water.

    Args:
        found: What it predicts; None: there was no such scene.
        trained: The scene, where it trained.
    """
    if found is None:
        return card
    held_out = None if trained is None else trained.held_out_share
    water = {**found.to_dict(), "held_out_share": held_out}
    return replace(card, metrics={**card.metrics, "open_water": water})


def numbers_of(outcome: Outcome, water: OpenWater | None) -> dict[str, float]:
    """Return the job's numbers."""
    names = {"training": "TRAIN_RMSE", "validation": "VALIDATION_RMSE"}
    errors = {
        names[part]: scores.rmse_percent
        for part, scores in outcome.scores.items()
        if scores and scores.rmse_percent is not None
    }
    shown = water.numbers if water else {}
    return {"BEST_EPOCH": float(outcome.first.result.best_epoch), **errors, **shown}


def _scenes(data: TrainingData, split: DataSplit) -> dict[str, Any]:
    """Return what the model card says of the scenes of a set; nothing for layers."""
    if not data.records:
        return {}
    return {
        "scenes": [
            {
                "name": record.name,
                "part": split.part_of(name),
                "inputs": record.inputs,
                "acquisition": record.acquisition,
                "reference_date": record.reference_date,
                "hours_apart": record.hours_apart,
            }
            for name, record in data.records.items()
        ]
    }


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
    files = {name.partition("[")[0] for name in (*job.input_paths(), *job.output_paths())}
    return {name: value for name, value in job.to_dict().items() if name not in files}
