"""Scale, offset and shift of the annotated thermal noise, estimated from the scene itself.

The annotated noise-equivalent sigma0 N is a good shape and a poor size (Park et al., IEEE TGRS 56,
2018; 60, 2022): sigma0 = DN^2 / A^2 - (k N(x - d) + b) with a scale k, an offset b and a shift d
along range of each subswath. All are linear in first order, so that one weighted least-squares
problem gives them (as Lee, Xu and Clausi, 2020, do it for scales):

- What two places of a subswath some km apart on the same line differ by is noise of known shape,
  but for the surface, which differs the less the darker it is.
- The two sides of a border between subswaths show the same surface.
- The priors: what is published of the platform and processor, and no shift.

Dark blocks weigh most. The fewer there are, the larger is the standard error of k, and the less the
estimate counts against k = 1, b = 0: bright surfaces say nothing of their noise, and need no
correction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .annotation import Floats, Subswath
from .noisepriors import NoisePrior

_BLOCK_M = 1000.0
"""Length of a block across the track."""

_HEIGHT_M = 640.0
"""Length of a block along the track, and ..."""

_EVERY_M = 2560.0
"""... the distance from block to block along it: a quarter of the image is read."""

_LAGS = 2, 6, 18, 54
"""Distances across the track of blocks that are compared, in blocks."""

_CHANGE = 0.06
"""How much a surface changes at least over one block's length, of its sigma0; as a random walk it
changes with the root of the distance."""

_FEW = 30
"""Pairs from which on the change of a surface is taken from the scene."""

_TREND_PER_KM = 0.01
"""Standard deviation of a surface's relative change per km that a whole subswath shares: HV falls
by 0.1-0.2 dB per degree of incidence, 0.3 % per km."""

_LOOKS_PX = 4
"""The largest square whose mean is taken to count looks, image pixels."""

_BORDER_PX = 4
"""Pixels beside a border that are left out: products are resampled there."""

_BORDER_BLOCKS = 4
"""Blocks on either side of a border that are compared."""

_SHARED = 3.0
"""Pairs at several distances share blocks: their variances are taken so many times larger."""

_ROBUST = 2.0
"""Residuals beyond so many standard deviations weigh less (Huber, 1964): ice edges, ships."""

_PASSES = 4

_SCALES = 0.5, 2.5
_MOST_SHIFT = 3.0
"""What is believed at most: scales, those published being 0.8 to 2.1, and standard deviations of
the shift."""

_UNSURE = 0.12
"""Standard error of a scale from which on the scene says nothing of it: over ice at -25 dB in EW2
such a scale is worth 0.2 dB, no less than the correction is to bring."""


@dataclass(frozen=True)
class NoiseBlocks:
    """Means of blocks of the image; arrays are (block rows, blocks across), NaN where not valid.

    Attributes:
        sigma0: Linear, noise included.
        nesz: Annotated noise, linear sigma0.
        slope: Change of the NESZ per pixel along range.
        subswath: Index of the subswath of each block across, (blocks across,).
        pixel: Middle of each block across, (blocks across,), image pixels.
        spacing_km: Length of a block.
        pixel_m: Distance of image pixels along range.
        looks: Looks of a block.
        pixel_looks: Looks of a map pixel.
    """

    sigma0: Floats
    nesz: Floats
    slope: Floats
    subswath: NDArray[np.intp]
    pixel: Floats
    spacing_km: float
    pixel_m: float
    looks: float
    pixel_looks: float


@dataclass(frozen=True)
class NoiseCorrection:
    """What the annotated noise is corrected by; (subswaths,) but for the jumps.

    Attributes:
        scale: k.
        offset: b, linear sigma0.
        shift_px: d, image pixels towards far range.
        trust: How much the estimate counts against k = 1, b = 0 and d = 0, 0-1.
        jumps_db: Of sigma0 across each border, annotated noise and corrected noise subtracted,
            (2, subswaths - 1); NaN where there is nothing above the noise.
    """

    scale: Floats
    offset: Floats
    shift_px: Floats
    trust: Floats
    jumps_db: Floats

    def noise(self, blocks: NoiseBlocks) -> Floats:
        """Return the corrected noise of blocks, (block rows, blocks across)."""
        terms = self.scale, self.scale * self.shift_px, self.offset
        return _noise_of(blocks, np.stack(terms, axis=1))


ImageRows = Callable[[int, int], tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Gives sigma0 and the valid mask of image rows from one up to another, both (rows, samples)."""


