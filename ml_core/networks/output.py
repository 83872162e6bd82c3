"""What a network's output means."""

from __future__ import annotations

import numpy as np

from ..checkpoint import ModelCard
from ..raster.radiometry import Floats, Mask
from ..raster.tiles import strips
from .classes import SicClasses

_STEPS_PER_PERCENT = np.float32(32)
"""SIC is given to 1/32 %: finer digits are noise, and would double the size of a file."""


def sic_percent(output: Floats, valid: Mask, card: ModelCard) -> Floats:
    """Return the SIC that a network's output stands for.

    Args:
        output: Of the network, (O, h, w): the SIC as a fraction, which is overwritten, or one score
            per class.
        valid: Where there is input, (h, w).
        card: The network.

    Returns:
        SIC in percent (h, w), 0-100, to 1/32 %; NaN where not valid.
    """
    percent: Floats
    if card.classes is None:
        percent = output[0]
        percent *= np.float32(100)
    else:
        classes = SicClasses.from_dict(card.classes)
        percent = classes.expected_percent(probabilities(output)).astype(np.float32)
    for rows in strips(valid.shape):
        part = percent[rows]
        part *= _STEPS_PER_PERCENT
        np.rint(part, out=part)
        part /= _STEPS_PER_PERCENT
        np.clip(part, 0, 100, out=part)
        if not valid[rows].all():
            part[~valid[rows]] = np.nan
    return percent


def probabilities(scores: Floats) -> Floats:
    """Return the softmax over the classes of scores (K, h, w)."""
    shifted = np.exp(scores - scores.max(axis=0))
    result: Floats = shifted / shifted.sum(axis=0)
    return result
