"""Weights of reference values by their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..events import Reporter
from ..raster.grid import Window
from ..raster.radiometry import Floats
from .scene_data import SceneData, Scenes
from .split import Split, Splits, training_scenes

_ROWS_AT_ONCE: Final = 512
_STEPS: Final = 100
"""Uncertainties are counted by hundredths of a percent."""


@dataclass(frozen=True)
class Weighting:
    """Weights 1 / (u^2 + a^2) of values with an uncertainty u, over their mean on training pixels.

    A value of 2 % would weigh 150 times as much as one of 25 % by 1 / u^2. The added a is the error
    that the network has beside the reference's: that of the scene, of the time between both, and of
    what the product does not know of itself. Since the mean is 1, loss and penalties keep their
    proportion.

    Attributes:
        added_percent: a, % SIC.
        counts: Training pixels by uncertainty, in hundredths of a percent from 0 to 100 (10001,).
        unknown: Training pixels without one, which weigh 1.
    """

    added_percent: float
    counts: NDArray[np.int64]
    unknown: int

    def of(self, uncertainty_percent: NDArray[np.floating]) -> Floats:
        """Return the weights of values, of any shape; 1 where the uncertainty is NaN."""
        squares = np.square(uncertainty_percent, dtype=np.float32)
        weights: Floats = np.float32(1 / self._mean) / (squares + np.float32(self.added_percent**2))
        return np.nan_to_num(weights, copy=False, nan=1.0)

    @property
    def _mean(self) -> float:
        """The mean of 1 / (u^2 + a^2) over the training pixels."""
        known = np.arange(self.counts.size) / _STEPS
        return float(np.average(1 / (known**2 + self.added_percent**2), weights=self.counts))

    def __str__(self) -> str:
        """Return the uncertainties and weights in words."""
        cumulated = np.cumsum(self.counts)
        low, middle, high = (
            np.searchsorted(cumulated, max(1, share * cumulated[-1])) / _STEPS
            for share in (0, 0.5, 1)
        )
        least, most = self.of(np.array([high, low]))
        share = 100 * self.unknown / (self.unknown + cumulated[-1])
        return (
            f"Reference values are weighted by their uncertainty: median {middle:.1f} % SIC"
            f" ({low:.1f} to {high:.1f}), weights {least:.2g} to {most:.2g};"
            f" {share:.2g} % of the training pixels have none and weigh 1"
        )


def weighting_of(scenes: Scenes, splits: Splits, added_percent: float | None) -> Weighting | None:
    """Return the weights of the training parts of some scenes.

    Args:
        scenes: The scenes by name.
        splits: Their training parts.
        added_percent: What is added to the uncertainty; None: nothing is weighted.

    Returns:
        The weights; None where nothing is weighted or no value has an uncertainty.
    """
    if added_percent is None:
        return None
    parts = [_counts(scenes[name], splits[name]) for name in training_scenes(splits)]
    counts = np.sum([part[0] for part in parts], axis=0)
    if not counts.any():
        return None
    return Weighting(added_percent, counts, sum(part[1] for part in parts))


def log_weighting(
    scenes: Scenes, splits: Splits, added_percent: float | None, report: Reporter
) -> None:
    """Log how values are weighted; warn where that is asked for and cannot be done."""
    if added_percent is None:
        if any(data.uncertainty_percent is not None for data in scenes.values()):
            report.info(
                "The reference's uncertainty is not used; Weight by uncertainty would weight its"
                " values by it"
            )
        return
    weighting = weighting_of(scenes, splits, added_percent)
    if weighting is not None:
        report.info(str(weighting))
        return
    report.warning(
        "Weight by uncertainty: no reference value has an uncertainty, so that all weigh the same."
        " Import passive-microwave SIC writes a product's as band 2; scenes that were added to a"
        " training set without it must be added again"
    )


def _counts(data: SceneData, split: Split) -> tuple[NDArray[np.int64], int]:
    """Count a scene's training pixels by uncertainty, and those without one."""
    counts, unknown = np.zeros(100 * _STEPS + 1, np.int64), 0
    height, width = data.array.shape[:2]
    for row in range(0, height, _ROWS_AT_ONCE):
        window = Window(row, 0, min(_ROWS_AT_ONCE, height - row), width)
        trains = split.training(window) & np.isfinite(data.array[window.slices][..., -1])
        if data.uncertainty_percent is None:
            unknown += int(trains.sum())
            continue
        values = data.uncertainty_percent[window.slices][trains].astype(np.float32)
        known = values[np.isfinite(values)]
        unknown += values.size - known.size
        counts += np.bincount(np.rint(known * _STEPS).astype(np.int64), minlength=counts.size)
    return counts, unknown
