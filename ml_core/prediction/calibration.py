"""Calibration: how far the reference may lie from a map's mean over a footprint, on either side.

The size of errors follows from the SIC, and from a spread where there is one: the network's own
estimate, or how far networks drawn by dropout or the members of an ensemble are apart. A spread is
kept only where parts that were left out of the fit say that it helps. Intervals are then made as
wide as the errors of parts left out ask for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL: Final = 0.9
"""What share of references an interval is to hold."""

LEAST_PARTS: Final = 9
"""Of fewer blocks or scenes, not even the worst one's error is a 90 % quantile."""

SIC, NETWORK, DROPOUT, ENSEMBLE = "sic", "network", "dropout", "ensemble"
"""What the size of errors follows from: SIC alone, or a spread beside it."""

SOURCES: Final = {
    SIC: "the SIC alone",
    NETWORK: "the SIC and the network's second output",
    DROPOUT: "the SIC and networks drawn by dropout",
    ENSEMBLE: "the SIC and an ensemble's members",
}
"""In words."""

_NODES: Final = 5
"""Sizes are given at so many SIC from 0 to 100 %, and are linear between them."""

_PRIOR_SHARE: Final = 0.02
"""Weight of the mean size against each node's own, as a share of all cells: for empty nodes."""

_LEAST_SIZE_PERCENT: Final = 0.1

_SCALES: Final = np.concatenate([[0.0], np.geomspace(0.1, 4, 12)])
"""A spread that would have to be scaled up more says next to nothing of the error, and a network
fitted again, whose samples may agree more closely, would be given too little."""

_SHARES: Final = np.concatenate([[0.0], np.geomspace(0.1, 1.0, 9)])
"""Of the size by SIC alone, beside a spread: at most all of it, which is SIC alone again."""

_FEW_CELLS: Final = 0.25
"""Parts with less than this share of the median part's cells are slivers, which count as none."""

