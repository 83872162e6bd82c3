"""Records of a training set on disk: of the set and of each scene, as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..observation.observations import Observations
from ..observation.times import TimeDifference
from .cells import CellCounts
from .normalisation import moments
from .scene_data import ReferenceSource, SceneSource
from .split import Split

FORMAT_VERSION = 1
"""Of the layout on disk; a set of a newer one is not read."""

R = TypeVar("R", "SetRecord", "SceneRecord")


@dataclass(frozen=True)
class SetRecord:
    """What all scenes of a set share.

    Attributes:
        channels: Names of the C channels: two polarisations, then ``incidence_angle`` and extra
            channels of any name, where the set has them.
        resolution_m: Pixel size that was asked of every scene.
        chip_px: Side of a chip; no scene is smaller.
        format_version: Of the layout.
    """

    channels: tuple[str, ...]
    resolution_m: float
    chip_px: int
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class SceneRecord:
    """What a set knows of one scene.

    Attributes:
        name: What messages and the report call it.
        fingerprint: Changes with the scene's files and parameters.
        shape_px: Height and width.
        crs: WKT or authority code of the grid.
        transform: The grid's six coefficients, (a, b, c, d, e, f).
        footprint_m: Footprint of the reference.
        inputs: The layers' names, without folders.
        acquisition: What the files say of the product they were made from (`raster.acquisition`).
        reference_date: Day, time or period of the reference, ISO 8601; empty where unknown.
        hours_apart: From the acquisition to the reference, as in `observation.times`; None where
            unknown.
        chips: Places for chips that do not overlap and hold a reference.
        pixels: Pixels with a reference.
        sic_histogram: Of these, how many in each tenth of SIC.
        mean: Mean of each channel over these, in its unit.
        std: Standard deviation likewise.
        notes: What was noticed when the scene was added.
        added: When, ISO 8601.
        uncertainty_percent: Median uncertainty of the reference, % SIC; None where it has none.
        chart: The ice chart that the reference was made from; empty where it is none or unknown.
        polygons: How many of its polygons lie in the scene; 0 where they are not known.
    """

    name: str
    fingerprint: str
    shape_px: tuple[int, int]
    crs: str
    transform: tuple[float, ...]
    footprint_m: float
    inputs: dict[str, str]
    acquisition: dict[str, str]
    reference_date: str
    hours_apart: float | None
    chips: int
    pixels: int
    sic_histogram: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...] = ()
    added: str = ""
    format_version: int = field(default=FORMAT_VERSION)
    uncertainty_percent: float | None = None
    chart: str = ""
    polygons: int = 0

    @property
    def mean_sic_percent(self) -> float:
        """The mean SIC, to the width of the histogram's bins."""
        width = 100 / len(self.sic_histogram)
        middles = [width * (k + 0.5) for k in range(len(self.sic_histogram))]
        return sum(m * n for m, n in zip(middles, self.sic_histogram, strict=True)) / self.pixels


def scene_record(
    name: str,
    fingerprint: str,
    scene: SceneSource,
    reference: ReferenceSource,
    footprint_m: float,
    array: NDArray[np.float32],
    cells: CellCounts,
    inputs: dict[str, str],
    chip_px: int,
    uncertainty: NDArray[np.float16] | None = None,
    observations: Observations | None = None,
) -> SceneRecord:
    """Return the record of a scene that was read.

    Args:
        name: What messages and reports call it.
        fingerprint: Changes with the scene's files and parameters.
        array: Pixels and reference (H, W, C + 1).
        inputs: The layers' names.
        uncertainty: Of the reference in percent (H, W); None: it has none.
        observations: What the reference says; of a chart, its polygons.
    """
    known = moments(array, Split.full(cells))
    assert known is not None  # the cells hold a reference
    t = scene.grid.transform
    apart = TimeDifference.between(scene.label, scene.acquisition, reference.label, reference.date)
    return SceneRecord(
        name=name,
        fingerprint=fingerprint,
        shape_px=scene.grid.shape,
        crs=scene.grid.crs.to_wkt(),
        transform=(t.a, t.b, t.c, t.d, t.e, t.f),
        footprint_m=footprint_m,
        inputs=inputs,
        acquisition=scene.acquisition,
        reference_date=reference.date,
        hours_apart=apart.hours,
        chips=_chip_count(array[..., -1], chip_px),
        pixels=int(cells.count.sum()),
        sic_histogram=tuple(int(n) for n in cells.histogram.sum((0, 1))),
        mean=tuple(known.mean.tolist()),
        std=tuple(np.sqrt(known.variance).tolist()),
        notes=(*scene.notes, *reference.notes, *[apart.text] * apart.is_notable),
        added=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        uncertainty_percent=_median(uncertainty, array[..., -1]),
        chart=reference.chart,
        polygons=len(observations) if observations and observations.are_polygons else 0,
    )


def _median(
    uncertainty: NDArray[np.float16] | None, sic_percent: NDArray[np.float32]
) -> float | None:
    """Return the median of the uncertainties that are known of a SIC; None where there is none."""
    if uncertainty is None:
        return None
    known = uncertainty[np.isfinite(uncertainty) & np.isfinite(sic_percent)]
    return round(float(np.median(known)), 2) if known.size else None


def _chip_count(sic_percent: NDArray[np.float32], chip_px: int) -> int:
    """Return how many squares, side by side, hold a reference pixel."""
    found = 0
    for row in range(0, sic_percent.shape[0], chip_px):
        known = np.isfinite(sic_percent[row : row + chip_px]).any(axis=0)
        starts = np.arange(0, known.size, chip_px)
        found += int(np.logical_or.reduceat(known, starts).sum())
    return found


def write(record: SetRecord | SceneRecord, path: Path) -> None:
    """Write a record."""
    text = json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(kind: type[R], path: Path) -> R:
    """Return the record in a file.

    Raises:
        SeaIceError: It is no such record, or one of a newer version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SeaIceError(f"{path}: cannot be read ({error}); the training set is damaged") from (
            error
        )
    version = values.get("format_version") if isinstance(values, Mapping) else None
    if not isinstance(version, int):
        raise SeaIceError(f"{path}: is no record of a training set of this plugin")
    if version > FORMAT_VERSION:
        raise SeaIceError(
            f"{path}: written in format {version} by a newer version of the plugin; this one reads"
            f" up to {FORMAT_VERSION}. Update the plugin, or build the set again"
        )
    known = {f.name: f for f in dataclasses.fields(kind) if f.name in values}
    try:
        found = {name: _frozen(values[name]) for name in known}
        record = kind(**found)
        _check(record)
    except (TypeError, ValueError) as error:
        raise SeaIceError(f"{path}: is damaged ({error}); remove it, or build the set again") from (
            error
        )
    return record


def _frozen(value: Any) -> Any:  # Any: JSON
    return tuple(value) if isinstance(value, list) else value


def _check(record: SetRecord | SceneRecord) -> None:
    """Check what code relies on.

    Raises:
        ValueError: A value is none that the plugin would have written.
    """
    if isinstance(record, SetRecord):
        if not (math.isfinite(record.resolution_m) and record.resolution_m > 0):
            raise ValueError(f"resolution_m is {record.resolution_m}")
        if not record.channels or record.chip_px < 1:
            raise ValueError(f"channels are {record.channels}, chip_px is {record.chip_px}")
        return
    if len(record.shape_px) != 2 or min(record.shape_px) < 1 or len(record.transform) != 6:
        raise ValueError(f"shape_px is {record.shape_px}, transform {record.transform}")
    if record.pixels < 1 or len(record.mean) != len(record.std):
        raise ValueError(f"pixels is {record.pixels}")
