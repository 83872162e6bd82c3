"""Normalisation: the mean and deviation of each channel, by which pixels are made comparable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..raster.grid import Window
from ..raster.tiles import strips
from .split import Split

_ROWS_AT_ONCE: Final = 512


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, in its unit."""

    mean: NDArray[np.float32]  # (C,)
    std: NDArray[np.float32]  # (C,)

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> Normalisation:
        """Return the normalisation in a model card."""
        return cls(np.asarray(mean, np.float32), np.asarray(std, np.float32))

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pixels (..., C) as multiples of the deviation from the mean; NaN becomes 0."""
        normal: NDArray[np.float32] = (pixels - self.mean) / self.std
        return np.nan_to_num(normal, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def apply_to_channels(
        self, values: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return channels (C, h, w), which are overwritten, likewise; 0 where not valid (h, w)."""
        for rows in strips(valid.shape):
            known = valid[rows]
            complete = known.all()
            for channel, mean, std in zip(values, self.mean, self.std, strict=True):
                part = channel[rows]
                part -= mean
                part /= std
                if not complete:
                    part[~known] = 0
        return values


@dataclass(frozen=True)
class Moments:
    """Number, mean and variance of some pixels.

    Attributes:
        count: How many they are.
        mean: Of each channel (C,), in its unit.
        variance: Likewise (C,), of the population.
    """

    count: int
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both (Chan, Golub and LeVeque 1983, The American Statistician)."""
        count = self.count + other.count
        share = other.count / count
        apart = other.mean - self.mean
        spread = (1 - share) * self.variance + share * other.variance
        return Moments(count, self.mean + share * apart, spread + share * (1 - share) * apart**2)


def moments(array: NDArray[np.float32], split: Split) -> Moments | None:
    """Return the moments of a scene's training part, where it has a reference; None without any.

    Args:
        array: Pixels and label (H, W, C + 1), NaN where there is none; may be memory-mapped.
        split: Which part trains.
    """
    height, width, depth = array.shape
    count, total, squares = 0, np.zeros(depth - 1), np.zeros(depth - 1)
    shift: NDArray[np.float64] | None = None
    for row in range(0, height, _ROWS_AT_ONCE):
        window = Window(row, 0, min(_ROWS_AT_ONCE, height - row), width)
        part = array[window.slices]
        rows = part[split.training(window) & np.isfinite(part[..., -1])][:, :-1].astype(np.float64)
        if not len(rows):
            continue
        if shift is None:
            shift = rows.mean(0)  # keeps the sums of squares small
        rows -= shift
        count += len(rows)
        total += rows.sum(0)
        squares += np.square(rows).sum(0)
    if shift is None:
        return None
    variance = np.maximum(squares / count - np.square(total / count), 0)
    return Moments(count, shift + total / count, variance)


def normalisation(parts: Iterable[Moments | None], names: Sequence[str]) -> Normalisation:
    """Return each channel's mean and deviation over the training parts of some scenes.

    Args:
        parts: The moments of each scene's training part.
        names: The channels' names, for messages.

    Raises:
        SeaIceError: A channel has no values there, or one value only.
    """
    found: Moments | None = None
    for part in parts:
        found = found.joined(part) if found and part else part or found
    if found is None:
        raise SeaIceError(
            "the training part has no pixel where HH, HV and the reference are all valid; check"
            " that the layers overlap and what their nodata values are"
        )
    std = np.sqrt(found.variance)
    for name, deviation, mean in zip(names, std, found.mean, strict=True):
        # a channel may have any unit: what is small is small beside its mean
        if not deviation > 1e-6 * abs(mean):
            raise SeaIceError(
                f"{name} has the value {mean:g} everywhere on the training part; a network learns"
                " nothing from it. Check the layer and its band"
            )
    return Normalisation(found.mean.astype(np.float32), std.astype(np.float32))
