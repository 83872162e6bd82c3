"""Files of AI4Arctic, opened with their scene and chart, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import SeaIceError
from ..events import Reporter
from ..inputs.ai4arctic.file import Ai4ArcticFileError, scene_paths
from ..inputs.ai4arctic.scene import Ai4ArcticScene
from ..jobs.buildtrainingset import BuildTrainingSetJob
from ..observation.times import TimeDifference
from .layers import OpenScene


@contextmanager
def open_file(
    job: BuildTrainingSetJob, path: Path, resolution_m: float | None
) -> Iterator[tuple[OpenScene, str]]:
    """Open a file that a network can learn from; yield what is so for every such file, too.

    Args:
        job: Channels, noise removal, footprint and the largest difference in time.
        path: The file.
        resolution_m: Pixel size, about a multiple of the file's; None or 0: the file's.

    Raises:
        Ai4ArcticFileError: The file cannot be used.
    """
    channels = job.ai4arctic_channels
    with Ai4ArcticScene.open(str(path), channels, job.ai4arctic_noise, resolution_m) as scene:
        # a chart is drawn by eye: what it says of a pixel is held to be of this pixel
        footprint_m = job.footprint or scene.grid.resolution_m
        names = {"HH, HV, channels and reference": path.name}
        apart = TimeDifference.between(
            scene.label, scene.acquisition, scene.chart.label, scene.chart.date
        )
        try:
            apart.check(job.max_hours_apart)
        except SeaIceError as error:
            raise Ai4ArcticFileError(str(error)) from error
        yield OpenScene(scene, scene.chart, footprint_m, names, apart), scene.remark


def each_file(
    job: BuildTrainingSetJob,
    resolution_m: Callable[[], float | None],
    add: Callable[[BuildTrainingSetJob, str, OpenScene, Reporter], int],
    report: Reporter,
) -> int:
    """Add the job's file, or those of its folder, to a set; return the number of scenes written.

    Of a folder, files that cannot be used are left out.

    Args:
        resolution_m: Returns the pixel size to ask for, which the first scene of a set decides.
        add: Adds a scene by its name, and returns the number of scenes written.

    Raises:
        SeaIceError: A single file cannot be used, or none of several, or the set cannot be added
            to.
    """
    assert job.ai4arctic is not None
    paths = scene_paths(job.ai4arctic)
    if job.name and len(paths) > 1:
        raise SeaIceError(
            f"Name of the scene: {job.name!r} is given for {len(paths)} files; leave it empty"
        )
    added, failed = 0, []
    for number, path in enumerate(paths):
        part = report.part(number / len(paths), (number + 1) / len(paths))
        name = job.name or path.stem.removesuffix("_prep")
        try:
            with open_file(job, path, resolution_m()) as (opened, remark):
                if number == 0:
                    report.info(remark)
                added += add(replace(job, ai4arctic=str(path)), name, opened, part)
        except Ai4ArcticFileError as error:
            if len(paths) == 1:
                raise
            failed.append(str(error))
            report.warning(f"Left out: {error}")
    if len(failed) == len(paths):
        raise SeaIceError(f"none of {len(paths)} files can be used; the first: {failed[0]}")
    if failed:
        report.warning(f"{len(failed)} of {len(paths)} files were left out")
    return added
