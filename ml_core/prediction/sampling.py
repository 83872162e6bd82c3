"""Sampling: which networks a dropout network stands for, and runtimes that compute several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Members:
    """Several networks, each with its runtime, called as one.

    Attributes:
        runtimes: The networks.
    """

    runtimes: Sequence[Runtime]

    @property
    def name(self) -> str:
        """What the log calls it."""
        return self.runtimes[0].name

    @property
    def precision(self) -> str:
        """Of the arithmetic."""
        return self.runtimes[0].precision

    @property
    def parallel(self) -> int:
        """Calls at a time that use the device fully."""
        return self.runtimes[0].parallel

    @property
    def bytes_per_px(self) -> float:
        """Memory per pixel: networks run one after the other; their outputs are kept."""
        return self.runtimes[0].bytes_per_px + 16.0 * len(self.runtimes)

    @property
    def fixed_bytes(self) -> int:
        """Memory besides."""
        return self.runtimes[0].fixed_bytes + 50 * 2**20 * len(self.runtimes)

    @property
    def on_gpu(self) -> bool:
        """Whether the memory is the GPU's."""
        return self.runtimes[0].on_gpu

    def __call__(self, batch: Floats) -> Floats:
        """Return all outputs (B, K * O, H, W) for normalised input (B, C, H, W)."""
        return np.concatenate([runtime(batch) for runtime in self.runtimes], axis=1)
