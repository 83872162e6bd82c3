"""The job `buildtrainingset`: adds a scene to a training set and reports what the set holds."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.cells import Cells
from ..datasets.normalisation import moments
from ..datasets.records import SceneRecord, SetRecord
from ..datasets.scene_data import fill, footprint_m, resolution_m
from ..datasets.split import whole
from ..datasets.training_set import TrainingSet, folder_name
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.buildtrainingset import BuildTrainingSetJob
from ..raster.reference import Reference
from ..raster.scene import Scene
from ..reports import trainingset as set_report

_RESOLUTION_TOLERANCE = 0.05


def run(job: BuildTrainingSetJob, files: OutputFiles, report: Reporter) -> Done:
    """Add the scene and write the report.

    Raises:
        SeaIceError: The scene does not fit the set, a layer cannot be used, or the set cannot be
            written.
    """
    assert job.training_set is not None
    report_path = files.stage(job.report) if job.report else None
    added = 0
    if job.reference is None:
        training_set = TrainingSet.open(job.training_set)
    else:
        training_set, added = _add(job, report.part(0, 0.95))
    scenes = _listed(training_set, report)
    if report_path:
        set_report.write(report_path, training_set.folder.name, training_set.shared, scenes)
    outputs = {"TRAINING_SET": job.training_set}
    if job.report:
        outputs["REPORT"] = job.report
    chips = sum(scene.chips for scene in scenes)
    return Done(outputs, {"ADDED": added, "SCENES": len(scenes), "CHIPS": chips})


def _add(job: BuildTrainingSetJob, report: Reporter) -> tuple[TrainingSet, int]:
    """Add the job's scene; return the set and the number of scenes written."""
    assert job.training_set is not None
    assert job.reference is not None
    with Reference.open(job.reference, job.footprint) as reference:
        footprint, note = footprint_m(reference, job.footprint)
        if note:
            report.info(note)
        asked_m = resolution_m(job.resolution, footprint, job.chip_size)
        manifest = _manifest_of(job.training_set)
        if manifest is not None:
            asked_m = _agreed_resolution(job, manifest)
        with Scene.open(job, asked_m) as scene:
            shared = SetRecord(scene.channels, scene.grid.resolution_m, job.chip_size)
            training_set = TrainingSet.open_or_create(job.training_set, shared)
            _check_fit(scene, training_set.shared)
            name = job.name or scene.acquisition.get("SEAICE_PRODUCT") or Path(scene.label).stem
            folder, fingerprint = folder_name(name), _fingerprint(job, footprint)
            with training_set.writing():
                present = training_set.find(folder)
                if present is not None and present.fingerprint == fingerprint:
                    report.info(f"{name}: is already in the set, unchanged")
                    return training_set, 0
                for text in (*scene.notes, *reference.notes):
                    report.warning(text)
                with training_set.adding(folder, scene.grid.shape) as new:
                    cells, sums = fill(
                        new.pixels,
                        scene,
                        reference.on(scene.grid),
                        footprint / scene.grid.resolution_m,
                        report,
                    )
                    if not cells.count.any():
                        raise SeaIceError(
                            f"{scene.label} and {reference.label} have no valid pixel in common;"
                            " check the CRS and the nodata values of both, and that the reference"
                            " is of the scene's day and region"
                        )
                    record = _record(
                        job, name, fingerprint, scene, reference, footprint, new.pixels, cells
                    )
                    new.finish(cells, sums, record)
                report.info(
                    f"{name}: {'replaced' if present else 'added'}, {record.chips} chips,"
                    f" {record.pixels} reference pixels, mean SIC {record.mean_sic_percent:.0f} %"
                )
    return training_set, 1


def _manifest_of(folder: str) -> SetRecord | None:
    try:
        return TrainingSet.open(folder).shared
    except SeaIceError:
        # a new set; what else is wrong with the folder is told when the set is created
        if (Path(folder) / "trainingset.json").exists():
            raise
        return None


def _agreed_resolution(job: BuildTrainingSetJob, shared: SetRecord) -> float:
    """Return the set's resolution.

    Raises:
        SeaIceError: The job asks for another one.
    """
    if job.resolution and abs(job.resolution / shared.resolution_m - 1) > _RESOLUTION_TOLERANCE:
        raise SeaIceError(
            f"{job.training_set}: its scenes have pixels of {shared.resolution_m:.4g} m, Resolution"
            f" {job.resolution:g} m is asked for; leave Resolution empty, or build another set"
        )
    return shared.resolution_m


