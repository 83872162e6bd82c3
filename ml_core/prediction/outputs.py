"""What a network's output means."""

from __future__ import annotations

import numpy as np

from ..checkpoint import ModelCard
from ..networks.classes import SicClasses
from ..raster.radiometry import Floats, Mask


def sic_percent(output: Floats, valid: Mask, card: ModelCard) -> Floats:
    """Return the SIC that a network's output stands for.

    Args:
        output: Of the network, (O, h, w): the SIC as a fraction, or one score per class.
        valid: Where there is input, (h, w).
        card: The network.

    Returns:
        SIC in percent (h, w), 0-100; NaN where not valid.
    """
    percent: Floats
    if card.classes is None:
        percent = output[0] * np.float32(100)
    else:
        classes = SicClasses.from_dict(card.classes)
        percent = classes.expected_percent(probabilities(output)).astype(np.float32)
    np.clip(percent, 0, 100, out=percent)
    percent[~valid] = np.nan
    return percent


def probabilities(scores: Floats) -> Floats:
    """Return the softmax over the classes of scores (K, h, w)."""
    shifted = np.exp(scores - scores.max(axis=0))
    result: Floats = shifted / shifted.sum(axis=0)
    return result
