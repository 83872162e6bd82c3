"""The report of `buildtrainingset`: what a training set holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checkpoint import POLARISATIONS
from ..datasets.provenance import summary
from ..datasets.records import SceneRecord, SetRecord
from ..observation.times import FAR_H
from . import page
from .charts import Series, bars

_UNITS = {"incidence_angle": " [deg]", **dict.fromkeys(POLARISATIONS, " [dB]")}
"""Units of the channels that have a known one; an extra channel may have any."""

_RARE = 0.02
"""A tenth of SIC with less than this share of the reference is rare."""


def write(path: str, title: str, shared: SetRecord, scenes: Sequence[SceneRecord]) -> None:
    """Write the report as one HTML file.

    Args:
        title: The set's name.
        shared: What its scenes share.
        scenes: In the order to show.
    """
    footprints = sum(
        scene.pixels * (shared.resolution_m / max(scene.footprint_m, shared.resolution_m)) ** 2
        for scene in scenes
        if not scene.polygons
    )
    shares = _shares(scenes)
    page.render(
        "trainingset.html",
        path,
        title=title,
        shared=shared,
        scenes=scenes,
        footprints=footprints,
        polygons=sum(scene.polygons for scene in scenes),
        days=sorted(filter(None, (s.acquisition.get("SEAICE_START", "")[:10] for s in scenes))),
        far_apart_h=FAR_H,
        far=[s.name for s in scenes if abs(s.hours_apart or 0) > FAR_H],
        rare_percent=100 * _RARE,
        rare=[f"{tenth} %" for tenth, share in shares.items() if share < _RARE],
        histogram=bars(
            list(shares),
            [Series("", range(len(shares)), [100 * share for share in shares.values()])],
            y_label="Share of the reference pixels [%]",
            x_label="SIC [%]",
        ),
        scene_rows=[
            (
                scene.name,
                scene.acquisition.get("SEAICE_START", "")[:16].replace("T", " ") or "–",
                scene.reference_date[:16] or "–",
                scene.hours_apart,
                f"{scene.shape_px[0]} x {scene.shape_px[1]}",
                scene.chips,
                scene.footprint_m / 1e3,
                scene.mean_sic_percent,
                "–" if scene.uncertainty_percent is None else scene.uncertainty_percent,
                "; ".join(scene.notes),
            )
            for scene in scenes
        ],
        backscatter_columns={
            "Scene": 0,
            **{
                f"{channel} {what}{_UNITS.get(channel, '')}": 1 if channel in _UNITS else None
                for channel in shared.channels
                for what in ("mean", "std")
            },
        },
        backscatter=[
            (scene.name, *(x for pair in zip(scene.mean, scene.std, strict=True) for x in pair))
            for scene in scenes
        ],
        acquired=summary(scene.acquisition for scene in scenes),
    )


def _shares(scenes: Sequence[SceneRecord]) -> dict[str, float]:
    """Return which share of all reference pixels has a SIC within each range, in percent."""
    if not scenes:
        return {}
    counts = np.sum([scene.sic_histogram for scene in scenes], axis=0)
    width = 100 // len(counts)
    return {
        f"{k * width}-{(k + 1) * width}": share for k, share in enumerate(counts / counts.sum())
    }
