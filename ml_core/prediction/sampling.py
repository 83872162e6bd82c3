"""Sampling: which networks a dropout network stands for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..networks.layer import LayerKind
from ..networks.plan import NetworkPlan

Masks = Mapping[str, NDArray[np.float32]]
"""Dropout layer's name to factors (K, C) of its channels."""


def draw_masks(plan: NetworkPlan, count: int, seed: int) -> Masks:
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
        if layer.kind is not LayerKind.DROPOUT or layer.rate == 0:
            continue
        rows = [np.ones(layer.channels)]
        for k in range(count):
            rng = np.random.default_rng([seed, number, k])
            rows.append((rng.random(layer.channels) >= layer.rate) / (1 - layer.rate))
        masks[layer.name] = np.stack(rows).astype(np.float32)
    return masks
