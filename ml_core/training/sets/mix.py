"""Chips of many scenes: each scene is drawn from by the reference that it holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..chips import Batch, ChipSampler, Normalisation, rare_weights
from ..plan import Plan
from ..scene import TrainingData
from ..split import whole


class SceneMix:
    """Draws chips uniformly over the reference of several scenes.

    Args:
        scenes: The scenes, memory-mapped.
        plan: Says how chips are made.
        scaling: Normalises the pixels.
    """

    def __init__(self, scenes: Sequence[TrainingData], plan: Plan, scaling: Normalisation) -> None:
        weights: NDArray[np.float64] | None = None
        if plan.oversample:
            histogram = np.sum([scene.cells.histogram.sum((0, 1)) for scene in scenes], axis=0)
            weights = rare_weights(histogram)
        self._samplers = [
            ChipSampler(
                scene.store,
                scene.cells,
                whole(scene.cells),
                scaling,
                plan.chip_px,
                plan.task.label,
                plan.augmentation,
                weights,
            )
            for scene in scenes
        ]
        shares = np.array([sampler.weight for sampler in self._samplers])
        self._shares = shares / shares.sum()

    def draw(self, number: int, rng: np.random.Generator) -> Batch:
        """Return a batch of so many chips."""
        counts = rng.multinomial(number, self._shares)
        batches = [
            self._samplers[scene].draw(int(counts[scene]), rng) for scene in np.nonzero(counts)[0]
        ]
        if len(batches) == 1:
            return batches[0]
        return Batch(
            np.concatenate([batch.pixels for batch in batches]),
            np.concatenate([batch.label for batch in batches]),
            np.concatenate([batch.valid for batch in batches]),
        )
