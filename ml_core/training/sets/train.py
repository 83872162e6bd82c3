"""The job `train` on a training set: from its scenes to a model file and a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ... import checkpoint
from ...checkpoint import ModelCard
from ...errors import SeaIceError
from ...events import Done, Reporter
from ...files import OutputFiles
from ...jobs.train import TrainJob
from ...prediction.domain import Domain
from ...reports import training as training_report
from ...trainingset import SceneRecord
from .. import openwater
from ..card import fitted_card
from ..device import Device, choose
from ..judgement import unbeaten
from ..plan import Plan
from ..scene import TrainingData
from ..start import Start
from .experiment import SetOutcome
from .experiment import run as experiment
from .split import SceneSplit, draw_scenes
from .store import TrainingSet
from .view import view_of

_FITTED = 0.97
_DOMAIN_PIXELS = 2_000_000
_FOOTPRINT_SPREAD = 1.5


def run(job: TrainJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit a network to a training set; write the model file and the report.

    Raises:
        SeaIceError: The set or the parameters do not allow it.
    """
    assert job.training_set is not None
    assert job.model is not None
    training_set = TrainingSet.open(job.training_set)
    shared = training_set.shared
    if job.resolution and abs(job.resolution / shared.resolution_m - 1) > 0.01:
        raise SeaIceError(
            f"{training_set.folder}: its scenes have pixels of {shared.resolution_m:.4g} m,"
            f" Resolution {job.resolution:g} m is asked for; leave Resolution empty"
        )
    device = choose(job.device)
    start = Start.load(job.initial_model, job.frozen_convolutions) if job.initial_model else None
    plan = replace(
        Plan.from_job(job, refit=job.refit, channels=len(shared.channels)),
        start=start,
        oversample=job.oversample,
    )
    if start:
        start.check(plan.network, plan.task, shared.channels, shared.resolution_m)
    model_path = files.stage(job.model)
    report_path = files.stage(job.report) if job.report else None
    names = training_set.names()
    if not names:
        raise SeaIceError(
            f"{training_set.folder}: the training set is empty; add scenes by Build training set"
        )
    records = {name: training_set.record(name) for name in names}
    scenes = {name: training_set.data(name) for name in names}
    sic = np.sum([record.sic_histogram for record in records.values()], axis=0)
    if np.count_nonzero(sic) == 1:
        tenth = 10 * int(np.argmax(sic))
        raise SeaIceError(
            f"{training_set.folder}: all its scenes have a SIC of {tenth}-{tenth + 10} %; a network"
            " needs water and ice to learn from: add scenes across the ice edge"
        )
    rng = np.random.default_rng(plan.fit.seed)
    split = draw_scenes(
        records, shared.resolution_m, plan.validation_fraction, plan.data_fraction, rng
    )
    footprint_m = _footprint_m(records, report)
    report.info(
        f"Device: {device.name}, {device.precision}. {len(split.training)} scenes train,"
        f" {len(split.validation)} validate ({split.footprints['validation']:.0f} independent"
        f" footprints): {', '.join(split.validation) or 'none'}"
    )
    if not split.validation:
        report.warning(
            "Validation fraction is 0: nothing is kept apart, so the error on other scenes and"
            " whether the network over-fits stay unknown"
        )
    openwater.check(job, shared.channels)
    outcome = experiment(scenes, records, plan, split, device, report.part(0, _FITTED))
    card = _card(job, plan, training_set, scenes, records, split, outcome, device, footprint_m)
    tensors = {f"member0.{name}": array for name, array in outcome.state.items()}
    text = unbeaten(outcome.baselines, "validation scenes")
    if text:
        report.warning(text)
    water = openwater.shown(job, card, tensors, report.part(_FITTED, 1.0))
    card = openwater.noted(card, water)
    checkpoint.save(model_path, tensors, card)
    numbers = {"BEST_EPOCH": float(outcome.first.best_epoch), **openwater.numbers(water)}
    for part in ("training", "validation"):
        rmse = card.metrics.get(part, {}).get("rmse_percent")
        if rmse is not None:
            numbers["TRAIN_RMSE" if part == "training" else "VALIDATION_RMSE"] = rmse
    outputs = {"MODEL": job.model}
    if report_path:
        name = training_set.folder.name
        view = view_of(name, plan, scenes, split, outcome, card)
        training_report.write(report_path, replace(view, water=water))
        outputs["REPORT"] = str(job.report)
    report.progress(1.0)
    return Done(outputs, numbers)


def _footprint_m(records: Mapping[str, SceneRecord], report: Reporter) -> float:
    """Return the median footprint; warn where the references' differ much."""
    sizes = sorted(record.footprint_m for record in records.values())
    if sizes[-1] > _FOOTPRINT_SPREAD * sizes[0]:
        report.warning(
            f"The references' footprints differ, {sizes[0] / 1000:.3g} to {sizes[-1] / 1000:.3g}"
            " km; the network learns to give something between them"
        )
    return float(np.median(sizes))


def _card(
    job: TrainJob,
    plan: Plan,
    training_set: TrainingSet,
    scenes: Mapping[str, TrainingData],
    records: Mapping[str, SceneRecord],
    split: SceneSplit,
    outcome: SetOutcome,
    device: Device,
    footprint_m: float,
) -> ModelCard:
    parts = {"training": split.training, "validation": split.validation}
    return fitted_card(
        job,
        plan,
        device,
        channels=training_set.shared.channels,
        resolution_m=training_set.shared.resolution_m,
        footprint_m=footprint_m,
        scaling=outcome.scaling,
        fits=(outcome.first, outcome.second),
        scores={
            part: outcome.together(names)[0].total() if names else None
            for part, names in parts.items()
        },
        state=outcome.state,
        training={
            "inputs": {"training_set": training_set.folder.name, "scenes": str(len(scenes))},
            "scenes": [
                {
                    "name": record.name,
                    "part": next((p for p, names in parts.items() if name in names), "left out"),
                    "inputs": record.inputs,
                    "acquisition": record.acquisition,
                    "reference_date": record.reference_date,
                    "hours_apart": record.hours_apart,
                }
                for name, record in records.items()
            ],
            "domain": _domain([scenes[name] for name in split.training]),
            "notes": [],
        },
        split=split.to_dict(),
        metrics={
            "validation_cells_rmse_percent": outcome.baselines,
            "scenes_rmse_percent": {
                name: judged.scores.rmse_percent for name, judged in outcome.judgements.items()
            },
        },
    )


def _domain(scenes: list[TrainingData]) -> dict[str, object] | None:
    """Return the pixels that the network learnt from, for its card."""
    most = _DOMAIN_PIXELS // len(scenes)
    rows = []
    for scene in scenes:
        height, width = scene.grid.shape
        part = np.array(scene.store[:: max(1, height * width // most)])
        rows.append(part[np.isfinite(part[..., -1])][:, :-1])
    found = Domain.of(np.concatenate(rows), scenes[0].channels)
    return found.to_dict() if found else None
