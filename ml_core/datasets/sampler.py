"""Training samples: chips drawn from scenes, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..errors import SeaIceError
from .batch import Augmentation, Batch
from .cells import CellCounts
from .normalisation import Normalisation
from .observed_chips import ObservedScene
from .polygon_chips import PolygonScene
from .scene_data import Scenes
from .split import TRAINING, Split, Splits, training_scenes
from .weighting import Weighting

_WEIGHT_STEPS: Final = 1000
_MOST_RARE: Final = 10.0
"""Rare SIC is drawn at most so many times as often as it occurs: a few cells are not to be learnt
by heart."""


def rare_weights(histogram: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of a pixel in each SIC bin that makes the bins equally frequent.

    Args:
        histogram: Reference pixels in each bin.
    """
    share = histogram / histogram.sum()
    even = 1 / np.count_nonzero(histogram)
    return np.minimum(even / np.where(share > 0, share, 1.0), _MOST_RARE)


_DEFAULT: Final = Augmentation()


class ChipSampler:
    """Draws chips from the reference of the training part.

    Chips lie within the scene. A place is drawn the more often, the more of the reference a chip
    there holds: all places as often where the reference is everywhere. Drawn so that each
    reference pixel is seen as often as the other, chips at the scene's edges come several times as
    often as others, and on a small scene most chips are nearly the same.

    Args:
        array: Pixels and reference SIC in percent (H, W, C + 1), NaN where there is none, and no
            reference without pixels; may be memory-mapped.
        size_px: Side S of a chip.
        label: Turns SIC in percent into what the network learns.
        augmentation: How chips are varied.
        bin_weights: Weight of a pixel in each SIC bin of the cells; None: all are drawn alike.
        weighting: How reference values are weighted by their uncertainty; None: not at all.
        uncertainty_percent: The reference's (H, W), NaN where there is none; None: nowhere.
        observations: What is compared in its footprints or polygons; None: the reference is, pixel
            by pixel.

    Attributes:
        weight: Sum of the weights of the training pixels.

    Raises:
        SeaIceError: The scene is smaller than a chip, or has no training pixels.
    """

    def __init__(
        self,
        array: NDArray[np.float32],
        cells: CellCounts,
        split: Split,
        normalisation: Normalisation,
        size_px: int,
        label: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        augmentation: Augmentation = _DEFAULT,
        bin_weights: NDArray[np.float64] | None = None,
        weighting: Weighting | None = None,
        uncertainty_percent: NDArray[np.float16] | None = None,
        observations: ObservedScene | PolygonScene | None = None,
    ) -> None:
        height, width = array.shape[:2]
        if min(height, width) < size_px:
            raise SeaIceError(
                f"the scene has {height} x {width} px at the network's resolution, less than a"
                f" chip of {size_px} x {size_px} px; give a smaller Chip size, a finer Resolution,"
                " or a larger scene"
            )
        self._array, self._split, self._normalisation = array, split, normalisation
        self._size, self._cell = size_px, cells.size_px
        self._label, self._augmentation = label, augmentation
        count = cells.count
        if bin_weights is not None:
            count = np.ceil(_WEIGHT_STEPS * cells.histogram @ bin_weights).astype(np.int64)
        self._cells_cumulated = np.cumsum(np.where(split.roles == TRAINING, count, 0))
        self.weight = float(self._cells_cumulated[-1])
        self._cells_across = cells.count.shape[1]
        if not self._cells_cumulated[-1]:
            raise SeaIceError(
                "no reference pixel is left for training; check that the reference overlaps the"
                " scene and what its nodata values are"
            )
        self._most_places = self._places_at_most()
        # (H - S + 1, W - S + 1, C + 1, S, S): a chip at every place, nothing is copied
        views = sliding_window_view(array, (size_px, size_px), axis=(0, 1))  # type: ignore[call-overload]
        self._chips = views.transpose(0, 1, 3, 4, 2)
        self._weighting = weighting
        self._uncertainties: NDArray[np.float16] | None = None
        if uncertainty_percent is not None:
            self._uncertainties = sliding_window_view(uncertainty_percent, (size_px, size_px))
        self._observations = observations

    def draw(self, number: int, rng: np.random.Generator) -> Batch:
        """Return a batch of so many chips."""
        rows, cols = self._places(number, rng)
        chips = self._chips[rows, cols]  # (B, S, S, C + 1), a copy
        visible = np.isfinite(chips[..., 0])
        pixels = self._normalisation.apply(chips[..., :-1])
        sic = chips[..., -1]
        valid = np.isfinite(sic) & self._training(rows, cols)
        label = np.where(valid, self._label(sic), np.float32(0))
        observed, polygons, weights = None, None, None
        if self._observations is None:
            weights = self._weights(rows, cols)
        elif isinstance(self._observations, PolygonScene):
            polygons = self._observations.in_chips(rows, cols, self._size)
        else:
            observed = self._observations.in_chips(rows, cols, self._size)
        batch = Batch(pixels, visible, label, valid, weights, observed, polygons)
        self._augmentation.apply(batch, rng)
        return batch

    def _weights(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        """Return the weights of chips that start at (rows, cols), (B, S, S)."""
        if self._weighting is None:
            return None
        if self._uncertainties is None:
            return np.ones((len(rows), self._size, self._size), np.float32)
        return self._weighting.of(self._uncertainties[rows, cols])

    def _places(
        self, number: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the chips' first rows and columns.

        A reference pixel is drawn, then a place of the chip that holds it. Near the scene's edge
        a pixel has fewer places, and is passed over as much more often.
        """
        rows, cols = np.empty(number, np.int64), np.empty(number, np.int64)
        missing = np.arange(number)
        height, width = self._array.shape[:2]
        while missing.size:
            row, col = self._reference_pixels(missing.size, rng)
            (top, down), (left, across) = self._span(row, height), self._span(col, width)
            rows[missing] = top + (rng.random(missing.size) * down).astype(np.int64)
            cols[missing] = left + (rng.random(missing.size) * across).astype(np.int64)
            passed = rng.random(missing.size) * self._most_places >= down * across
            missing = missing[passed]
        return rows, cols

    def _span(
        self, pixel: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first of the chips' starts that hold a pixel within a length, and how many."""
        first = np.maximum(pixel - self._size + 1, 0)
        return first, np.minimum(pixel, length - self._size) - first + 1

    def _places_at_most(self) -> int:
        """Return the largest number of places that a training pixel has."""
        choices = []
        for length in self._array.shape[:2]:
            count = self._span(np.arange(length), length)[1]
            choices.append(np.maximum.reduceat(count, np.arange(0, length, self._cell)))
        trains = np.diff(self._cells_cumulated, prepend=0).reshape(-1, self._cells_across) > 0
        return int(np.outer(*choices)[trains].max())

    def _reference_pixels(
        self, number: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return training pixels that have a reference, each as likely as the other.

        A cell is drawn by its number of reference pixels, then a pixel of it until one has a value.
        """
        total = int(self._cells_cumulated[-1])
        cell = np.searchsorted(self._cells_cumulated, rng.integers(0, total, number), "right")
        top, left = np.divmod(cell, self._cells_across)
        rows, cols = np.empty(number, np.int64), np.empty(number, np.int64)
        missing = np.arange(number)
        height, width = self._array.shape[:2]
        while missing.size:
            inside = rng.integers(0, self._cell, (2, missing.size))
            row = top[missing] * self._cell + inside[0]
            col = left[missing] * self._cell + inside[1]
            rows[missing], cols[missing] = row, col
            within = (row < height) & (col < width)
            found = np.zeros(missing.size, bool)
            found[within] = np.isfinite(self._array[row[within], col[within], -1])
            missing = missing[~found]
        return rows, cols

    def _training(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where chips that start at (rows, cols) train, (B, S, S)."""
        span = np.arange(self._size)
        return self._split.training_at(rows[:, None] + span, cols[:, None] + span)


class TrainingSampler:
    """Draws chips uniformly over the reference of the scenes' training parts.

    Args:
        splits: Their training parts, of which one at least is not empty.
        normalisation: Of the pixels.
        size_px: Side S of a chip.
        label: Turns SIC in percent into what the network learns.
        augmentation: How chips are varied.
        oversample: Whether rare SIC is drawn as often as frequent, by tenths.
        weighting: How reference values are weighted by their uncertainty; None: not at all.
        observes: Whether the reference is compared in its footprints or polygons; else pixel by
            pixel.

    Raises:
        SeaIceError: A scene is smaller than a chip.
    """

    def __init__(
        self,
        scenes: Scenes,
        splits: Splits,
        normalisation: Normalisation,
        size_px: int,
        label: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        augmentation: Augmentation = _DEFAULT,
        *,
        oversample: bool = False,
        weighting: Weighting | None = None,
        observes: bool = False,
    ) -> None:
        names = training_scenes(splits)
        weights: NDArray[np.float64] | None = None
        if oversample:
            weights = rare_weights(
                np.sum([scenes[name].cells.histogram.sum((0, 1)) for name in names], axis=0)
            )
        observed: dict[str, ObservedScene | PolygonScene] = {}
        if observes:
            observed = _observed(scenes, splits, size_px, weighting)
        self._samplers = [
            ChipSampler(
                scenes[name].array,
                scenes[name].cells,
                splits[name],
                normalisation,
                size_px,
                label,
                augmentation,
                weights,
                weighting,
                scenes[name].uncertainty_percent,
                observed.get(name),
            )
            for name in names
        ]
        shares = np.array([sampler.weight for sampler in self._samplers])
        self._shares = shares / shares.sum()

    def draw(self, number: int, rng: np.random.Generator) -> Batch:
        """Return a batch of so many chips."""
        counts = rng.multinomial(number, self._shares)
        batches = [
            self._samplers[scene].draw(int(counts[scene]), rng) for scene in np.nonzero(counts)[0]
        ]
        return Batch.joined(batches)


def _observed(
    scenes: Scenes, splits: Splits, size_px: int, weighting: Weighting | None
) -> dict[str, ObservedScene | PolygonScene]:
    """Return what is compared in each scene that trains: in its footprints, or polygons.

    A chip of polygons counts as much as one of footprints, of which it holds several.
    """
    names = training_scenes(splits)
    found: dict[str, ObservedScene | PolygonScene] = {}
    per_px, total = [], 0
    for name in names:
        if not scenes[name].is_chart:
            scene = ObservedScene.training(scenes[name], splits[name], weighting)
            found[name] = scene
            per_px.append(scene.index.size / splits[name].counts["training"])
        else:
            total += len(scenes[name].observations or ())
    weight, first = float(np.mean(per_px)) if per_px else 1 / size_px**2, 0
    for name in names:
        if scenes[name].is_chart:
            data = scenes[name]
            found[name] = PolygonScene.training(data, splits[name], first, total, weight)
            first += len(data.observations or ())
    return found
