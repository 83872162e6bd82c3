"""The split of a training set: whole scenes train or validate, those of one pass together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ...errors import SeaIceError
from ...trainingset import SceneRecord

_ONE_PASS: Final = timedelta(minutes=15)
"""Slices of one pass follow each other within minutes and show the same ice."""

_DRAWS: Final = 500


@dataclass(frozen=True)
class SceneSplit:
    """Which scenes train and which validate.

    Attributes:
        training: Names of the scenes that train.
        validation: Names of those that validate.
        counts: Reference pixels of each part.
        footprints: Independent footprints of each part.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    counts: dict[str, int]
    footprints: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """Return what the model card says of the split."""
        return {
            "by": "scene",
            "training_scenes": list(self.training),
            "validation_scenes": list(self.validation),
            "reference_pixels": dict(self.counts),
            "independent_footprints": dict(self.footprints),
        }


def draw_scenes(
    scenes: Mapping[str, SceneRecord],
    resolution_m: float,
    fraction: float,
    data_fraction: float,
    rng: np.random.Generator,
) -> SceneSplit:
    """Return a split whose validation scenes come closest to the share and the set's SIC.

    Args:
        scenes: The scenes by name.
        resolution_m: Pixel size of the set.
        fraction: Share of the reference to validate, 0-0.5.
        data_fraction: Share of the training scenes to train on.
        rng: Draws the candidates.

    Raises:
        SeaIceError: All scenes are of one pass.
    """
    groups = passes(scenes)
    if fraction and len(groups) < 2:
        raise SeaIceError(
            f"the training set holds {len(scenes)} scenes of one pass only, which show the same"
            " ice, so that none can validate; add scenes of another pass, or give Validation"
            " fraction 0"
        )
    histograms = np.array(
        [np.sum([scenes[name].sic_histogram for name in group], axis=0) for group in groups], float
    )
    chosen = _chosen(histograms, fraction, rng) if fraction else np.zeros(len(groups), bool)
    validation = [name for group, v in zip(groups, chosen, strict=True) if v for name in group]
    training = [name for group, v in zip(groups, chosen, strict=True) if not v for name in group]
    if data_fraction < 1:
        kept = rng.permutation(len(training))[: math.ceil(data_fraction * len(training))]
        training = [training[k] for k in sorted(kept)]
    parts = {"training": training, "validation": validation}
    return SceneSplit(
        tuple(training),
        tuple(validation),
        {part: sum(scenes[name].pixels for name in names) for part, names in parts.items()},
        {
            part: sum(_footprints(scenes[name], resolution_m) for name in names)
            for part, names in parts.items()
        },
    )


def passes(scenes: Mapping[str, SceneRecord]) -> list[list[str]]:
    """Return the scenes' names in groups of one pass, by platform and time."""
    groups: list[list[str]] = []
    last: tuple[str, datetime] | None = None
    timed = {name: _when(scene) for name, scene in scenes.items()}
    for name in sorted(scenes, key=lambda name: (timed[name] or ("", datetime.min), name)):
        when = timed[name]
        follows = when and last and when[0] == last[0] and when[1] - last[1] < _ONE_PASS
        if follows:
            groups[-1].append(name)
        else:
            groups.append([name])
        last = when
    return groups


def _when(scene: SceneRecord) -> tuple[str, datetime] | None:
    text = scene.acquisition.get("SEAICE_START", "")
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
    except ValueError:
        return None
    return scene.acquisition.get("SEAICE_PLATFORM", ""), time


def _chosen(histograms: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Return which groups validate, (G,), by the best of many draws."""
    total = histograms.sum(0)
    best, best_cost = np.zeros(len(histograms), bool), math.inf
    for _ in range(_DRAWS):
        order = rng.permutation(len(histograms))
        sums = np.cumsum(histograms[order].sum(1)) / total.sum()
        count = int(np.clip(np.argmin(np.abs(sums - fraction)) + 1, 1, len(order) - 1))
        part = histograms[order[:count]].sum(0)
        apart = np.abs(part / max(part.sum(), 1) - total / total.sum()).sum() / 2
        cost = abs(sums[count - 1] - fraction) + apart
        if cost < best_cost:
            best_cost = cost
            best = np.isin(np.arange(len(order)), order[:count])
    return best


def _footprints(scene: SceneRecord, resolution_m: float) -> float:
    return scene.pixels / max(1.0, scene.footprint_m / resolution_m) ** 2
