"""Errors of a network on parts of scenes, beside those of baselines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from ..datasets.scene_data import SceneData, Scenes
from ..datasets.split import TRAINING, Splits
from ..raster.grid import Window
from . import baselines
from .metrics import Density, ErrorSums, Scores

NETWORK: Final = "network"
"""Key of the network's own error among the baselines'."""

_EDGES: Final = tuple(range(0, 101, 2))


@dataclass(frozen=True)
class SceneScores:
    """A network's error on a part of a scene.

    Attributes:
        errors: Sums of the errors of observations, or of pixels of a reference as fine as these.
        density: How often which SIC was predicted for which.
        predicted: Mean prediction in percent of each cell (h, w), NaN where there is none.
        reference: Mean reference there (h, w).
    """

    errors: ErrorSums
    density: Density
    predicted: NDArray[np.float64]
    reference: NDArray[np.float64]

    @property
    def scores(self) -> Scores:
        """Errors per observation, or pixel."""
        return self.errors.total()


ScoresByScene = Mapping[str, SceneScores]
"""Errors on parts of scenes, by scene."""


class PredictedTile(NamedTuple):
    """A predicted window of a scene, (h, w) each."""

    window: Window
    predicted_percent: NDArray[np.float32]
    reference_percent: NDArray[np.float32]
    valid: NDArray[np.bool_]


def score_pixels(tiles: Iterable[PredictedTile], data: SceneData) -> SceneScores:
    """Return the errors of predicted tiles, pixel by pixel: of a reference as fine as these.

    Args:
        tiles: What a network predicted.
        data: The scene.
    """
    errors, density, sums = ErrorSums(), Density(_EDGES), _cells(data, 3)
    for window, predicted_percent, reference_percent, valid in tiles:
        predicted, reference = predicted_percent[valid], reference_percent[valid]
        errors.add(predicted, reference)
        density.add(predicted, reference)
        rows, cols = np.nonzero(valid)
        _add(sums, data, rows + window.row, cols + window.col, predicted, reference)
    return _scores(errors, density, sums)


def score_observed(
    predicted_percent: NDArray[np.floating], index: NDArray[np.int64], data: SceneData
) -> SceneScores:
    """Return the errors of a map's means over the supports of observations.

    Each counts once, polygons by their area. Of an interval, the SIC nearest to the prediction
    counts.

    Args:
        predicted_percent: (n,) means.
        index: Numbers of the scene's observations (n,).
        data: The scene; it has observations.
    """
    seen = data.observations
    assert seen is not None
    errors, density, sums = ErrorSums(), Density(_EDGES), _cells(data, 3)
    reference = seen.nearest(predicted_percent, index)
    errors.add(predicted_percent, reference, weight=seen.shares[index])
    density.add(predicted_percent, reference)
    if data.is_chart:
        polygon, place = _polygon_of_cells(data), np.full(len(seen) + 1, -1)
        place[index + 1] = np.arange(index.size)
        rows, cols = np.nonzero(place[polygon] >= 0)
        chosen = place[polygon[rows, cols]]
        size = data.cells.size_px
        _add(sums, data, rows * size, cols * size, predicted_percent[chosen], reference[chosen])
        return _scores(errors, density, sums)
    rows, cols = (at[index].astype(np.int64) for at in (seen.row, seen.col))
    _add(sums, data, rows, cols, predicted_percent, reference)
    return _scores(errors, density, sums)


def _polygon_of_cells(data: SceneData) -> NDArray[np.int64]:
    """Return the polygon (h, w) of each cell's middle, from 1; 0: none."""
    assert data.polygons is not None
    size = data.cells.size_px
    rows, cols = (
        np.minimum(np.arange(count) * size + size // 2, side - 1)
        for count, side in zip(data.cells.count.shape, data.grid.shape, strict=True)
    )
    return data.polygons[np.ix_(rows, cols)].astype(np.int64)


def _cells(data: SceneData, count: int) -> NDArray[np.float64]:
    return np.zeros((count, *data.cells.count.shape))


def _add(
    sums: NDArray[np.float64],
    data: SceneData,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    predicted: NDArray[np.floating],
    reference: NDArray[np.floating],
) -> None:
    """Add predicted and reference SIC, and their number, to the cells that they lie in."""
    size, shape = data.cells.size_px, data.cells.count.shape
    cell = rows // size * shape[1] + cols // size
    for total, values in zip(sums, (predicted, reference, None), strict=True):
        total += np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)


def _scores(errors: ErrorSums, density: Density, sums: NDArray[np.float64]) -> SceneScores:
    with np.errstate(invalid="ignore", divide="ignore"):
        return SceneScores(errors, density, sums[0] / sums[2], sums[1] / sums[2])


def merged(parts: Sequence[SceneScores]) -> SceneScores:
    """Return the errors on parts of one scene taken together; where parts meet, the last counts."""
    errors, density = pooled(parts)
    first = parts[0]
    predicted, reference = np.full_like(first.predicted, np.nan), first.reference.copy()
    for part in parts:
        known = np.isfinite(part.predicted)
        predicted[known], reference[known] = part.predicted[known], part.reference[known]
    return SceneScores(errors, density, predicted, reference)


