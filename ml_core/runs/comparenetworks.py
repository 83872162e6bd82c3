"""The job `comparenetworks`: fit every configuration with every seed, and report."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from ..datasets.block_split import draw_split_with_test
from ..datasets.polygon_split import draw_polygons_with_test
from ..datasets.scene_data import SceneData
from ..datasets.split import Split
from ..datasets.weighting import log_weighting
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.comparenetworks import CompareNetworksJob
from ..reports import sweep as page
from ..reports.tables import write_csv
from ..sweep import runs
from ..sweep.configurations import Configuration, configurations
from ..sweep.runs import TEST, VALIDATION, SweepRun
from ..sweep.store import ResultStore, store_path
from ..sweep.summary import not_beating_baselines, summarise
from ..training.device import Device, choose
from .layers import open_layers

_READ, _FITTED = 0.03, 0.99
"""Shares of the job's progress at which reading and fitting end."""


def run(job: CompareNetworksJob, files: OutputFiles, report: Reporter) -> Done:
    """Fit the configurations that are not finished yet; write the report and the table.

    Raises:
        SeaIceError: The layers or the parameters do not allow it, or no fit succeeded.
    """
    assert job.report is not None
    report_path = files.stage(job.report)
    table_path = files.stage(job.table) if job.table else None
    reading = report.part(0, _READ)
    with open_layers(job, job.resolution, job.chip_size, report) as layers:
        chosen, left_out = configurations(job, layers.channels, layers.footprint_px)
        for reason in left_out:
            report.warning(f"Left out: {reason}")
        chosen[0].config.check_reference(layers.reference)
        layers.log(report)
        with layers.read(job.chip_size, reading) as training_data:
            (data,) = training_data.scenes.values()
            shares = job.validation_fraction, job.test_fraction
            rng = np.random.default_rng(job.seed)
            if data.is_chart:
                split = draw_polygons_with_test(data, *shares, rng)
            else:
                split = draw_split_with_test(data.cells, data.decorrelation_px, *shares, rng)
            scenes, splits = training_data.scenes, {name: split for name in training_data.scenes}
            log_weighting(scenes, splits, job.added_uncertainty, report)
            done = _fitted(job, chosen, data, split, report.part(_READ, _FITTED))
            summaries = summarise(done)
            part = TEST if job.test_fraction else VALIDATION
            unbeaten = not_beating_baselines(summaries, part)
            if unbeaten:
                names = "; ".join(unbeaten)
                report.warning(f"Not better than every baseline on {part}: {names}")
            page.write(report_path, job, summaries, done, left_out, data, split)
    outputs = {"REPORT": job.report}
    if table_path:
        write_csv(table_path, page.table_of_runs(done))
        outputs["TABLE"] = str(job.table)
    report.progress(1.0)
    return Done(outputs)


def _fitted(
    job: CompareNetworksJob,
    chosen: list[Configuration],
    data: SceneData,
    split: Split,
    report: Reporter,
) -> list[SweepRun]:
    """Return a run of every configuration and seed; finished ones come from the store.

    All configurations are fitted with a seed before the next seed begins, so that a sweep that is
    cancelled has compared them all.
    """
    store = ResultStore(store_path(str(job.report)))
    device = choose(job.device)
    todo = [(seed, c) for seed in range(job.seed, job.seed + job.seeds) for c in chosen]
    keys = [runs.key(configuration, seed, data, split, device) for seed, configuration in todo]
    finished = sum(store.get(key) is not None for key in keys)
    report.info(
        f"{len(chosen)} configurations x {job.seeds} seeds: {len(todo)} runs, {finished} of them"
        f" finished before. Each finished run is kept in {store.path}: a cancelled comparison"
        " resumes from there; remove the file to start again"
    )
    if os.path.abspath(str(job.report)).startswith(os.path.abspath(tempfile.gettempdir())):
        report.warning(
            "The report is a temporary file; give it a name to be able to cancel and resume"
        )
    found = []
    for number, ((seed, configuration), key) in enumerate(zip(todo, keys, strict=True)):
        part = report.part(number / len(todo), (number + 1) / len(todo))
        known = store.get(key)
        if known is None:
            known = _one(configuration, seed, data, split, device, part).to_dict()
            store.add(key, known)
        found.append(SweepRun.from_dict(known))
        part.info(_line(number + 1, len(todo), found[-1]))
        part.progress(1.0)
    if all(one.error for one in found):
        raise SeaIceError(f"no fit succeeded; the first failed: {found[0].error}")
    return found


def _one(
    configuration: Configuration,
    seed: int,
    data: SceneData,
    split: Split,
    device: Device,
    report: Reporter,
) -> SweepRun:
    try:
        return runs.execute(configuration, seed, data, split, device, report)
    except SeaIceError as error:
        report.warning(f"{configuration.name}, seed {seed}: {error}")
        return runs.failed(configuration, seed, str(error))


def _line(number: int, total: int, one: SweepRun) -> str:
    head = f"{number}/{total} {one.configuration}, seed {one.seed}: "
    if one.error:
        return f"{head}failed"
    rmse = ", ".join(f"{part} {value:.1f}" for part, value in one.rmse_percent.items())
    return f"{head}RMSE {rmse} % in {one.seconds:.0f} s"
