"""Sampling: which networks a dropout network stands for, and runtimes that compute several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..networks.plan import Kind, Plan
from .runtimes import Floats, Runtime

Masks = Mapping[str, NDArray[np.float32]]
"""Dropout layer's name to factors (K, C) of its channels."""


def draw_masks(plan: Plan, count: int, seed: int) -> Masks:
    """Draw networks from those that a network with dropout stands for.

    A network drawn is one function: its filters are switched off over the whole scene (Gal and
    Ghahramani 2016, arXiv 1506.02158, draw weights, not pixels). Masks that change from pixel to
    pixel average out over a footprint, and differ between the tiles that a pixel is seen in.

    Args:
        plan: The layers.
        count: Networks to draw.
        seed: Of the drawing; the k-th network is the same however many are drawn.

    Returns:
        Factors (count + 1, C) of each dropout layer's channels: 0 or 1 / (1 - rate). The first row
        is the network with dropout off: all 1.
    """
    masks = {}
    for number, layer in enumerate(plan.layers):
        if layer.kind is not Kind.DROPOUT or layer.rate == 0:
            continue
        rows = [np.ones(layer.channels)]
        for k in range(count):
            rng = np.random.default_rng([seed, number, k])
            rows.append((rng.random(layer.channels) >= layer.rate) / (1 - layer.rate))
        masks[layer.name] = np.stack(rows).astype(np.float32)
    return masks


class Members:
    """Several networks, each with its runtime, called as one.

    Args:
        runtimes: The networks.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._runtimes = runtimes
        first = runtimes[0]
        self.name, self.precision = first.name, first.precision
        self.parallel, self.on_gpu = first.parallel, first.on_gpu
        # they run one after the other; their outputs are kept
        self.bytes_per_px = first.bytes_per_px + 16.0 * len(runtimes)
        self.fixed_bytes = first.fixed_bytes + 50 * 2**20 * len(runtimes)

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Get ready for batches of one shape (B, C, H, W)."""
        for runtime in self._runtimes:
            runtime.prepare(shape)

    def __call__(self, batch: Floats) -> Floats:
        """Return all outputs (B, K * O, H, W) for normalised input (B, C, H, W)."""
        return np.concatenate([runtime(batch) for runtime in self._runtimes], axis=1)