def pooled(parts: Iterable[SceneScores]) -> tuple[ErrorSums, Density]:
    """Return the errors on several parts, of whichever scenes."""
    errors, density = ErrorSums(), Density(_EDGES)
    for part in parts:
        errors.sums += part.errors.sums
        density.counts += part.density.counts
    return errors, density


def beside_baselines(scored: ScoresByScene, scenes: Scenes, splits: Splits) -> dict[str, float]:
    """Return the RMSE in percent of a network (`NETWORK`) and of each baseline, on the same cells.

    The cells are squares of some quarter of the footprint; the backscatter that the linear
    regression sees is averaged over a footprint. A column of one scene is not that of another, and
    places in several scenes can be compared where all share a projection. Of a chart, means over
    the cells of each polygon err by how far they lie outside of what it says.

    Args:
        scored: The network on the parts that are compared, by scene.
        scenes: The scenes by name.
        splits: Their training parts, which the baselines learn from.
    """
    alone = len(scenes) == 1
    learnt, tested, predicted, meant = [], [], [], []
    for name, split in splits.items():
        data = scenes[name]
        means, counted, features = features_of(data)
        places = np.moveaxis(np.indices(counted.shape), 0, -1) if alone else _map_places(data)
        where = counted & (split.roles == TRAINING)
        learnt.append((means[-1][where], features[where], places[where]))
        if name in scored:
            where = np.isfinite(scored[name].predicted)
            tested.append((scored[name].reference[where], features[where], places[where]))
            predicted.append(scored[name].predicted[where])
            meant.append(_meant(data, where, scored[name].reference))
    if not sum(len(part[0]) for part in learnt) or not sum(map(len, predicted)):
        return {}
    sic, features, places = (np.concatenate(parts) for parts in zip(*learnt, strict=True))
    reference, seen, there = (np.concatenate(parts) for parts in zip(*tested, strict=True))
    predictions = {
        "mean": baselines.mean(sic, reference.size),
        "linear": baselines.linear(features, sic, seen),
        NETWORK: np.concatenate(predicted),
    }
    crs = {scene.grid.crs for scene in scenes.values()}
    if alone:
        predictions["column_mean"] = baselines.column_mean(places[:, 1], sic, there[:, 1])
        size_m = data.cells.size_px * np.array(data.grid.nominal_pixel_size_m)
        predictions["nearest"] = baselines.nearest(places * size_m, sic, there * size_m)
    elif len(crs) == 1 and crs.pop().is_projected:
        predictions["nearest"] = baselines.nearest(places, sic, there)
    before = np.cumsum([0, *(low.size for _, low, _ in meant)])
    group = np.concatenate([part + first for (part, _, _), first in zip(meant, before)])
    low, high = (np.concatenate(parts) for parts in list(zip(*meant, strict=True))[1:])
    number = np.bincount(group)

    def rmse(values: NDArray[np.floating]) -> float:
        mean = np.bincount(group, values) / number
        return math.sqrt(np.average(np.square(mean - np.clip(mean, low, high)), weights=number))

    return {name: rmse(values) for name, values in predictions.items()}


def _meant(
    data: SceneData, where: NDArray[np.bool_], reference: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.floating], NDArray[np.floating]]:
    """Return which value each cell (N,) is of, and the lowest and highest SIC of values (n,)."""
    if not data.is_chart:
        values = reference[where]
        return np.arange(values.size), values, values
    assert data.observations is not None
    polygons, group = np.unique(_polygon_of_cells(data)[where], return_inverse=True)
    index = polygons - 1
    return group.ravel(), data.observations.low[index], data.observations.high[index]


def _map_places(data: SceneData) -> NDArray[np.float64]:
    """Return y and x (h, w, 2) of the centres of a scene's cells."""
    rows, cols = (np.indices(data.cells.count.shape) + 0.5) * data.cells.size_px
    t = data.grid.transform
    return np.stack([t.d * cols + t.e * rows + t.f, t.a * cols + t.b * rows + t.c], axis=-1)


def unbeaten_baseline(rmse_percent: Mapping[str, float]) -> str | None:
    """Return the best baseline's name where a network does not beat it, else None.

    Args:
        rmse_percent: Of the network (`NETWORK`) and of baselines, on the same cells.
    """
    others = {name: rmse for name, rmse in rmse_percent.items() if name != NETWORK}
    own = rmse_percent.get(NETWORK)
    if own is None or not others:
        return None
    best = min(others, key=lambda name: others[name])
    return None if own < others[best] else best


def features_of(
    data: SceneData,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return what the baselines know of a scene's cells.

    Returns:
        Mean pixels and reference of each cell (C + 1, h, w), where it has any (h, w), and the
        mean pixels of a footprint around it (h, w, C).
    """
    means, counted = _cell_means(data)
    across = max(1, round(data.footprint_px / data.cells.size_px))
    weights = uniform_filter(counted.astype(np.float64), across, mode="constant")
    features = [
        uniform_filter(np.where(counted, mean, 0), across, mode="constant")
        / np.where(counted, weights, 1)
        for mean in means[:-1]
    ]
    return means, counted, np.stack(features, axis=-1)


def _cell_means(data: SceneData) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each cell's mean pixels and reference (C + 1, h, w), and where it has any."""
    counted = data.cells.count > 0
    means = data.sums / np.maximum(data.cells.count, 1)[..., None]
    return means.transpose(2, 0, 1), counted