def read_blocks(
    rows: ImageRows,
    nesz: Callable[[int], Floats],
    subswaths: Sequence[Subswath],
    lines: int,
    spacing_m: tuple[float, float],
    resolution_m: float,
) -> NoiseBlocks:
    """Average blocks of an image from which no noise was subtracted.

    Args:
        nesz: Gives the annotated noise of a line as sigma0, linear, (samples,).
        lines: How many the image has.
        spacing_m: Distance of lines and of pixels.
        resolution_m: Of the map, whose pixels' looks are counted.
    """
    width = max(4, round(_BLOCK_M / spacing_m[1]))
    firsts, of = _columns(subswaths, width)
    pixels = firsts[:, None] + np.arange(width)  # (blocks across, width)
    height = min(max(4, round(_HEIGHT_M / spacing_m[0])), lines)
    starts = range(0, lines - height + 1, max(height, round(_EVERY_M / spacing_m[0])))
    # of map pixels, as far as a block has room for some of them
    wanted = [max(1, round(resolution_m / m)) for m in spacing_m]
    side_y, side_x = (min(side, _LOOKS_PX) for side in wanted)
    ny, nx = height // side_y, width // side_x
    found = np.full((4, len(starts), firsts.size), np.nan)
    for row, start in enumerate(starts):
        middle = start + height // 2
        floor = nesz(middle)
        power, valid = rows(start, start + height)
        squares = power[: ny * side_y, pixels[:, : nx * side_x]]  # (lines, blocks, pixels)
        squares = squares.reshape(ny, side_y, -1, nx, side_x).mean(axis=(1, 4))
        whole = np.logical_and.reduce(valid)[pixels].all(axis=1)
        for block, (first, subswath) in enumerate(zip(firsts, of, strict=True)):
            whole[block] &= subswaths[subswath].holds(middle, first, first + width)
        fields = power.mean(axis=0, dtype=float), floor, np.gradient(floor)
        for values, field in zip(found, fields, strict=False):
            values[row] = np.where(whole, field[pixels].mean(axis=1), np.nan)
        found[3, row] = squares.var(axis=(0, 2), ddof=1)
    sigma0, noise, slope, variance = found
    # a constant image has no looks to count
    variation = np.maximum(variance / np.square(sigma0), 1e-4)
    counted = np.where(sigma0 < 2 * noise, variation, np.nan)
    counted = (counted if np.isfinite(counted).any() else variation)[np.isfinite(sigma0)]
    counted = counted[np.isfinite(counted)]
    # the surface and the noise's slope add little over a kilometre
    looks = 1 / float(np.median(counted)) if counted.size else float(side_y * side_x)
    # a map pixel's mean, at any phase on the image, takes parts of one more pixel on each axis
    phase = math.prod(1 - 1 / (3 * side) for side in wanted)
    per_square = side_y * side_x
    return NoiseBlocks(
        sigma0,
        noise,
        slope,
        of,
        firsts.astype(float) + 0.5 * (width - 1),
        width * spacing_m[1] / 1000,
        spacing_m[1],
        looks * height * width / per_square,
        looks * math.prod(wanted) / per_square / phase,
    )


