"""Chips of one scene or of many: each scene is drawn from by the reference that trains in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..training.plan import Plan
from .division import Scenes, Splits, learnt
from .normalisation import Normalisation
from .sampler import Batch, ChipSampler, rare_weights


class SceneMix:
    """Draws chips uniformly over the reference of the scenes' training parts.

    Args:
        scenes: The scenes, memory-mapped.
        splits: Tell their training parts, of which one at least is not empty.
        plan: Says how chips are made.
        scaling: Normalises the pixels.

    Raises:
        SeaIceError: A scene is smaller than a chip.
    """

    def __init__(self, scenes: Scenes, splits: Splits, plan: Plan, scaling: Normalisation) -> None:
        names = learnt(splits)
        weights: NDArray[np.float64] | None = None
        if plan.oversample:
            weights = rare_weights(
                np.sum([scenes[name].cells.histogram.sum((0, 1)) for name in names], axis=0)
            )
        self._samplers = [
            ChipSampler(
                scenes[name].store,
                scenes[name].cells,
                splits[name],
                scaling,
                plan.chip_px,
                plan.task.label,
                plan.augmentation,
                weights,
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
        if len(batches) == 1:
            return batches[0]
        return Batch(
            np.concatenate([batch.pixels for batch in batches]),
            np.concatenate([batch.label for batch in batches]),
            np.concatenate([batch.valid for batch in batches]),
        )
