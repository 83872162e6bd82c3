"""The grain of the noise, brought to the same strength in all subswaths.

Subtracting the noise levels its mean. Its grain stays, and beside a border between subswaths it is
up to four times as strong on one side as on the other: a network sees that as another surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...raster.radiometry import Floats, Mask

REACH_PX = 14
"""Map pixels around one that its surroundings are made of: 29 x 29. The mean of fewer keeps grain
of its own: beside EW1, over water of -34 dB, HV then spreads 2.1 times as much as beyond the
border for 4 px, 1.8 for 6; more than 14 cost more than they bring."""

_SURE = np.float32(1.25)
"""Local variances of noise alone scatter; up to so much more than expected is taken for noise."""


@dataclass(frozen=True)
class Equalisation:
    """How the grain of a band is equalised.

    After Park et al., IEEE TGRS 57 (2019), who rescale the deviation from the local mean.

    Attributes:
        level: Noise-equivalent sigma0, linear, whose grain is left; weaker noise stays as it is.
        looks: Looks of a map pixel.
    """

    level: float
    looks: float

    def applied(self, power: Floats, valid: Mask, nesz: Floats) -> Floats:
        """Return power whose deviation from the local mean is reduced where the noise is strong.

        Of the local variance V, speckle and noise of a sigma0 m make (m + N)^2 / looks. What is
        above that of `level` is taken off: the deviation is multiplied by the root of its share
        that stays. At an edge or a ship, where V is larger by far, hardly anything changes, and
        the local mean never does.

        Args:
            power: Linear sigma0, noise subtracted, (h, w).
            valid: Where it counts, (h, w).
            nesz: Noise-equivalent sigma0, linear, (h, w).
        """
        if not np.any(nesz[valid] > self.level):
            return power
        kept = np.where(valid, power, np.float32(0))
        mean, square = _local(kept), _local(np.square(kept))
        if not valid.all():
            share = np.maximum(_local(valid.astype(np.float32)), np.float32(1e-3))
            mean /= share
            square /= share
        variance = np.maximum(square - np.square(mean), np.float32(1e-20))
        surface = np.maximum(mean, 0)
        strong = np.square(surface + nesz)
        weak = np.square(surface + np.minimum(nesz, np.float32(self.level)))
        excess = _SURE * (strong - weak) / (np.float32(self.looks) * variance)
        gain = np.sqrt(np.clip(1 - excess, weak / strong, 1))
        result: Floats = mean + gain * (kept - mean)
        return result


def _local(values: Floats) -> Floats:
    result: Floats = ndimage.uniform_filter(values, 2 * REACH_PX + 1, mode="nearest")
    return result