def estimate(blocks: NoiseBlocks, prior: NoisePrior) -> NoiseCorrection:
    """Return scale, offset and shift of each subswath.

    Unknowns of each subswath are k, c = k d, b and the surface's trend; N(x - d) is N - d N'.
    """
    count = prior.scale.size
    spread_k, spread_b = prior.spread
    mean = np.tile([0.0, 0.0, 0.0, 0.0], (count, 1))
    mean[:, 0], mean[:, 2] = prior.scale, prior.offset
    shift_px = prior.shift_m / blocks.pixel_m
    spread = np.array([spread_k, shift_px, spread_b, _TREND_PER_KM])
    penalty = np.diag(np.tile(spread**-2.0, count))
    found = mean.copy()
    equations = [*_within(blocks), *_across(blocks)]
    for number in range(_PASSES):
        noise = _noise_of(blocks, found)
        normal, right = penalty.copy(), penalty @ mean.ravel()
        for equation in equations:
            _add(equation, blocks, noise, found, normal, right, fitted=number > 0)
        found = np.linalg.solve(normal, right).reshape(count, 4)
    error = np.sqrt(np.diag(np.linalg.inv(normal))).reshape(count, 4)[:, 0]
    trust = np.clip(1 - (error / _UNSURE) ** 2, 0, 1)
    k = np.clip(found[:, 0], *_SCALES)
    scale = 1 + trust * (k - 1)
    shift = trust * np.clip(found[:, 1] / k, -_MOST_SHIFT * shift_px, _MOST_SHIFT * shift_px)
    nothing = np.full((2, 0), np.nan)
    correction = NoiseCorrection(scale, trust * found[:, 2], shift, trust, nothing)
    both = blocks.nesz, correction.noise(blocks)
    return replace(correction, jumps_db=np.stack([_jumps(blocks, noise) for noise in both]))


@dataclass(frozen=True)
class _Equations:
    """sigma0[:, one] - sigma0[:, two] of all rows; the columns' subswaths are equal or neighbours.

    Attributes:
        lag: Distance, blocks.
        shared: How many equations have each block.
    """

    one: NDArray[np.intp]
    two: NDArray[np.intp]
    lag: int
    shared: float


def _within(blocks: NoiseBlocks) -> list[_Equations]:
    found = []
    for subswath in np.unique(blocks.subswath):
        columns = np.flatnonzero(blocks.subswath == subswath)
        found += [_Equations(columns[lag:], columns[:-lag], lag, _SHARED) for lag in _LAGS]
    return found


def _across(blocks: NoiseBlocks) -> list[_Equations]:
    borders = np.flatnonzero(np.diff(blocks.subswath))
    return [
        _Equations(np.array([at - away]), np.array([at + 1 + away]), 2 * away + 1, 1.0)
        for at in borders
        for away in range(_BORDER_BLOCKS)
        if blocks.subswath[at - away] == blocks.subswath[at]
        and at + 1 + away < blocks.subswath.size
    ]


def _add(
    equations: _Equations,
    blocks: NoiseBlocks,
    noise: Floats,
    found: Floats,
    normal: Floats,
    right: Floats,
    *,
    fitted: bool,
) -> None:
    """Add equations to the normal equations.

    Args:
        noise: Of all blocks, by the values that were found last.
        found: These values.
        fitted: Whether they are of a fit, whose residuals show how much the surface changes and
            how far its changes reach.
    """
    one, two, lag = equations.one, equations.two, equations.lag
    if not one.size:
        return
    y = blocks.sigma0[:, one] - blocks.sigma0[:, two]  # (rows, pairs)
    total = blocks.sigma0[:, one] + blocks.sigma0[:, two]
    surface = np.maximum(total - noise[:, one] - noise[:, two], 0) / 2
    # of expected values: weights by what was measured would favour what was measured too low
    speckle = (surface + noise[:, one]) ** 2 + (surface + noise[:, two]) ** 2
    speckle /= blocks.looks
    ours, theirs = int(blocks.subswath[one[0]]), int(blocks.subswath[two[0]])
    columns = {ours: _terms(blocks, one), theirs: -_terms(blocks, two)}
    if ours == theirs:
        both = _terms(blocks, one) - _terms(blocks, two)
        both[..., 3] = surface * lag * blocks.spacing_km
        columns = {ours: both}
    x = np.concatenate(list(columns.values()), axis=-1)  # (rows, pairs, 4 or 8)
    at = np.concatenate([4 * subswath + np.arange(4) for subswath in columns])
    residual = y - x @ found.ravel()[at]
    change, dependence = np.sqrt(lag) * surface, 1.0
    variance = speckle + (_CHANGE * change) ** 2
    if fitted:
        variance = speckle + (_change(residual, change, speckle) * change) ** 2
        deviation = np.sqrt(variance)
        dependence = _dependence(np.clip(residual / deviation, -3, 3) / deviation)
    residual = np.abs(residual) / np.sqrt(variance)
    weight = np.minimum(1, _ROBUST / np.maximum(residual, 1e-9)) / (
        variance * dependence * equations.shared
    )
    valid = np.isfinite(y)
    x, y, weight = x[valid], y[valid], weight[valid]
    normal[np.ix_(at, at)] += x.T @ (x * weight[:, None])
    right[at] += x.T @ (y * weight)


