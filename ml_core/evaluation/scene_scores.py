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
from ..observation.support import around_cells, observe
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
        errors: Sums of the errors of reference pixels.
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
        """Errors per reference pixel."""
        return self.errors.total()


ScoresByScene = Mapping[str, SceneScores]
"""Errors on parts of scenes, by scene."""


class PredictedTile(NamedTuple):
    """A predicted window of a scene, (h, w) each."""

    window: Window
    predicted_percent: NDArray[np.float32]
    reference_percent: NDArray[np.float32]
    valid: NDArray[np.bool_]


def score(
    tiles: Iterable[PredictedTile], data: SceneData, footprint_px: float = 0.0
) -> SceneScores:
    """Return the errors of predicted tiles.

    Args:
        tiles: What a network predicted.
        data: The scene.
        footprint_px: Footprint over whose means prediction and reference are compared; 0: pixel by
            pixel.
    """
    errors, density = ErrorSums(), Density(_EDGES)
    size, shape = data.cells.size_px, data.cells.count.shape
    sums = np.zeros((3, *shape))  # predicted, reference, pixels
    for window, predicted_percent, reference_percent, valid in tiles:
        predicted, reference = predicted_percent[valid], reference_percent[valid]
        if not footprint_px:
            errors.add(predicted, reference)
            density.add(predicted, reference)
        rows, cols = np.nonzero(valid)
        cell = (rows + window.row) // size * shape[1] + (cols + window.col) // size
        for total, values in zip(sums, (predicted, reference, None), strict=True):
            total += np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        cells, reference_cells = sums[0] / sums[2], sums[1] / sums[2]
    if footprint_px:
        cells = _footprint_means(sums[0], sums[2], size, footprint_px)
        known = np.isfinite(cells)
        # a cell counts as often as it has pixels
        pixels = sums[2][known].astype(np.int64)
        compared = [np.repeat(values[known], pixels) for values in (cells, reference_cells)]
        errors.add(*compared)
        density.add(*compared)
    return SceneScores(errors, density, cells, reference_cells)


def _footprint_means(
    sums: NDArray[np.float64], pixels: NDArray[np.float64], cell_px: int, footprint_px: float
) -> NDArray[np.float64]:
    """Return the means over a Gaussian footprint around cells (h, w) that have pixels, else NaN.

    Args:
        sums: Sums over each cell (h, w).
        pixels: Pixels that they are sums of (h, w).
        cell_px: Side of a cell.
        footprint_px: Full width at half maximum.
    """
    share = pixels / cell_px**2
    supports = around_cells(share.shape, footprint_px, cell_px)
    means, _ = observe(sums / np.maximum(pixels, 1), share, supports)
    return np.where(pixels > 0, means, np.nan)


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
    places in several scenes can be compared where all share a projection.

    Args:
        scored: The network on the parts that are compared, by scene.
        scenes: The scenes by name.
        splits: Their training parts, which the baselines learn from.
    """
    alone = len(scenes) == 1
    learnt, tested, predicted = [], [], []
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
    return {
        name: math.sqrt(float(np.square(values - reference).mean()))
        for name, values in predictions.items()
    }


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
