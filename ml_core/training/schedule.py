"""The learning rate over a fit: one cycle up and down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_START: Final = 0.04
"""First learning rate, as a share of the peak."""

_LAST: Final = 1e-3
"""Last learning rate, as a share of the peak."""

_DOWN: Final = 0.1
"""The learning rate has come down where it is at most this share of the peak."""


@dataclass(frozen=True)
class OneCycle:
    """A learning rate that rises to its peak and comes down again, both along half a cosine.

    After Smith and Topin (2018), "Super-convergence".

    Attributes:
        peak: The highest learning rate.
        steps: Length of the cycle.
        rise: Share of the steps until the peak.
    """

    peak: float
    steps: int
    rise: float = 0.3

    def at(self, step: int) -> float:
        """Return the learning rate of a step, from 0 to steps - 1; the last one's beyond."""
        share = min((step + 0.5) / self.steps, 1.0)
        if share < self.rise:
            low, way = _START, share / self.rise
        else:
            low, way = _LAST, (1 - share) / (1 - self.rise)
        return self.peak * (low + (1 - low) * (1 - math.cos(math.pi * way)) / 2)

    def is_down(self, step: int) -> bool:
        """Say whether the learning rate has come down after so many steps."""
        return step > self.rise * self.steps and self.at(step) <= _DOWN * self.peak
