"""The job `train`: from layers to a model file and a report."""

from __future__ import annotations

import math
import platform
from dataclasses import replace
from datetime import datetime, timezone

from .. import __version__, checkpoint, diagnosis
from ..checkpoint import ModelCard
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.train import TrainJob
from ..raster.reference import Reference
from ..raster.scene import Scene
from ..reports import training as training_report
from . import crossvalidation, experiment
from .device import Device, choose
from .experiment import Outcome
from .fit import Epoch
from .losses import ZERO, zero_share
from .plan import Plan
from .scene import TrainingData, collected, footprint_m, resolution_m
from .tasks import to_dict
from .uncertainty import calibration_of, domain_of, fit_members
from .view import view_of

_READ, _FITTED = 0.05, 0.97
"""Shares of the job's progress at which reading and fitting end."""


def run(job: TrainJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit a network to a scene and its reference; write the model file and the report.

    Raises:
        SeaIceError: The layers or the parameters do not allow it.
    """
    assert job.reference is not None  # the job checked both
    assert job.model is not None
    device = choose(job.device)
    plan = Plan.from_job(job, refit=job.refit, folds=job.folds, keep=job.keep)
    if job.augmentation == "rotations" and job.incidence is not None:
        report.warning(
            "Augmentation: chips are mirrored but not turned, since the incidence angle is a"
            " channel"
        )
    model_path = files.stage(job.model)
    report_path = files.stage(job.report) if job.report else None
    with Reference.open(job.reference, job.footprint) as reference:
        plan.check_reference(reference)
        footprint, note = footprint_m(reference, job.footprint)
        if note:
            report.info(note)
        resolution = resolution_m(job.resolution, footprint, job.chip_size)
        with Scene.open(job, resolution) as scene:
            reference.check_use(scene.grid)
            for text in (*scene.notes, *reference.notes):
                report.warning(text)
            report.info(
                f"Device: {device.name}, {device.precision}. Grid: {scene.grid.height} x"
                f" {scene.grid.width} px of {scene.grid.resolution_m:.4g} m. Footprint of the"
                f" reference: {footprint / 1000:.4g} km"
            )
            with collected(
                scene, reference, footprint, job.chip_size, report.part(0, _READ)
            ) as data:
                return _fitted(job, plan, data, device, model_path, report_path, report)


def _fitted(
    job: TrainJob,
    plan: Plan,
    data: TrainingData,
    device: Device,
    model_path: str,
    report_path: str | None,
    report: Reporter,
) -> Done:
    share = _READ + (_FITTED - _READ) / job.members
    outcome = _outcome(plan, data, device, report.part(_READ, share))
    members = [outcome]
    if job.members > 1:
        outcome, members = fit_members(
            data, plan, outcome, job.members, device, report.part(share, _FITTED)
        )
    card = replace(
        card_of(job, plan, data, outcome, device),
        calibration=calibration_of(data, plan, members, device, report),
    )
    tensors = {
        f"member{number}.{name}": array
        for number, member in enumerate(members)
        for name, array in member.state.items()
    }
    checkpoint.save(model_path, tensors, card)
    numbers = {"BEST_EPOCH": float(outcome.first.best_epoch)}
    for name, judged in (("TRAIN_RMSE", outcome.training), ("VALIDATION_RMSE", outcome.validation)):
        rmse = judged.scores.rmse_percent if judged else None
        if rmse is not None:
            numbers[name] = rmse
    outputs = {"MODEL": str(job.model)}
    if report_path:
        training_report.write(report_path, view_of(plan, data, outcome, card))
        outputs["REPORT"] = str(job.report)
    report.progress(1.0)
    return Done(outputs, numbers)


def _outcome(plan: Plan, data: TrainingData, device: Device, report: Reporter) -> Outcome:
    if plan.folds:
        splits = crossvalidation.draw(data, plan)
        report.info(
            f"Cross-validation: {len(splits)} parts of"
            f" {data.footprints(splits[0].counts['validation']):.1f} independent footprints each"
            f" validate in turn, {splits[0].buffer_px * data.grid.resolution_m / 1000:.3g} km"
            " around each are left out"
        )
        return crossvalidation.cross_validate(data, plan, splits, device, report)
    split = experiment.draw(data, plan)
    if split.blocks:
        counts = split.counts
        report.info(
            f"Split: {counts['training']} reference pixels train, {counts['validation']} in"
            f" {len(split.blocks)} blocks validate ({data.footprints(counts['validation']):.1f}"
            f" independent footprints), {counts['buffer']} within"
            f" {split.buffer_px * data.grid.resolution_m / 1000:.3g} km of a block do neither"
        )
    else:
        report.warning(
            "Validation fraction is 0: nothing is kept apart, so the error on other scenes and"
            " whether the network over-fits stay unknown"
        )
    return experiment.run(data, plan, split, device, report)


def card_of(
    job: TrainJob, plan: Plan, data: TrainingData, outcome: Outcome, device: Device
) -> ModelCard:
    """Return the model card of an outcome."""
    fits = [fitted for fitted in (outcome.first, outcome.second) if fitted]
    scale = plan.task.loss_scale
    metrics = {
        "training": outcome.training.scores,
        "validation": outcome.validation.scores if outcome.validation else None,
    }
    return ModelCard(
        network=plan.network.to_dict(),
        channels=data.channels,
        mean=tuple(float(value) for value in outcome.scaling.mean),
        std=tuple(float(value) for value in outcome.scaling.std),
        resolution_m=data.grid.resolution_m,
        footprint_m=data.footprint_m,
        task=plan.task.id,
        classes=to_dict(plan.task),
        training={
            "inputs": _names(job),
            "grid": {
                "crs": data.grid.crs.to_string(),
                "shape": list(data.grid.shape),
                "bounds": list(data.grid.bounds()),
            },
            "parameters": _parameters(job),
            "domain": domain_of(data),
            "seed": plan.fit.seed,
            "epochs": (outcome.second or outcome.first).best_epoch,
            "steps": (outcome.second or outcome.first).best_epoch * plan.fit.steps_per_epoch,
            "fitted_again_on_everything": outcome.second is not None,
            "device": device.name,
            "precision": device.precision,
            "seconds": sum(fitted.seconds for fitted in fits),
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
        curves={
            "unit": plan.task.loss_unit,
            "first": _curves(outcome.first.epochs, scale),
            "second": _curves(outcome.second.epochs, scale) if outcome.second else None,
        },
        metrics={
            **{
                name: {
                    "rmse_percent": scores.rmse_percent,
                    "mae_percent": scores.mae_percent,
                    "bias_percent": scores.bias_percent,
                    "r2": scores.r2,
                    "pixels": scores.count,
                }
                for name, scores in metrics.items()
                if scores
            },
            "validation_cells_rmse_percent": outcome.baselines,
            "zero_weights": {"below": ZERO, "share": zero_share(outcome.state)},
            "folds_rmse_percent": [crossvalidation.rmse(fold) for fold in outcome.folds],
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
