"""The model card of a fitted network."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from numpy.typing import NDArray

from .. import __version__, diagnosis
from ..checkpoint import ModelCard
from ..evaluation.metrics import Scores
from ..jobs.train import TrainJob
from . import crossvalidation
from .chips import Normalisation
from .device import Device
from .experiment import Outcome
from .fit import Epoch, Fit
from .losses import ZERO, zero_share
from .plan import Plan
from .scene import TrainingData
from .tasks import to_dict
from .uncertainty import domain_of


def card_of(
    job: TrainJob, plan: Plan, data: TrainingData, outcome: Outcome, device: Device
) -> ModelCard:
    """Return the model card of an outcome on one scene."""
    return fitted_card(
        job,
        plan,
        device,
        channels=data.channels,
        resolution_m=data.grid.resolution_m,
        footprint_m=data.footprint_m,
        scaling=outcome.scaling,
        fits=(outcome.first, outcome.second),
        scores={
            "training": outcome.training.scores,
            "validation": outcome.validation.scores if outcome.validation else None,
        },
        state=outcome.state,
        training={
            "inputs": _names(job),
            "acquisition": data.provenance.get("acquisition", {}),
            "grid": {
                "crs": data.grid.crs.to_string(),
                "shape": list(data.grid.shape),
                "bounds": list(data.grid.bounds()),
            },
            "domain": domain_of(data),
            "notes": list(data.notes),
        },
        split={
            **outcome.split.to_dict(),
            "folds": [fold.split.to_dict() for fold in outcome.folds],
            "buffer_m": outcome.split.buffer_px * data.grid.resolution_m,
            "independent_footprints": {
                name: data.footprints(count) for name, count in outcome.split.counts.items()
            },
        },
        metrics={
            "validation_cells_rmse_percent": outcome.baselines,
            "folds_rmse_percent": [crossvalidation.rmse(fold) for fold in outcome.folds],
        },
    )


def fitted_card(
    job: TrainJob,
    plan: Plan,
    device: Device,
    *,
    channels: tuple[str, ...],
    resolution_m: float,
    footprint_m: float,
    scaling: Normalisation,
    fits: tuple[Fit, Fit | None],
    scores: Mapping[str, Scores | None],
    state: Mapping[str, NDArray[Any]],
    training: Mapping[str, Any],
    split: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> ModelCard:
    """Return a model card from what a training of any kind knows.

    Args:
        job: The parameters.
        plan: What was fitted and how.
        device: What computed.
        channels: Names of the channels.
        resolution_m: Pixel size.
        footprint_m: Footprint of the reference.
        scaling: The normalisation.
        fits: The fit that was validated, and that on everything.
        scores: Errors by part.
        state: The weights that are kept.
        training: What was learnt from.
        split: How training and validation were set apart.
        metrics: Further errors.
    """
    first, second = fits
    kept, scale = second or first, plan.task.loss_scale
    return ModelCard(
        network=plan.network.to_dict(),
        channels=channels,
        mean=tuple(float(value) for value in scaling.mean),
        std=tuple(float(value) for value in scaling.std),
        resolution_m=resolution_m,
        footprint_m=footprint_m,
        task=plan.task.id,
        classes=to_dict(plan.task),
        training={
            **training,
            "parameters": _parameters(job),
            "seed": plan.fit.seed,
            "epochs": kept.best_epoch,
            "steps": kept.best_epoch * plan.fit.steps_per_epoch,
            "fitted_again_on_everything": second is not None,
            "device": device.name,
            "precision": device.precision,
            "seconds": sum(fitted.seconds for fitted in fits if fitted),
            "lineage": plan.start.lineage() if plan.start else None,
        },
        split=dict(split),
        curves={
            "unit": plan.task.loss_unit,
            "first": _curves(first.epochs, scale),
            "second": _curves(second.epochs, scale) if second else None,
        },
        metrics={
            **{
                name: {
                    "rmse_percent": part.rmse_percent,
                    "mae_percent": part.mae_percent,
                    "bias_percent": part.bias_percent,
                    "r2": part.r2,
                    "pixels": part.count,
                }
                for name, part in scores.items()
                if part
            },
            **metrics,
            "zero_weights": {"below": ZERO, "share": zero_share(state)},
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


def _names(job: TrainJob) -> dict[str, str]:
    """Return the layers' names, without folders: a model file travels."""
    layers = {
        "HH": job.hh,
        "HV": job.hv,
        "incidence_angle": job.incidence,
        "mask": job.mask,
        "reference": job.reference,
    }
    return {name: layer.label for name, layer in layers.items() if layer is not None}


def _parameters(job: TrainJob) -> dict[str, object]:
    """Return the parameters that are no layers and no files."""
    files = {*job.input_paths(), *job.output_paths()}
    return {name: value for name, value in job.to_dict().items() if name not in files}
