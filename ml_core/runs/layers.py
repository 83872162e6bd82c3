"""The one opening of a scene's layers and its reference, for all jobs that learn from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..datasets.scene_data import ReferenceSource, SceneSource, collected, resolution_m
from ..datasets.training_data import TrainingData
from ..events import Reporter
from ..jobs.inputs import ReferenceInputs
from ..observation.drift import hours_of_drift, leave_out_moved
from ..observation.estimate import reference_footprint_m
from ..observation.times import TimeDifference
from ..raster.extra import ExpectedExtra
from ..raster.reference import Reference
from ..raster.scene import Scene


@dataclass(frozen=True)
class OpenScene:
    """A scene and its reference, open and checked, of which no pixel is kept yet.

    Attributes:
        scene: The scene, at the resolution that the network works at.
        reference: The reference.
        footprint_m: Its footprint.
        names: The layers' names, without folders: a model file travels.
        apart: How far scene and reference are apart in time.
    """

    scene: SceneSource
    reference: ReferenceSource
    footprint_m: float
    names: dict[str, str]
    apart: TimeDifference

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.scene.channels

    @property
    def resolution_m(self) -> float:
        """Pixel size of the scene's grid."""
        return self.scene.grid.resolution_m

    @property
    def footprint_px(self) -> float:
        """The footprint in pixels of that; 0 for a chart whose polygons are known."""
        return 0.0 if self.reference.polygons else self.footprint_m / self.resolution_m

    def log(self, report: Reporter) -> None:
        """Log the grid and what was noticed in the layers."""
        for text in (*self.scene.notes, *self.reference.notes):
            report.warning(text)
        self.apart.log(report)
        grid, size = self.scene.grid, f"{self.footprint_m / 1000:.4g} km"
        report.info(
            f"Grid: {grid.height} x {grid.width} px of {grid.resolution_m:.4g} m. Footprint of the"
            f" reference: {size if self.footprint_px else 'polygons of a chart'}"
        )


@dataclass(frozen=True)
class OpenLayers(OpenScene):
    """A scene and its reference of layers."""

    scene: Scene
    reference: Reference

    @contextmanager
    def read(self, chip_px: int, report: Reporter) -> Iterator[TrainingData]:
        """Read the layers as training data.

        Raises:
            SeaIceError: The scene is smaller than a chip, scene and reference have no valid pixel
                in common, or the disk is full.
        """
        with collected(self.scene, self.reference, self.footprint_m, chip_px, report) as data:
            yield TrainingData(
                f"{self.names['HH']} and {self.names['HV']}, reference {self.names['reference']}",
                {self.scene.label: data},
                {
                    "inputs": self.names,
                    "acquisition": data.acquisition,
                    "reference_date": self.reference.date,
                    "hours_apart": self.apart.hours,
                    "grid": {
                        "crs": data.grid.crs.to_string(),
                        "shape": list(data.grid.shape),
                        "bounds": list(data.grid.bounds()),
                    },
                    "notes": list(data.notes),
                },
            )


@contextmanager
def open_layers(
    job: ReferenceInputs,
    asked_m: float | None,
    chip_px: int,
    report: Reporter,
    *,
    needs_ice_and_water: bool = True,
    expected: ExpectedExtra | None = None,
) -> Iterator[OpenLayers]:
    """Open a job's layers and check that a network can learn from them.

    Args:
        job: The layers, HH, HV and reference among them.
        asked_m: Resolution that is asked for; 0: HH's own; None: by footprint and chip.
        report: Informed where the footprint was estimated.
        needs_ice_and_water: Whether a reference of a single SIC is refused.
        expected: The extra channels that the scene must have; None: those that are given.

    Raises:
        SeaIceError: A layer cannot be used, or they do not go together.
    """
    assert job.reference  # the job checked it
    with Reference.open(job.reference, job.footprint, job.reference_mask) as reference:
        footprint_m, note = reference_footprint_m(reference, job.footprint)
        if note:
            report.info(note)
        with Scene.open(job, resolution_m(asked_m, footprint_m, chip_px), expected) as scene:
            apart = TimeDifference.between(
                scene.label, scene.acquisition, reference.label, reference.date
            ).check(job.max_hours_apart)
            if job.ice_drift:
                hours = hours_of_drift(job.hours_apart, scene.label, scene.acquisition, reference)
                report.info(leave_out_moved(reference, job.ice_drift, hours))
            reference.check_use(scene.grid, needs_ice_and_water=needs_ice_and_water)
            reference.log_mask(footprint_m, scene.grid, report)
            yield OpenLayers(scene, reference, footprint_m, layer_names(job) | scene.extra, apart)


def layer_names(job: ReferenceInputs) -> dict[str, str]:
    """Return the names of a job's layers but the extra ones, by what they hold."""
    layers = {
        "HH": job.hh,
        "HV": job.hv,
        "incidence_angle": job.incidence,
        "mask": job.mask,
        "reference": job.reference,
        "reference_mask": job.reference_mask,
    }
    return {name: layer.label for name, layer in layers.items() if layer is not None}
