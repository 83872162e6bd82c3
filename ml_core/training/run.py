"""The job `train`: from layers to a model file and a report."""

from __future__ import annotations

from dataclasses import replace

from .. import checkpoint
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.train import TrainJob
from ..raster.reference import Reference
from ..raster.scene import Scene
from ..reports import training as training_report
from . import crossvalidation, experiment, openwater
from .card import card_of
from .device import Device, choose
from .experiment import Outcome
from .judgement import unbeaten
from .plan import Plan
from .scene import TrainingData, collected, footprint_m, resolution_m
from .sets import train as sets
from .start import Start
from .uncertainty import calibration_of, fit_members
from .view import view_of

_READ, _FITTED, _JUDGED = 0.05, 0.97, 0.99
"""Shares of the job's progress at which reading, fitting and calibrating end."""


def run(job: TrainJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit a network to a scene and its reference; write the model file and the report.

    Raises:
        SeaIceError: The layers or the parameters do not allow it.
    """
    if job.training_set:
        return sets.run(job, files, report)
    assert job.reference is not None  # the job checked both
    assert job.model is not None
    device = choose(job.device)
    start = Start.load(job.initial_model, job.frozen_convolutions) if job.initial_model else None
    plan = replace(
        Plan.from_job(job, refit=job.refit, folds=job.folds, keep=job.keep),
        start=start,
        oversample=job.oversample,
    )
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
        if start and job.resolution is None:
            resolution = start.card.resolution_m
        with Scene.open(job, resolution) as scene:
            if start:
                start.check(plan.network, plan.task, scene.channels, scene.grid.resolution_m)
            reference.check_use(scene.grid)
            openwater.check(job, scene.channels)
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
    text = unbeaten(outcome.baselines, "validation blocks")
    if text:
        report.warning(text)
    water = openwater.shown(job, card, tensors, report.part(_JUDGED, 1.0))
    card = openwater.noted(card, water)
    checkpoint.save(model_path, tensors, card)
    numbers = {"BEST_EPOCH": float(outcome.first.best_epoch), **openwater.numbers(water)}
    for name, judged in (("TRAIN_RMSE", outcome.training), ("VALIDATION_RMSE", outcome.validation)):
        rmse = judged.scores.rmse_percent if judged else None
        if rmse is not None:
            numbers[name] = rmse
    outputs = {"MODEL": str(job.model)}
    if report_path:
        view = replace(view_of(plan, data, outcome, card), water=water)
        training_report.write(report_path, view)
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
