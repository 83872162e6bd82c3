"""The split of a training set: whole scenes validate, those of one pass or chart together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from .records import SceneRecord

_ONE_PASS: Final = timedelta(minutes=15)
"""Slices of one pass follow each other within minutes and show the same ice."""

_DRAWS: Final = 500

_SEASONS: Final = 4
"""Quarters of a year, from December; a scene of unknown date is of none of them."""


def draw_scenes(
    scenes: Mapping[str, SceneRecord], fraction: float, rng: np.random.Generator
) -> list[str]:
    """Return the scenes that validate: those closest to the share and the set's SIC and season.

    Args:
        fraction: Share of the reference to validate, 0-0.5.
        rng: Draws the sets of scenes.

    Raises:
        SeaIceError: All scenes are of one pass.
    """
    if not fraction:
        return []
    groups = passes(scenes)
    if len(groups) < 2:
        raise SeaIceError(
            f"the training set holds {len(scenes)} scenes of one pass only, which show the same"
            " ice, so that none can validate; add scenes of another pass, or give Validation"
            " fraction 0"
        )
    held = _Held(scenes, groups)
    best, best_cost = groups[:1], math.inf
    for _ in range(_DRAWS):
        order = rng.permutation(len(groups))
        sums = np.cumsum(held.pixels[order]) / held.pixels.sum()
        count = int(np.clip(np.argmin(np.abs(sums - fraction)) + 1, 1, len(order) - 1))
        cost = held.cost(order[:count], fraction)
        if cost < best_cost:
            best, best_cost = [groups[k] for k in sorted(order[:count])], cost
    return [name for group in best for name in group]


def draw_scene_folds(
    scenes: Mapping[str, SceneRecord], number: int, rng: np.random.Generator
) -> list[list[str]]:
    """Return the scenes in folds of about the same reference pixels, SIC and seasons.

    Passes come in random order, each to the fold that holds least so far; of many orders the one is
    kept whose folds come closest to the set.

    Args:
        number: Folds, 2 or more.
        rng: Draws the orders.

    Raises:
        SeaIceError: There are fewer passes than folds.
    """
    groups = passes(scenes)
    if len(groups) < number:
        raise SeaIceError(
            f"Cross-validation folds: {number}, but the training set holds {len(scenes)} scenes of"
            f" {len(groups)} passes, of which each is of one fold as a whole; give"
            f" {len(groups)} folds or fewer, or add scenes of other passes"
            if len(groups) > 1
            else f"Cross-validation folds: {number}, but the training set holds {len(scenes)}"
            " scenes of one pass only, which show the same ice; add scenes of another pass, or"
            " give 0 folds and Validation fraction 0"
        )
    held = _Held(scenes, groups)
    best: list[list[int]] = []
    best_cost = math.inf
    for _ in range(_DRAWS):
        folds: list[list[int]] = [[] for _ in range(number)]
        sizes = np.zeros(number)
        for k in rng.permutation(len(groups)):
            emptiest = min(range(number), key=lambda fold: sizes[fold])
            folds[emptiest].append(int(k))
            sizes[emptiest] += held.pixels[k]
        cost = sum(held.cost(np.array(fold), 1 / number) for fold in folds)
        if cost < best_cost:
            best, best_cost = folds, cost
    return [[name for k in sorted(fold) for name in groups[k]] for fold in best]


def passes(scenes: Mapping[str, SceneRecord]) -> list[list[str]]:
    """Return the scenes' names in groups of one pass, by platform and time, and of one chart.

    Scenes of one ice chart share its polygons.
    """
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
    joined: list[list[str]] = []
    for group in groups:
        charts = {scenes[name].chart for name in group} - {""}
        alike = [other for other in joined if charts & {scenes[name].chart for name in other}]
        joined = [other for other in joined if other not in alike]
        joined.append([name for part in (*alike, group) for name in part])
    return joined


class _Held:
    """What groups of scenes hold, so that parts of them can be compared with all.

    Args:
        groups: Names of those of each group.

    Attributes:
        pixels: Reference pixels of each group (G,).
    """

    def __init__(self, scenes: Mapping[str, SceneRecord], groups: Sequence[list[str]]) -> None:
        self._histograms = [
            np.array(
                [np.sum([values(scenes[name]) for name in group], axis=0) for group in groups],
                float,
            )
            for values in (lambda scene: scene.sic_histogram, _by_season)
        ]
        self.pixels: NDArray[np.float64] = self._histograms[0].sum(1)

    def cost(self, part: NDArray[np.int64], share: float) -> float:
        """Return how far some groups (n,) are from a share of the set, and from its SIC and season.

        SIC and season: half the sum of the differences of two distributions, 0-1.
        """
        total = self.pixels.sum()
        cost = abs(self.pixels[part].sum() / total - share)
        for histograms in self._histograms:
            found = histograms[part].sum(0)
            whole = histograms.sum(0)
            apart = found / max(found.sum(), 1) - whole / max(whole.sum(), 1)
            cost += float(np.abs(apart).sum()) / 2
        return float(cost)


def _by_season(scene: SceneRecord) -> NDArray[np.float64]:
    """Return a scene's reference pixels by season (4,); all 0 where its date is unknown."""
    counts = np.zeros(_SEASONS)
    when = _when(scene)
    if when:
        counts[when[1].month % 12 * _SEASONS // 12] = scene.pixels
    return counts


def _when(scene: SceneRecord) -> tuple[str, datetime] | None:
    text = scene.acquisition.get("SEAICE_START", "")
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
    except ValueError:
        return None
    return scene.acquisition.get("SEAICE_PLATFORM", ""), time
