"""The job `train`: from layers or a training set to a model file and a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .. import checkpoint
from ..datasets.training_data import TrainingData, of_set
from ..datasets.training_set import TrainingSet
from ..datasets.weighting import log_weighting
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.train import TrainJob
from ..reports import training as page
from ..training import experiment, importance
from ..training.calibration import calibration_of
from ..training.card import card_of, numbers_of, with_water
from ..training.config import TrainingConfig
from ..training.crossvalidation import cross_validate
from ..training.device import Device, choose
from ..training.ensemble import fit_ensemble
from ..training.initial_weights import InitialWeights
from . import openwater
from .layers import open_layers

_READ, _FITTED, _CALIBRATED, _WEIGHED, _SCORED = 0.05, 0.93, 0.96, 0.99, 1.0
"""Shares of the progress at which reading, fitting, calibrating, weighing channels, scoring end."""


def run(job: TrainJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit a network to scenes and their reference; write the model file and the report.

    Raises:
        SeaIceError: The layers, the training set or the parameters do not allow it.
    """
    assert job.model is not None  # the job checked it
    device = choose(job.device)
    model_path = files.stage(job.model)
    report_path = files.stage(job.report) if job.report else None
    report.info(f"Device: {device.name}, {device.precision}")
    with (
        _opened(job, report.part(0, _READ)) as (config, data),
        openwater.trained(job, data, report.part(_READ, _READ)) as water,
    ):
        config = replace(config, water=water)
        done = _fitted(job, config, data, device, model_path, report_path, report)
    report.progress(1.0)
    return done


@contextmanager
def _opened(job: TrainJob, report: Reporter) -> Iterator[tuple[TrainingConfig, TrainingData]]:
    """Open the data, configure the fit by what they are, then read them."""
    initial = None
    if job.initial_model:
        initial = InitialWeights.load(job.initial_model, job.frozen_convolutions)

    def configured(channels: tuple[str, ...], footprint_px: float) -> TrainingConfig:
        if job.augmentation == "rotations" and "incidence_angle" in channels:
            report.warning(
                "Augmentation: chips are mirrored but not turned, since the incidence angle is a"
                " channel"
            )
        openwater.check(job, channels)
        return TrainingConfig.from_job(
            job,
            channels,
            footprint_px=footprint_px,
            oversample=job.oversample,
            initial=initial,
        )

    if job.training_set:
        training_set = TrainingSet.open(job.training_set)
        resolution_m = training_set.agreed_resolution_m(job.resolution)
        if initial:
            initial.check_resolution(resolution_m)
        data = of_set(training_set, report)
        yield configured(data.channels, data.footprint_px), data
        return
    asked_m = initial.card.resolution_m if initial and job.resolution is None else job.resolution
    expected = initial.extra if initial else None
    with open_layers(job, asked_m, job.chip_size, report, expected=expected) as layers:
        if initial:
            initial.check_resolution(layers.resolution_m)
        config = configured(layers.channels, layers.footprint_px)
        config.check_reference(layers.reference)
        layers.log(report)
        with layers.read(job.chip_size, report) as data:
            yield config, data


def _fitted(
    job: TrainJob,
    config: TrainingConfig,
    data: TrainingData,
    device: Device,
    model_path: str,
    report_path: str | None,
    report: Reporter,
) -> Done:
    """Split the data, fit and score, calibrate, and write what came out."""
    scenes = data.scenes
    if config.initial:
        config.initial.compare_noise(scenes, report)
    split = data.split(
        job.seed, job.validation_fraction, folds=job.folds, data_fraction=job.data_fraction
    )
    data.log_split(split, report)
    log_weighting(scenes, split.full, config.added_uncertainty_percent, report)
    full = split.full if job.refit and split.validates else None
    share = _READ + (_FITTED - _READ) / job.members
    fitting = report.part(_READ, share)
    if job.folds:
        refit = job.keep == "everything"
        outcome = cross_validate(scenes, config, split, device, fitting, refit=refit)
    else:
        outcome = experiment.run(scenes, config, split.fits[0], device, fitting, full)
    members = [outcome]
    if job.members > 1:
        outcome, members = fit_ensemble(
            scenes, config, outcome, job.members, full, device, report.part(share, _FITTED)
        )
    calibrating = report.part(_FITTED, _CALIBRATED)
    card = replace(
        card_of(job, config, data, split, outcome, device),
        calibration=calibration_of(data, config, outcome, members, device, calibrating),
    )
    weighing = report.part(_CALIBRATED, _WEIGHED)
    card = importance.noted(card, scenes, config, outcome, device, weighing)
    tensors = {
        f"member{number}.{name}": array
        for number, member in enumerate(members)
        for name, array in member.kept.result.state.items()
    }
    page.log(outcome, card, data.parts_noun, report)
    scoring = report.part(_WEIGHED, _SCORED)
    water = openwater.predicted(job, card, tensors, config.water, scoring)
    card = with_water(card, water, config.water)
    checkpoint.save(model_path, tensors, card)
    outputs = {"MODEL": str(job.model)}
    if report_path:
        page.write(report_path, config, data, split, outcome, card, water)
        outputs["REPORT"] = str(job.report)
    return Done(outputs, numbers_of(outcome, water))
