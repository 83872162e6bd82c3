"""How good a fitted network is on parts of scenes, beside baselines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from ..datasets.division import Scenes, Splits
from ..datasets.scene_data import TrainingData
from ..datasets.split import TRAINING
from ..observation.footprint import FWHM_PER_SIGMA, LEAST_COVER, TRUNCATE
from ..training.tasks import Task
from ..training.validation import Tile
from . import baselines
from .metrics import Density, ErrorSums, Scores

NETWORK: Final = "network"
"""Key of the network's own error among the baselines'."""

_EDGES: Final = tuple(range(0, 101, 2))


@dataclass(frozen=True)
class Judgement:
    """A network's error on a part of a scene.

    Attributes:
        errors: Sums of the errors of reference pixels.
        density: How often which SIC was predicted for which.
        predicted: Mean prediction in percent of each cell (h, w), NaN where none was judged.
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


Judged = Mapping[str, Judgement]
"""Judgements of parts of scenes, by scene."""


def judge(tiles: Iterable[Tile], data: TrainingData, task: Task) -> Judgement:
    """Return the error of predicted tiles, by pixels or by footprint means as the task says.

    Args:
        tiles: What a network predicted.
        data: The scene.
        task: Says what the network gives.
    """
    errors, density = ErrorSums(), Density(_EDGES)
    size, shape = data.cells.size_px, data.cells.count.shape
    sums = np.zeros((3, *shape))  # predicted, reference, pixels
    for tile in tiles:
        predicted = task.sic_percent(tile.output)[tile.valid]
        reference = tile.sic_percent[tile.valid]
        if not task.footprint_px:
            errors.add(predicted, reference)
            density.add(predicted, reference)
        rows, cols = np.nonzero(tile.valid)
        cell = (rows + tile.window.row) // size * shape[1] + (cols + tile.window.col) // size
        for total, values in zip(sums, (predicted, reference, None), strict=True):
            total += np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        cells, reference_cells = sums[0] / sums[2], sums[1] / sums[2]
    if task.footprint_px:
        cells = _footprint_means(sums[0], sums[2], size, task.footprint_px)
        known = np.isfinite(cells)
        # a cell counts as often as it has pixels
        pixels = sums[2][known].astype(np.int64)
        compared = [np.repeat(values[known], pixels) for values in (cells, reference_cells)]
        errors.add(*compared)
        density.add(*compared)
    return Judgement(errors, density, cells, reference_cells)


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
    sigma = footprint_px / FWHM_PER_SIGMA / cell_px
    total, count = (
        gaussian_filter(values, sigma, mode="constant", truncate=TRUNCATE)
        for values in (sums, pixels)
    )
    covered = (count >= LEAST_COVER * cell_px**2) & (pixels > 0)
    means: NDArray[np.float64] = np.where(covered, total / np.where(covered, count, 1), np.nan)
    return means


def merged(judgements: Sequence[Judgement]) -> Judgement:
    """Return judgements of parts of one scene taken together; where parts meet, the last counts."""
    errors, density = together(judgements)
    first = judgements[0]
    predicted, reference = np.full_like(first.predicted, np.nan), first.reference.copy()
    for judged in judgements:
        known = np.isfinite(judged.predicted)
        predicted[known], reference[known] = judged.predicted[known], judged.reference[known]
    return Judgement(errors, density, predicted, reference)


def together(judgements: Iterable[Judgement]) -> tuple[ErrorSums, Density]:
    """Return the errors of several judgements, of whichever scenes."""
    errors, density = ErrorSums(), Density(_EDGES)
    for judged in judgements:
        errors.sums += judged.errors.sums
        density.counts += judged.density.counts
    return errors, density


def beside_baselines(judged: Judged, scenes: Scenes, splits: Splits) -> dict[str, float]:
    """Return the RMSE in percent of a network (`NETWORK`) and of each baseline, on the same cells.

    The cells are squares of some quarter of the footprint; the backscatter that the linear
    regression sees is averaged over a footprint. A column of one scene is not that of another, and
    places in several scenes can be compared where all share a projection.

    Args:
        judged: The network on the parts that it is judged on, by scene.
        scenes: The scenes by name.
        splits: Tell the training parts, which the baselines learn from.
    """
    alone = len(scenes) == 1
    learnt, tested, predicted = [], [], []
    for name, split in splits.items():
        data = scenes[name]
        means, counted, features = features_of(data)
        places = np.moveaxis(np.indices(counted.shape), 0, -1) if alone else _map_places(data)
        where = counted & (split.roles == TRAINING)
        learnt.append((means[-1][where], features[where], places[where]))
        if name in judged:
            where = np.isfinite(judged[name].predicted)
            tested.append((judged[name].reference[where], features[where], places[where]))
            predicted.append(judged[name].predicted[where])
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


def _map_places(data: TrainingData) -> NDArray[np.float64]:
    """Return y and x (h, w, 2) of the centres of a scene's cells."""
    rows, cols = (np.indices(data.cells.count.shape) + 0.5) * data.cells.size_px
    t = data.grid.transform
    return np.stack([t.d * cols + t.e * rows + t.f, t.a * cols + t.b * rows + t.c], axis=-1)


def unbeaten(rmse_percent: Mapping[str, float], where: str) -> str:
    """Return a line that says that a network does not beat every baseline; empty where it does.

    Args:
        rmse_percent: Of the network (`NETWORK`) and of baselines, on the same cells.
        where: What they are judged on.
    """
    others = {name: rmse for name, rmse in rmse_percent.items() if name != NETWORK}
    own = rmse_percent.get(NETWORK)
    if own is None or not others:
        return ""
    best = min(others, key=lambda name: others[name])
    if own < others[best]:
        return ""
    return (
        f"The network (RMSE {own:.1f} %) does not beat every baseline on the {where}; the best of"
        f" them ({baselines.LABELS.get(best, best)}) errs by {others[best]:.1f} %"
    )


def features_of(
    data: TrainingData,
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


def _cell_means(data: TrainingData) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each cell's mean pixels and reference (C + 1, h, w), and where it has any."""
    counted = data.cells.count > 0
    means = data.sums / np.maximum(data.cells.count, 1)[..., None]
    return means.transpose(2, 0, 1), counted
