"""The job `buildtrainingset`: adds a scene to a training set and reports what the set holds."""

from __future__ import annotations

from pathlib import Path

from ..datasets.provenance import KnownScenes
from ..datasets.records import SceneRecord, SetRecord, scene_record
from ..datasets.scene_data import check_size, decorrelation_px, fill, observed, polygons_of
from ..datasets.training_set import MANIFEST, TrainingSet, folder_name
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles, fingerprint
from ..jobs.buildtrainingset import BuildTrainingSetJob
from ..reports import trainingset as set_report
from .ai4arctic import each_file
from .ice_free import open_ice_free
from .layers import OpenScene, open_layers


def run(job: BuildTrainingSetJob, files: OutputFiles, report: Reporter) -> Done:
    """Add the scene and write the report.

    Raises:
        SeaIceError: The scene does not fit the set, a layer cannot be used, or the set cannot be
            written.
    """
    assert job.training_set is not None
    report_path = files.stage(job.report) if job.report else None
    adding = report.part(0, 0.95)
    if job.ai4arctic:
        added = each_file(job, lambda: _asked_m(job), _add, adding)
    elif job.reference or job.ice_free:
        added = _add_layers(job, adding)
    else:
        added = 0
    training_set = TrainingSet.open(job.training_set)
    scenes = _logged(training_set, report)
    if report_path:
        set_report.write(report_path, training_set.folder.name, training_set.shared, scenes)
    outputs = {"TRAINING_SET": job.training_set}
    if job.report:
        outputs["REPORT"] = job.report
    chips = sum(scene.chips for scene in scenes)
    return Done(outputs, {"ADDED": added, "SCENES": len(scenes), "CHIPS": chips})


def _add_layers(job: BuildTrainingSetJob, report: Reporter) -> int:
    """Add the scene of the job's layers; return the number of scenes written."""
    existing = _existing(job)
    expected, asked_m = existing.extra if existing else None, _asked_m(job)
    if job.ice_free:
        footprint_m = job.footprint or (existing.footprint_m if existing else None)
        opened = open_ice_free(job, asked_m, job.chip_size, footprint_m, expected)
    else:
        opened = open_layers(
            job, asked_m, job.chip_size, report, needs_ice_and_water=False, expected=expected
        )
    with opened as layers:
        scene = layers.scene
        name = job.name or scene.acquisition.get("SEAICE_PRODUCT") or Path(scene.label).stem
        return _add(job, name, layers, report)


def _existing(job: BuildTrainingSetJob) -> TrainingSet | None:
    """Return the set that is added to, None where there is none yet."""
    folder = Path(str(job.training_set))
    return TrainingSet.open(folder) if (folder / MANIFEST).exists() else None


def _asked_m(job: BuildTrainingSetJob) -> float | None:
    """Return the resolution to ask of a scene: that of the set, where there is one."""
    existing = _existing(job)
    return existing.agreed_resolution_m(job.resolution) if existing else job.resolution


def _add(job: BuildTrainingSetJob, name: str, layers: OpenScene, report: Reporter) -> int:
    """Add a scene to the set, which is made where there is none; return the scenes written."""
    scene, reference, footprint_m = layers.scene, layers.reference, layers.footprint_m
    shared = SetRecord(layers.channels, layers.resolution_m, job.chip_size)
    training_set = TrainingSet.open_or_create(str(job.training_set), shared)
    training_set.check_fit(layers.channels, layers.resolution_m, scene.label)
    check_size(scene, training_set.shared.chip_px)
    folder, stamp = folder_name(name), _fingerprint(job, footprint_m, reference.polygons)
    with training_set.writing():
        present = training_set.find(folder)
        if present is not None and present.fingerprint == stamp:
            report.info(f"{name}: is already in the set, unchanged")
            return 0
        others = [training_set.find(one) for one in training_set.names() if one != folder]
        known = KnownScenes([one.acquisition for one in others if one], "the set's other scenes")
        # other modes and platforms make a set better
        known.check(scene.acquisition, name, report, sensors=False)
        layers.log(report)
        chip_px = training_set.shared.chip_px
        length_px = decorrelation_px(footprint_m, layers.resolution_m, chip_px)
        with training_set.adding(
            folder,
            scene.grid.shape,
            has_uncertainty=reference.has_uncertainty,
            has_polygons=bool(reference.polygons),
        ) as new:
            polygons = polygons_of(reference, new.polygons)
            cells, sums = fill(
                new.array, scene, reference, length_px, report, new.uncertainty, polygons
            )
            found = observed(reference, scene.grid, footprint_m, new.array, polygons)
            read = scene, reference, footprint_m, new.array, cells
            record = scene_record(
                name, stamp, *read, layers.names, job.chip_size, new.uncertainty, found
            )
            new.finish(cells, sums, record, found)
    sigma = record.uncertainty_percent
    report.info(
        f"{name}: {'replaced' if present else 'added'}, {record.chips} chips,"
        f" {record.pixels} reference pixels, mean SIC {record.mean_sic_percent:.0f} %"
        + ("" if sigma is None else f", its uncertainty {sigma:.2g} % (median)")
    )
    return 1


def _fingerprint(job: BuildTrainingSetJob, footprint_m: float, polygons: str) -> str:
    """Return what changes with the scene's files and parameters."""
    values = job.to_dict()
    for name in ("training_set", "report", "max_hours_apart"):  # no part of the data
        values.pop(name)
    # of charts, earlier versions kept no polygons
    return fingerprint([values, footprint_m, *filter(None, [polygons])], job.input_paths().values())


def _logged(training_set: TrainingSet, report: Reporter) -> list[SceneRecord]:
    """Return the set's scenes by acquisition; log each, and which are damaged."""
    scenes = []
    for name in training_set.names():
        try:
            scenes.append(training_set.record(name))
        except SeaIceError as error:
            report.warning(str(error))
    scenes.sort(key=lambda scene: (scene.acquisition.get("SEAICE_START", ""), scene.name))
    report.info(f"{training_set.folder}: {len(scenes)} scenes")
    for scene in scenes:
        report.info(
            f"  {scene.name}: {scene.chips} chips, mean SIC {scene.mean_sic_percent:.0f} %,"
            f" {scene.acquisition.get('SEAICE_START', 'time unknown')}"
        )
    return scenes
