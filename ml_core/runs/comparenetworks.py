"""The job `comparenetworks`: train every candidate with every seed, and report."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from ..datasets.scene_data import TrainingData, collected, footprint_m, resolution_m
from ..datasets.test_split import ThreePartSplit, draw_parts
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.comparenetworks import CompareNetworksJob
from ..raster.reference import Reference
from ..raster.scene import Scene
from ..reports import comparison as report_page
from ..sweep import sweep_run as trial
from ..sweep.configurations import Candidate, candidates
from ..sweep.store import Store, store_path
from ..sweep.summary import unbeating
from ..sweep.sweep_run import TEST, VALIDATION, Trial
from ..training.device import Device, choose

_READ, _TRAINED = 0.03, 0.99
"""Shares of the job's progress at which reading and training end."""


def run(job: CompareNetworksJob, files: OutputFiles, report: Reporter) -> Done:
    """Train the candidates that are not finished yet; write the report and the table.

    Raises:
        SeaIceError: The layers or the parameters do not allow it, or no training succeeded.
    """
    assert job.reference is not None
    assert job.report is not None
    chosen, left_out = candidates(job)
    for reason in left_out:
        report.warning(f"Left out: {reason}")
    report_path = files.stage(job.report)
    table_path = files.stage(job.table) if job.table else None
    with Reference.open(job.reference, job.footprint) as reference:
        chosen[0].plan.check_reference(reference)
        footprint, note = footprint_m(reference, job.footprint)
        if note:
            report.info(note)
        resolution = resolution_m(job.resolution, footprint, job.chip_size)
        with Scene.open(job, resolution) as scene:
            reference.check_use(scene.grid)
            reading = report.part(0, _READ)
            with collected(scene, reference, footprint, job.chip_size, reading) as data:
                split = draw_parts(
                    data.cells,
                    data.length_px,
                    job.validation_fraction,
                    job.test_fraction,
                    np.random.default_rng(job.seed),
                )
                trials = _trained(job, chosen, data, split, report.part(_READ, _TRAINED))
                view = report_page.view(job, trials, left_out, data, split)
    part = TEST if job.test_fraction else VALIDATION
    weak = unbeating(view.summaries, part)
    if weak:
        report.warning(f"Not better than every baseline on {part}: {'; '.join(weak)}")
    report_page.write(report_path, view)
    outputs = {"REPORT": job.report}
    if table_path:
        report_page.trial_table(trials).write_csv(table_path)
        outputs["TABLE"] = str(job.table)
    report.progress(1.0)
    return Done(outputs)


def _trained(
    job: CompareNetworksJob,
    chosen: list[Candidate],
    data: TrainingData,
    split: ThreePartSplit,
    report: Reporter,
) -> list[Trial]:
    """Return a trial of every candidate and seed; finished ones come from the store.

    All candidates are trained with a seed before the next seed begins, so that a run that is
    cancelled has compared them all.
    """
    store = Store(store_path(str(job.report)))
    device = choose(job.device)
    todo = [(seed, c) for seed in range(job.seed, job.seed + job.seeds) for c in chosen]
    keys = [trial.key(candidate, seed, data, split, device) for seed, candidate in todo]
    finished = sum(store.get(key) is not None for key in keys)
    report.info(
        f"{len(chosen)} candidates x {job.seeds} seeds: {len(todo)} trainings, {finished} of them"
        f" finished before. Each that ends is kept in {store.path}; a cancelled comparison goes on"
        " from there, and removing the file starts anew"
    )
    if os.path.abspath(str(job.report)).startswith(os.path.abspath(tempfile.gettempdir())):
        report.warning(
            "The report is a temporary file: to be able to cancel and go on, give it a name"
        )
    trials = []
    for number, ((seed, candidate), key) in enumerate(zip(todo, keys, strict=True)):
        part = report.part(number / len(todo), (number + 1) / len(todo))
        known = store.get(key)
        if known is None:
            known = _one(candidate, seed, data, split, device, part).to_dict()
            store.add(key, known)
        trials.append(Trial.from_dict(known))
        part.info(_line(number + 1, len(todo), trials[-1]))
        part.progress(1.0)
    if all(one.error for one in trials):
        raise SeaIceError(f"no training succeeded; the first failed: {trials[0].error}")
    return trials


def _one(
    candidate: Candidate,
    seed: int,
    data: TrainingData,
    split: ThreePartSplit,
    device: Device,
    report: Reporter,
) -> Trial:
    try:
        return trial.run(candidate, seed, data, split, device, report)
    except SeaIceError as error:
        report.warning(f"{candidate.name}, seed {seed}: {error}")
        return trial.failed(candidate, seed, str(error))


def _line(number: int, total: int, one: Trial) -> str:
    if one.error:
        return f"{number}/{total} {one.candidate}, seed {one.seed}: failed"
    rmse = ", ".join(f"{part} {value:.1f}" for part, value in one.rmse_percent.items())
    return (
        f"{number}/{total} {one.candidate}, seed {one.seed}: RMSE {rmse} % in {one.seconds:.0f} s"
    )