_MOST_LEFT_OUT: Final = 24
"""More parts are left out several at a time."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """How far the reference may lie below and above a map's mean over a footprint.

    On either side that is the root of (scale * spread)^2 + size^2.

    Attributes:
        source: Of the spread: one of `SOURCES`.
        scale: Factor on the spread.
        lower_percent: How far below where there is no spread, at SIC evenly spaced from 0 to
            100 %; a single one holds everywhere.
        upper_percent: How far above.
        reason: Why it is not calibrated, and what to do; empty where it is.
    """

    source: str = SIC
    scale: float = 0.0
    lower_percent: tuple[float, ...] = (0.0,)
    upper_percent: tuple[float, ...] = (0.0,)
    reason: str = ""

    @classmethod
    def bare(cls, source: str) -> Calibration:
        """Return what a spread says by itself, of errors that nothing is known of."""
        reason = (
            "nothing is known of the network's errors; train it with a Validation fraction above 0"
            " or Cross-validation folds"
        )
        # the second output is the scale of a Laplace distribution, others are deviations
        reach = -math.log(1 - LEVEL) if source == NETWORK else _normal()
        return cls(source, reach, reason=reason)

    def sizes(self, sic_percent: ArrayLike, spread_percent: ArrayLike) -> tuple[_Floats, _Floats]:
        """Return how far the reference may lie below and above, in percent; NaN stays NaN.

        Args:
            sic_percent: Means of the map.
            spread_percent: Of the source, of the same shape; 0 for `SIC`.
        """
        sic = np.asarray(sic_percent, np.float64)
        scaled = self.scale * np.asarray(spread_percent, np.float64)
        below, above = (
            np.hypot(scaled, np.interp(sic, np.linspace(0, 100, len(sizes)), sizes))
            for sizes in (self.lower_percent, self.upper_percent)
        )
        return below, above

    def interval(
        self, sic_percent: ArrayLike, spread_percent: ArrayLike
    ) -> tuple[_Floats, _Floats]:
        """Return the lower and the upper bound in percent, within 0 and 100 %."""
        sic = np.asarray(sic_percent, np.float64)
        below, above = self.sizes(sic, spread_percent)
        return np.clip(sic - below, 0, 100), np.clip(sic + above, 0, 100)

    @property
    def source_text(self) -> str:
        """What the size of errors follows from, in words."""
        return SOURCES[self.source]

    def wider(self, factor: float) -> Calibration:
        """Return the calibration that allows a multiple of this one's distances."""
        return replace(
            self,
            scale=self.scale * factor,
            lower_percent=tuple(factor * size for size in self.lower_percent),
            upper_percent=tuple(factor * size for size in self.upper_percent),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what a model card says of it."""
        return {
            "source": self.source,
            "level": LEVEL,
            "scale": self.scale,
            "lower_percent": list(self.lower_percent),
            "upper_percent": list(self.upper_percent),
            "calibrated": not self.reason,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration in a model card; those before version 0.3 hold deviations."""
        if "source" in values:
            return cls(
                str(values["source"]),
                float(values["scale"]),
                tuple(map(float, values["lower_percent"])),
                tuple(map(float, values["upper_percent"])),
                str(values.get("reason", "")),
            )
        floors = values.get("floors_percent") or [values["floor_percent"]]  # the latter: 0.1
        sizes = tuple(float(floor) for floor in floors)
        reason = "an earlier version fitted it, by other rules; train the network again"
        found = cls(str(values["method"]), float(values["scale"]), sizes, sizes, reason)
        return found.wider(_normal())


@dataclass(frozen=True, eq=False)
class Cells:
    """Observations that a network was not fitted to, (N,) each.

    Attributes:
        sic_percent: Means of the network's map over their supports.
        low_percent: The lowest SIC that the reference may mean.
        high_percent: The highest.
        part: Number of the block or scene that each is of.
        spreads_percent: Spread over the same support by source, without `SIC`.
    """

    sic_percent: _Floats
    low_percent: _Floats
    high_percent: _Floats
    part: NDArray[np.int64]
    spreads_percent: Mapping[str, _Floats] = field(default_factory=dict)

    @classmethod
    def joined(cls, pieces: Sequence[Cells]) -> Cells:
        """Return all cells of some pieces, whose parts have numbers of their own; at least one."""
        return cls(
            np.concatenate([one.sic_percent for one in pieces]),
            np.concatenate([one.low_percent for one in pieces]),
            np.concatenate([one.high_percent for one in pieces]),
            np.concatenate([one.part for one in pieces]),
            {
                source: np.concatenate([one.spreads_percent[source] for one in pieces])
                for source in pieces[0].spreads_percent
            },
        )

    def __len__(self) -> int:
        return self.sic_percent.size

    def of(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Cells:
        """Return some of the cells."""
        return Cells(
            self.sic_percent[keep],
            self.low_percent[keep],
            self.high_percent[keep],
            self.part[keep],
            {source: spread[keep] for source, spread in self.spreads_percent.items()},
        )

    def counting(self, most_each: int) -> Cells:
        """Return the cells of the parts that count, evenly thinned to so many of each part."""
        parts, counts = np.unique(self.part, return_counts=True)
        kept = [np.empty(0, np.int64)]
        for number, count in zip(parts, counts, strict=True):
            if count >= _FEW_CELLS * np.median(counts):
                kept.append(np.flatnonzero(self.part == number)[:: math.ceil(count / most_each)])
        return self.of(np.concatenate(kept))

    @property
    def weight(self) -> _Floats:
        """What each cell counts (N,): all parts count the same, and all weights sum to 1."""
        _, number, counts = np.unique(self.part, return_inverse=True, return_counts=True)
        return 1.0 / (counts[number] * counts.size)

    @property
    def below_percent(self) -> _Floats:
        """How far the reference lies below the map (N,), else 0."""
        return np.maximum(self.sic_percent - self.high_percent, 0)

    @property
    def above_percent(self) -> _Floats:
        """How far the reference lies above the map (N,), else 0."""
        return np.maximum(self.low_percent - self.sic_percent, 0)

    def sizes(self, calibration: Calibration) -> tuple[_Floats, _Floats]:
        """Return how far a calibration lets the reference lie below and above (N,), above 0."""
        spread = self.spreads_percent.get(calibration.source, np.zeros(len(self)))
        below, above = calibration.sizes(self.sic_percent, spread)
        return np.maximum(below, _LEAST_SIZE_PERCENT), np.maximum(above, _LEAST_SIZE_PERCENT)

    def scores(self, calibration: Calibration) -> _Floats:
        """Return how far the reference lies (N,), as a multiple of how far it may."""
        below, above = self.sizes(calibration)
        return np.maximum(self.below_percent / below, self.above_percent / above)

    def losses(self, calibration: Calibration) -> _Floats:
        """Return minus the log likelihood (N,) of an asymmetric Laplace distribution."""
        below, above = self.sizes(calibration)
        return np.log(below + above) + self.below_percent / below + self.above_percent / above


@dataclass(frozen=True)
class Calibrated:
    """A calibration, and what parts left out of it say.

    Attributes:
        calibration: The calibration.
        parts: Blocks or scenes that it is fitted to.
        coverage: Share of a part's cells that the interval fitted to the others holds, averaged
            over parts; None with a single part.
        width_percent: Mean width of the interval.
        gains: Mean fall of the held-out loss against SIC alone, by source, and its standard error.
    """

    calibration: Calibration
    parts: int
    coverage: float | None
    width_percent: float
    gains: Mapping[str, tuple[float, float]]


def calibrate(cells: Cells) -> Calibrated:
    """Choose what the size of errors follows from, and make the interval hold its level.

    Parts are left out in turn. A spread is chosen where it makes them more likely than SIC alone
    does, by more than one standard error. Their scores, each by a fit without its own part, then
    give the factor: the quantile of the mean of the parts' distributions (Dunn, Wasserman and
    Ramdas 2023, doi 10.1080/01621459.2022.2060112, pooling of distributions), so that it is the
    number of parts that counts and not that of cells, which err alike within one. Few parts are
    met by a level that is higher by (1 - level) / (parts + 1).

    Args:
        cells: At least one.
    """
    parts, number = np.unique(cells.part, return_inverse=True)
    if parts.size < 2:
        only = _fitted(cells, SIC)
        final = only.wider(_quantile(cells.scores(only), cells.weight, 1))
        return Calibrated(final, 1, None, _width(cells, final), {})
    turn = number % _MOST_LEFT_OUT
    scores, losses = {}, {}
    for source in (SIC, *cells.spreads_percent):
        scores[source], losses[source] = np.empty(len(cells)), np.empty(len(cells))
        for k in np.unique(turn):
            here = turn == k
            found, others = cells.of(here), _fitted(cells.of(~here), source)
            scores[source][here], losses[source][here] = found.scores(others), found.losses(others)
    counts = np.bincount(number)
    gains = {}
    for source in cells.spreads_percent:
        by_part = np.bincount(number, losses[SIC] - losses[source]) / counts
        gains[source] = float(by_part.mean()), float(by_part.std(ddof=1) / math.sqrt(parts.size))
    surely = {source: gain for source, (gain, error) in gains.items() if gain > error}
    chosen = max(surely, key=lambda source: surely[source]) if surely else SIC
    left_out = scores[chosen]
    held = []
    for k in range(parts.size):
        others = number != k
        factor = _quantile(left_out[others], cells.of(others).weight, parts.size - 1)
        held.append(float((left_out[~others] <= factor).mean()))
    factor = _quantile(left_out, cells.weight, parts.size)
    final = _fitted(cells, chosen).wider(factor)
    return Calibrated(final, int(parts.size), float(np.mean(held)), _width(cells, final), gains)


def _fitted(cells: Cells, source: str) -> Calibration:
    """Return the likeliest calibration by a source."""
    below, above = _sizes_by_sic(cells)
    alone = Calibration(SIC, 0.0, below, above)
    if source == SIC:
        return alone
    weight, found = cells.weight, []
    for scale in _SCALES:
        for share in _SHARES:
            tried = replace(alone.wider(float(share)), source=source, scale=float(scale))
            found.append((float(weight @ cells.losses(tried)), scale, share, tried))
    return min(found, key=lambda one: one[:3])[-1]


def _sizes_by_sic(cells: Cells) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the sizes below and above at each node, from cells by weights that fall linearly.

    With means b and a of how far the reference lies below and above, the likeliest sizes of an
    asymmetric Laplace distribution are sqrt(b) (sqrt(b) + sqrt(a)) and sqrt(a) (sqrt(b) + sqrt(a)).
    """
    places = np.clip(cells.sic_percent, 0, 100) * ((_NODES - 1) / 100)
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(_NODES)), 0, 1)  # (N, nodes)
    weights *= cells.weight[:, None]
    roots: list[_Floats] = []
    for distance in (cells.below_percent, cells.above_percent):
        sums = weights.T @ distance + _PRIOR_SHARE * (cells.weight @ distance)
        roots.append(np.sqrt(sums / (weights.sum(axis=0) + _PRIOR_SHARE)))
    below, above = (np.maximum(root * sum(roots), _LEAST_SIZE_PERCENT) for root in roots)
    return tuple(below.tolist()), tuple(above.tolist())


def _quantile(scores: _Floats, weight: _Floats, parts: int) -> float:
    """Return the weighted quantile of scores (N,) that so many parts call for."""
    level = min(1.0, LEVEL + (1 - LEVEL) / (parts + 1))
    order = np.argsort(scores)
    sums = np.cumsum(weight[order])
    place = min(int(np.searchsorted(sums, level * sums[-1])), scores.size - 1)
    return float(scores[order[place]])


def _width(cells: Cells, calibration: Calibration) -> float:
    spread = cells.spreads_percent.get(calibration.source, np.zeros(len(cells)))
    lower, upper = calibration.interval(cells.sic_percent, spread)
    return float(cells.weight @ (upper - lower))


def _normal() -> float:
    """Return how many standard deviations the interval of a normal error reaches."""
    return NormalDist().inv_cdf((1 + LEVEL) / 2)