def _check_fit(scene: Scene, shared: SetRecord) -> None:
    if scene.channels != shared.channels:
        raise SeaIceError(
            f"{scene.label}: the scene has {', '.join(scene.channels)}, the training set"
            f" {', '.join(shared.channels)}; all scenes of a set need the same channels"
        )
    found = scene.grid.resolution_m
    if abs(found / shared.resolution_m - 1) > _RESOLUTION_TOLERANCE:
        raise SeaIceError(
            f"{scene.label}: has pixels of {found:.4g} m, the training set of"
            f" {shared.resolution_m:.4g} m; build a set with a coarser Resolution"
        )
    if min(scene.grid.shape) < shared.chip_px:
        raise SeaIceError(
            f"{scene.label}: the scene has {scene.grid.height} x {scene.grid.width} px of"
            f" {found:.4g} m, less than a chip of {shared.chip_px} x {shared.chip_px} px; give a"
            " larger scene, or build a set with a finer Resolution or a smaller Chip size"
        )


def _fingerprint(job: BuildTrainingSetJob, footprint: float) -> str:
    """Return what changes with the scene's files and parameters."""
    values = job.to_dict()
    for name in ("training_set", "report"):
        values.pop(name)
    stamps = []
    for path in job.input_paths().values():
        try:
            status = Path(path).stat()
            stamps.append([path, status.st_size, status.st_mtime_ns])
        except OSError:
            stamps.append([path])  # no plain file: a GDAL path
    text = json.dumps([values, stamps, footprint], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _record(
    job: BuildTrainingSetJob,
    name: str,
    fingerprint: str,
    scene: Scene,
    reference: Reference,
    footprint: float,
    pixels: NDArray[np.float32],
    cells: Cells,
) -> SceneRecord:
    known = moments(pixels, whole(cells))
    assert known is not None  # the cells hold a reference
    layers = {"HH": job.hh, "HV": job.hv, "incidence_angle": job.incidence, "mask": job.mask}
    layers["reference"] = job.reference
    t = scene.grid.transform
    return SceneRecord(
        name=name,
        fingerprint=fingerprint,
        shape_px=scene.grid.shape,
        crs=scene.grid.crs.to_wkt(),
        transform=(t.a, t.b, t.c, t.d, t.e, t.f),
        footprint_m=footprint,
        inputs={key: layer.label for key, layer in layers.items() if layer is not None},
        acquisition=scene.acquisition,
        reference_date=reference.date,
        hours_apart=hours_between(scene.acquisition.get("SEAICE_START", ""), reference.date),
        chips=_chips(pixels[..., -1], job.chip_size),
        pixels=int(cells.count.sum()),
        sic_histogram=tuple(int(n) for n in cells.histogram.sum((0, 1))),
        mean=tuple(known.mean.tolist()),
        std=tuple(np.sqrt(known.variance).tolist()),
        notes=(*scene.notes, *reference.notes),
        added=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def hours_between(acquired: str, reference: str) -> float | None:
    """Return the hours from an acquisition to a reference; None where one is unknown.

    Args:
        acquired: Time, ISO 8601, UTC.
        reference: Time likewise, or a day, which stands for its noon.
    """
    first, second = _time(acquired), _time(reference)
    if first is None or second is None:
        return None
    return round((second - first).total_seconds() / 3600, 2)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if len(text) == len("2024-03-01"):
        found = found.replace(hour=12)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _chips(sic_percent: NDArray[np.float32], size_px: int) -> int:
    """Return how many squares, side by side, hold a reference pixel."""
    found = 0
    for row in range(0, sic_percent.shape[0], size_px):
        known = np.isfinite(sic_percent[row : row + size_px]).any(axis=0)
        starts = np.arange(0, known.size, size_px)
        found += int(np.logical_or.reduceat(known, starts).sum())
    return found


def _listed(training_set: TrainingSet, report: Reporter) -> list[SceneRecord]:
    """Return the set's scenes by acquisition; tell each, and which are damaged."""
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
