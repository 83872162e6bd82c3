"""What a network's output means."""

from __future__ import annotations

import numpy as np

from ..raster.radiometry import Floats, Mask
from ..raster.tiles import strips
from .classes import SicClasses

_STEPS_PER_PERCENT = np.float32(32)
"""SIC is given to 1/32 %: finer digits are noise, and would double the size of a file."""


def sic_percent(output: Floats, valid: Mask, classes: SicClasses | None = None) -> Floats:
    """Return the SIC that a network's output stands for, on maps and where it is scored.

    Args:
        output: Of the network, (O, h, w): the SIC as a fraction, which is overwritten, or one score
            per class.
        valid: Where there is input, (h, w).
        classes: What the scores are of; None: the output is a fraction.

    Returns:
        SIC in percent (h, w), 0-100, to 1/32 %; NaN where not valid.
    """
    percent: Floats
    if classes is None:
        percent = output[0]
        percent *= np.float32(100)
    else:
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


def sic_of_each(
    output: Floats, valid: Mask, count: int, classes: SicClasses | None = None
) -> Floats:
    """Return the SIC in percent (K, h, w) of the outputs (K * O, h, w) of K networks, likewise."""
    each = output.reshape(count, -1, *valid.shape)
    if count == 1:
        return sic_percent(each[0], valid, classes)[None]
    return np.stack([sic_percent(one, valid, classes) for one in each])


MIDDLE_LOG_SCALE, REACH_LOG_SCALE = -3.1, 3.1
"""The scale of errors that a second output stands for lies within 0.2 and 100 % SIC, and is 4.5 %
where that output is 0."""


def scale_of_each(output: Floats, valid: Mask, count: int) -> Floats:
    """Return the scale of errors in percent SIC (K, h, w) that second outputs stand for.

    Args:
        output: (K * 2, h, w) of K networks.
        valid: Where there is input, (h, w).
        count: K.
    """
    second = output.reshape(count, 2, *valid.shape)[:, 1]
    reach = np.float32(REACH_LOG_SCALE)
    scale: Floats = 100 * np.exp(MIDDLE_LOG_SCALE + reach * np.tanh(second / reach))
    return np.where(valid, scale, np.float32(np.nan))


def probabilities(scores: Floats) -> Floats:
    """Return the softmax over the classes of scores (K, h, w)."""
    shifted = np.exp(scores - scores.max(axis=0))
    result: Floats = shifted / shifted.sum(axis=0)
    return result