def _change(residual: Floats, change: Floats, speckle: Floats) -> float:
    """Return by how much the surface changes over a block, where that shows in the speckle."""
    bright = np.isfinite(residual) & (_CHANGE * change > np.sqrt(speckle))
    if np.count_nonzero(bright) < _FEW:
        return _CHANGE
    # the median of |x| of a normal distribution is 0.67 standard deviations
    return max(_CHANGE, 1.48 * float(np.median(np.abs(residual[bright]) / change[bright])))


def _dependence(shares: Floats) -> float:
    """Return how many equations count as one, by how neighbours along and across resemble.

    Floes and fields of ice reach over many blocks, speckle over none: for an autocorrelation r
    from one to the next, (1 + r) / (1 - r) of a series are as good as one (Bartlett, 1935).

    Args:
        shares: Residuals over their variances, what each adds to the solution, (rows, pairs).
    """
    known = np.where(np.isfinite(shares), shares, 0)
    power = np.sum(known**2)
    if not power:
        return 1.0
    result = 1.0
    for before, after in ((known[:-1], known[1:]), (known[:, :-1], known[:, 1:])):
        r = float(np.clip(np.sum(before * after) / power, 0, 0.98))
        result *= (1 + r) / (1 - r)
    return result


def _terms(blocks: NoiseBlocks, columns: NDArray[np.intp]) -> Floats:
    """Return what k, c, b and the trend are multiplied by, (rows, columns, 4)."""
    nesz, slope = blocks.nesz[:, columns], blocks.slope[:, columns]
    return np.stack([nesz, -slope, np.ones_like(nesz), np.zeros_like(nesz)], axis=-1)


def _noise_of(blocks: NoiseBlocks, found: Floats) -> Floats:
    k, c, b = found[blocks.subswath, :3].T
    noise: Floats = k * blocks.nesz - c * blocks.slope + b
    return noise


def _jumps(blocks: NoiseBlocks, noise: Floats) -> Floats:
    """Return by how many dB sigma0 rises across each border, over the darker half of the rows."""
    surface = blocks.sigma0 - noise
    jumps = []
    last = blocks.subswath.size - 1
    for at in np.flatnonzero(np.diff(blocks.subswath)):
        around = np.clip(np.arange(at - 1, at + 3), 0, last)
        sides = surface[:, around].T
        sides = sides[:, np.isfinite(sides).all(axis=0)]
        # chosen by other blocks than those that are compared, whose noise would choose
        beside = sides[0] + sides[3]
        chosen = beside <= np.median(beside) if beside.size else np.zeros(0, bool)
        near, far = sides[1, chosen].sum(), sides[2, chosen].sum()
        jumps.append(10 * np.log10(far / near) if min(near, far) > 0 else np.nan)
    return np.array(jumps)


def _columns(
    subswaths: Sequence[Subswath], width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first pixel of blocks of a width, and the subswath of each."""
    firsts, of = [], []
    for number, subswath in enumerate(subswaths):
        first, last = subswath.columns
        free = last - first + 1 - 2 * _BORDER_PX
        # evenly spread, so that the first and the last lie at the borders
        for start in np.linspace(0, free - width, max(free // width, 0)):
            firsts.append(first + _BORDER_PX + int(start))
            of.append(number)
    return np.array(firsts, np.intp), np.array(of, np.intp)
