"""What a network learns from: the layers of one scene, or a training set of many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.train import TrainJob
from ..raster.reference import Reference
from ..raster.scene import Scene
from ..runs import openwater
from ..training.plan import Plan
from . import division
from .division import Division, Scenes
from .records import SceneRecord
from .scene_data import collected, footprint_m, resolution_m
from .training_set import TrainingSet

_FOOTPRINT_SPREAD: Final = 1.5


@dataclass(frozen=True)
class Material:
    """Scenes, how they are divided, and where they come from.

    Attributes:
        title: What the report calls them.
        scenes: The scenes by name.
        division: What trains and what validates.
        about: What the model card says of where they come from.
    """

    title: str
    scenes: Scenes
    division: Division
    about: Mapping[str, Any]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, of all scenes."""
        return next(iter(self.scenes.values())).channels

    @property
    def resolution_m(self) -> float:
        """Pixel size; the median, since those of a set may differ a little."""
        return float(np.median([data.grid.resolution_m for data in self.scenes.values()]))

    @property
    def footprint_m(self) -> float:
        """Footprint of the reference; the median where there are several."""
        return float(np.median([data.footprint_m for data in self.scenes.values()]))


@contextmanager
def of_layers(job: TrainJob, plan: Plan, report: Reporter) -> Iterator[Material]:
    """Read the job's layers.

    Args:
        job: The layers.
        plan: What is to be fitted.
        report: Receives progress 0-1 and messages.

    Raises:
        SeaIceError: The layers or the parameters do not allow it.
    """
    assert job.reference is not None  # the job checked it
    start = plan.start
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
                f"Grid: {scene.grid.height} x {scene.grid.width} px of"
                f" {scene.grid.resolution_m:.4g} m. Footprint of the reference:"
                f" {footprint / 1000:.4g} km"
            )
            with collected(scene, reference, footprint, job.chip_size, report) as data:
                inputs = _names(job)
                yield Material(
                    f"{inputs['HH']} and {inputs['HV']}, reference {inputs['reference']}",
                    {scene.label: data},
                    division.of_scene(scene.label, data, plan),
                    {
                        "inputs": inputs,
                        "acquisition": data.provenance.get("acquisition", {}),
                        "grid": {
                            "crs": data.grid.crs.to_string(),
                            "shape": list(data.grid.shape),
                            "bounds": list(data.grid.bounds()),
                        },
                        "notes": list(data.notes),
                    },
                )


@contextmanager
def of_set(
    job: TrainJob, training_set: TrainingSet, plan: Plan, report: Reporter
) -> Iterator[Material]:
    """Open the scenes of a training set, memory-mapped.

    Args:
        job: Its parameters must suit the set.
        training_set: The set.
        plan: What is to be fitted.
        report: Receives messages.

    Raises:
        SeaIceError: The set or the parameters do not allow it.
    """
    shared, folder = training_set.shared, training_set.folder
    if job.resolution and abs(job.resolution / shared.resolution_m - 1) > 0.01:
        raise SeaIceError(
            f"{folder}: its scenes have pixels of {shared.resolution_m:.4g} m,"
            f" Resolution {job.resolution:g} m is asked for; leave Resolution empty"
        )
    if plan.start:
        plan.start.check(plan.network, plan.task, shared.channels, shared.resolution_m)
    names = training_set.names()
    if not names:
        raise SeaIceError(f"{folder}: the training set is empty; add scenes by Build training set")
    openwater.check(job, shared.channels)
    records = {name: training_set.record(name) for name in names}
    scenes = {name: training_set.data(name) for name in names}
    sic = np.sum([record.sic_histogram for record in records.values()], axis=0)
    if np.count_nonzero(sic) == 1:
        tenth = 10 * int(np.argmax(sic))
        raise SeaIceError(
            f"{folder}: all its scenes have a SIC of {tenth}-{tenth + 10} %; a network needs water"
            " and ice to learn from: add scenes across the ice edge"
        )
    sizes = sorted(record.footprint_m for record in records.values())
    if sizes[-1] > _FOOTPRINT_SPREAD * sizes[0]:
        report.warning(
            f"The references' footprints differ, {sizes[0] / 1000:.3g} to {sizes[-1] / 1000:.3g}"
            " km; the network learns to give something between them"
        )
    divided = division.of_set(scenes, records, plan)
    yield Material(
        f"training set {folder.name}, {len(names)} scenes",
        scenes,
        divided,
        {
            "inputs": {"training_set": folder.name, "scenes": str(len(names))},
            "scenes": [_scene(name, record, divided) for name, record in records.items()],
            "notes": [],
        },
    )


def _scene(name: str, record: SceneRecord, divided: Division) -> dict[str, object]:
    """Return what the model card says of a scene of a set."""
    return {
        "name": record.name,
        "part": divided.part_of(name),
        "inputs": record.inputs,
        "acquisition": record.acquisition,
        "reference_date": record.reference_date,
        "hours_apart": record.hours_apart,
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
