"""The report of `buildtrainingset`: what a training set holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..datasets.records import SceneRecord, SetRecord
from . import page
from .charts import Series, bars
from .figures import Picture
from .tables import Column, Table, Value

_FAR_APART_H = 24.0
"""Drift moves the ice by about a footprint in a day."""

_RARE = 0.02
"""A tenth of SIC with less than this share of the reference is rare."""


def write(path: str, title: str, shared: SetRecord, scenes: Sequence[SceneRecord]) -> None:
    """Write the report as one HTML file.

    Args:
        title: The set's name.
        shared: What its scenes share.
        scenes: Its scenes, in the order to show.
    """
    page.render(
        "trainingset.html",
        path,
        title=title,
        tiles=_tiles(shared, scenes),
        warnings=_warnings(scenes),
        histogram=_histogram(scenes) if scenes else None,
        scenes=_scenes(scenes),
        backscatter=_backscatter(shared, scenes),
        facts=[
            ("Channels", ", ".join(shared.channels)),
            ("Resolution", f"{shared.resolution_m:.4g} m"),
            (
                "Chip size",
                f"{shared.chip_px} px, {shared.chip_px * shared.resolution_m / 1e3:.3g} km",
            ),
            ("Platforms", ", ".join(_tagged(scenes, "SEAICE_PLATFORM"))),
            ("Modes", ", ".join(_tagged(scenes, "SEAICE_MODE"))),
            ("Noise removal", ", ".join(_tagged(scenes, "SEAICE_NOISE"))),
        ],
    )


def _tiles(shared: SetRecord, scenes: Sequence[SceneRecord]) -> list[tuple[str, str, str, str]]:
    footprints = sum(
        scene.pixels * (shared.resolution_m / max(scene.footprint_m, shared.resolution_m)) ** 2
        for scene in scenes
    )
    days = sorted(scene.acquisition.get("SEAICE_START", "")[:10] for scene in scenes)
    days = [day for day in days if day]
    return [
        ("Scenes", str(len(scenes)), "", ""),
        ("Chips", str(sum(scene.chips for scene in scenes)), "", f"of {shared.chip_px} px"),
        ("Independent footprints", f"{footprints:.0f}", "", "of the references"),
        ("Acquired", days[0] if days else "unknown", "", f"to {days[-1]}" if days else ""),
    ]


def _warnings(scenes: Sequence[SceneRecord]) -> list[str]:
    warnings = []
    far = [s for s in scenes if s.hours_apart is not None and abs(s.hours_apart) > _FAR_APART_H]
    if far:
        warnings.append(
            f"The reference of {len(far)} scenes is more than {_FAR_APART_H:.0f} h away from the"
            f" acquisition, in which the ice drifts: {', '.join(scene.name for scene in far[:5])}"
        )
    if scenes:
        counts = np.sum([scene.sic_histogram for scene in scenes], axis=0)
        width = 100 // len(counts)
        rare = [
            f"{k * width}-{(k + 1) * width} %"
            for k, share in enumerate(counts / counts.sum())
            if share < _RARE
        ]
        if rare:
            warnings.append(
                f"Less than {100 * _RARE:.0f} % of the reference pixels have a SIC of"
                f" {', '.join(rare)}. Oversample rare SIC when training, or add scenes with it."
            )
    if len(scenes) == 1:
        warnings.append(
            "A set of one scene cannot show how a network does on other scenes; add more."
        )
    return warnings


def _histogram(scenes: Sequence[SceneRecord]) -> Picture:
    counts = np.sum([scene.sic_histogram for scene in scenes], axis=0)
    width = 100 // len(counts)
    return bars(
        [f"{k * width}-{(k + 1) * width}" for k in range(len(counts))],
        [Series("share of the reference", np.arange(len(counts)), 100 * counts / counts.sum())],
        y_label="Share of the reference pixels [%]",
        x_label="SIC [%]",
        alt="Histogram of the reference SIC of all scenes",
        caption="Reference pixels of all scenes at the set's resolution.",
    )


def _scenes(scenes: Sequence[SceneRecord]) -> Table:
    return Table(
        (
            Column("Scene"),
            Column("Acquired"),
            Column("Reference"),
            Column("Reference later by", "h", 1),
            Column("Size", "px"),
            Column("Chips"),
            Column("Footprint", "km", 1),
            Column("Mean SIC", "%", 0),
            Column("Notes"),
        ),
        [
            (
                scene.name,
                scene.acquisition.get("SEAICE_START", "")[:16].replace("T", " ") or "–",
                scene.reference_date[:16] or "–",
                scene.hours_apart,
                f"{scene.shape_px[0]} x {scene.shape_px[1]}",
                scene.chips,
                scene.footprint_m / 1e3,
                scene.mean_sic_percent,
                "; ".join(scene.notes),
            )
            for scene in scenes
        ],
        caption="Scenes",
    )


def _backscatter(shared: SetRecord, scenes: Sequence[SceneRecord]) -> Table:
    columns = [Column("Scene")]
    for channel in shared.channels:
        unit = "deg" if channel == "incidence_angle" else "dB"
        columns += [Column(f"{channel} mean", unit, 1), Column("std", unit, 1)]
    rows: list[list[Value]] = []
    for scene in scenes:
        rows.append([scene.name])
        for mean, std in zip(scene.mean, scene.std, strict=True):
            rows[-1] += [mean, std]
    return Table(
        columns, rows, caption="Backscatter where there is a reference, mean and deviation of dB"
    )


def _tagged(scenes: Sequence[SceneRecord], tag: str) -> list[str]:
    return sorted({scene.acquisition[tag] for scene in scenes if tag in scene.acquisition})
