"""The job `train`: from layers or a training set to a model file and a report."""

from __future__ import annotations

from dataclasses import replace

from .. import checkpoint
from ..datasets import division
from ..datasets.training_data import Material, of_layers, of_set
from ..datasets.training_set import TrainingSet
from ..evaluation.scene_scores import unbeaten
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.train import TrainJob
from ..reports import training as training_report
from ..training import experiment
from ..training.calibration import calibration_of, fit_members
from ..training.card import card_of
from ..training.crossvalidation import cross_validate
from ..training.device import Device, choose
from ..training.initial_weights import Start
from ..training.plan import Plan
from ..training.view import view_of
from . import openwater

_READ, _FITTED, _CALIBRATED, _JUDGED = 0.05, 0.95, 0.99, 1.0
"""Shares of the job's progress at which reading, fitting, calibrating and judging end."""


def run(job: TrainJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit a network to scenes and their reference; write the model file and the report.

    Raises:
        SeaIceError: The layers, the training set or the parameters do not allow it.
    """
    assert job.model is not None  # the job checked it
    device = choose(job.device)
    start = Start.load(job.initial_model, job.frozen_convolutions) if job.initial_model else None
    training_set = TrainingSet.open(job.training_set) if job.training_set else None
    plan = Plan.from_job(
        job,
        refit=job.refit,
        folds=job.folds,
        keep=job.keep,
        channels=len(training_set.shared.channels) if training_set else None,
    )
    plan = replace(plan, start=start, oversample=job.oversample)
    model_path = files.stage(job.model)
    report_path = files.stage(job.report) if job.report else None
    report.info(f"Device: {device.name}, {device.precision}")
    reading = report.part(0, _READ)
    with (
        of_set(job, training_set, plan, reading) if training_set else of_layers(job, plan, reading)
    ) as material:
        if job.augmentation == "rotations" and "incidence_angle" in material.channels:
            report.warning(
                "Augmentation: chips are mirrored but not turned, since the incidence angle is a"
                " channel"
            )
        plan = plan.matching(job.match, material.footprint_m, material.resolution_m)
        division.tell(material.scenes, material.division, report)
        return _fitted(job, plan, material, device, model_path, report_path, report)


def _fitted(
    job: TrainJob,
    plan: Plan,
    material: Material,
    device: Device,
    model_path: str,
    report_path: str | None,
    report: Reporter,
) -> Done:
    scenes, divided = material.scenes, material.division
    everything = divided.everything if plan.refit and division.validating(divided.fits[0]) else None
    share = _READ + (_FITTED - _READ) / job.members
    first = report.part(_READ, share)
    if len(divided.fits) > 1:
        outcome = cross_validate(scenes, plan, divided, device, first)
    else:
        outcome = experiment.run(scenes, plan, divided.fits[0], device, first, everything)
    members = [outcome]
    if job.members > 1:
        outcome, members = fit_members(
            scenes, plan, outcome, job.members, everything, device, report.part(share, _FITTED)
        )
    calibration = calibration_of(
        scenes, plan, outcome, members, device, report.part(_FITTED, _CALIBRATED)
    )
    card = replace(card_of(job, plan, material, outcome, device), calibration=calibration)
    tensors = {
        f"member{number}.{name}": array
        for number, member in enumerate(members)
        for name, array in member.kept.fit.state.items()
    }
    text = unbeaten(outcome.baselines, f"validation {division.parts_noun(scenes)}")
    if text:
        report.warning(text)
    water = openwater.shown(job, card, tensors, report.part(_CALIBRATED, _JUDGED))
    card = openwater.noted(card, water)
    checkpoint.save(model_path, tensors, card)
    numbers = {"BEST_EPOCH": float(outcome.first.fit.best_epoch), **openwater.numbers(water)}
    names = {"training": "TRAIN_RMSE", "validation": "VALIDATION_RMSE"}
    for part, scores in outcome.scores.items():
        if scores and scores.rmse_percent is not None:
            numbers[names[part]] = scores.rmse_percent
    outputs = {"MODEL": str(job.model)}
    if report_path:
        view = replace(view_of(plan, material, outcome, card), water=water)
        training_report.write(report_path, view)
        outputs["REPORT"] = str(job.report)
    report.progress(1.0)
    return Done(outputs, numbers)
