"""Calibration: what a spread of samples is to be turned into, so that it is as large as errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.9
"""The interval that calibration makes hold its level."""

LEAST_CELLS = 20

_NODES = 5
"""The floor is given at so many SIC from 0 to 100 %, and is linear between them."""

_PRIOR_SHARE = 0.02
"""Weight of the mean floor against each node's own, as a share of all cells: for empty nodes."""

_SCALES = np.concatenate([[0.0], np.geomspace(0.05, 4, 24)])
"""A spread that would have to be scaled up more says next to nothing of the error, and a network
fitted again, whose samples may agree more closely, would be given too little."""

_FLOOR_SHARES = np.concatenate([[0.0], np.geomspace(0.05, 1.5, 20)])
_LEAST_STD_PERCENT = 1e-3

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Turns a spread into a standard deviation: the root of (scale * spread)^2 + floor^2.

    Networks that differ by their dropout or by their first weights share what all of them get
    wrong; the floor is that part, without which cells that all agree on would count as certain.

    Attributes:
        scale: Factor on the spread.
        floors_percent: Standard deviation where there is no spread, at SIC evenly spaced from 0
            to 100 %; a single one holds everywhere.
    """

    scale: float = 1.0
    floors_percent: tuple[float, ...] = (0.0,)

    def apply(self, spread_percent: ArrayLike, sic_percent: ArrayLike) -> _Floats:
        """Return the standard deviation in percent; NaN stays NaN.

        Args:
            spread_percent: Standard deviation of the samples.
            sic_percent: Their mean, of the same shape.
        """
        spread = np.asarray(spread_percent, np.float64)
        places = np.linspace(0, 100, len(self.floors_percent))
        floor = np.interp(np.asarray(sic_percent, np.float64), places, self.floors_percent)
        return np.hypot(self.scale * spread, floor)

    @property
    def note(self) -> str:
        """What to add where the spread says nothing about the error; else empty."""
        if self.scale:
            return ""
        return (
            "; the networks' disagreement says nothing about their errors, so it follows from SIC"
            " alone"
        )

    def wider(self, factor: float) -> Calibration:
        """Return the calibration that gives a multiple of this one's standard deviations."""
        return Calibration(
            self.scale * factor, tuple(factor * floor for floor in self.floors_percent)
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration in a model card's ``calibration``."""
        floors = values.get("floors_percent") or [values["floor_percent"]]  # the latter: 0.1
        return cls(float(values["scale"]), tuple(float(floor) for floor in floors))


@dataclass(frozen=True)
class Cells:
    """Cells that a network was not fitted to, (N,) each.

    Attributes:
        error_percent: Prediction minus reference, means over footprints.
        spread_percent: Standard deviation of the samples' means over footprints.
        sic_percent: Mean of the samples' means over footprints.
    """

    error_percent: _Floats
    spread_percent: _Floats
    sic_percent: _Floats

    @classmethod
    def joined(cls, parts: Sequence[Cells]) -> Cells:
        """Return all cells of some parts."""
        return cls(
            np.concatenate([part.error_percent for part in parts]),
            np.concatenate([part.spread_percent for part in parts]),
            np.concatenate([part.sic_percent for part in parts]),
        )

    def part(self, keep: NDArray[np.bool_] | slice) -> Cells:
        """Return some of the cells."""
        return Cells(self.error_percent[keep], self.spread_percent[keep], self.sic_percent[keep])

    def sizes(self, calibration: Calibration) -> _Floats:
        """Return the errors' sizes (N,) in standard deviations."""
        std = calibration.apply(self.spread_percent, self.sic_percent)
        return np.asarray(np.abs(self.error_percent) / np.maximum(std, _LEAST_STD_PERCENT))

    def coverage(self, calibration: Calibration) -> float:
        """Return the share of cells whose error lies within the 90 % interval."""
        return float(np.mean(self.sizes(calibration) <= _z()))


def calibrate(cells: Cells) -> Calibration:
    """Fit scale and floor.

    The floor's shape is the root mean square error by SIC. It and the scale are weighed against
    each other by likelihood, for normal errors, and then made to hold 90 % of the cells in the
    90 % interval: the tails of such errors are no normal ones.
    """
    error, spread = cells.error_percent, np.maximum(cells.spread_percent, 0)
    shape = _rms_by_sic(cells)
    floor = Calibration(0.0, shape).apply(spread, cells.sic_percent)
    best, likeliest = np.inf, Calibration(0.0, shape)
    for scale in _SCALES:
        for share in _FLOOR_SHARES:
            variance = (scale * spread) ** 2 + (share * floor) ** 2 + _LEAST_STD_PERCENT**2
            cost = float(np.mean(np.log(variance) + error**2 / variance))
            if cost < best:
                floors = tuple(float(share) * value for value in shape)
                best, likeliest = cost, Calibration(float(scale), floors)
    return likeliest.wider(float(np.quantile(cells.sizes(likeliest), LEVEL)) / _z())


@dataclass(frozen=True)
class HeldOut:
    """What blocks left out of a calibration say of it.

    Attributes:
        coverage: Share of their cells within the 90 % interval.
        factor: What the intervals are to be multiplied by to hold 90 %.
    """

    coverage: float
    factor: float


def hold_out(cells: Cells, group: NDArray[np.integer]) -> HeldOut | None:
    """Check calibrations on blocks that they were not fitted to, each block in turn.

    Cells of a block err alike, so that a calibration fits its own cells better than those of a
    block elsewhere: the more so, the fewer blocks there are.

    Args:
        cells: The cells.
        group: (N,) number of each cell's block.

    Returns:
        None with fewer than two groups.
    """
    groups = np.unique(group)
    if groups.size < 2:
        return None
    sizes = np.empty(group.size)
    for number in groups:
        here = group == number
        sizes[here] = cells.part(here).sizes(calibrate(cells.part(~here)))
    return HeldOut(float(np.mean(sizes <= _z())), float(np.quantile(sizes, LEVEL)) / _z())


def _rms_by_sic(cells: Cells) -> tuple[float, ...]:
    """Return the root mean square error about each node, by weights that fall linearly."""
    places = np.clip(cells.sic_percent, 0, 100) * ((_NODES - 1) / 100)
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(_NODES)), 0, 1)  # (N, nodes)
    squared = cells.error_percent**2
    prior = _PRIOR_SHARE * squared.size
    sums = weights.T @ squared + prior * squared.mean()
    return tuple(np.sqrt(sums / (weights.sum(axis=0) + prior)).tolist())


def _z() -> float:
    return NormalDist().inv_cdf((1 + LEVEL) / 2)
