"""What a network was trained on, channel by channel, and what of a scene lies outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..observation.footprint import FootprintFields
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask

_LOW_DB, _HIGH_DB = -45, 15
_BINS = _HIGH_DB - _LOW_DB
"""Bins of 1 dB; what lies beyond counts at the ends."""

_RARE = 1e-4
"""A pixel is new where fewer training pixels than this share have its backscatter within 1.5 dB."""

_LARGEST_STEP = 4
"""Every fourth pixel of every fourth row is compared with the training's, at most."""

NOTABLE_SHARE = 0.05
"""A scene with more new pixels than this is warned of."""

_ANGLE_TOLERANCE_DEG = 1.0

_EXTRA_TAIL, _EXTRA_TOLERANCE = 5e-4, 0.05
"""The range of an extra channel leaves out this share of the training's pixels at either end and is
widened by this share of its width."""

_ANGLE = "incidence_angle"

_MOST_PIXELS = 4_000_000


@dataclass(frozen=True)
class TrainingDistribution:
    """The pixels that a network learnt from.

    Attributes:
        counts: (60, 60) pixels by backscatter of the first and second channel, in bins of 1 dB.
        median_db: Median of both channels.
        incidence_deg: Lowest and highest incidence angle; None where it was not given.
        extra: Range of each further channel, in its own unit.
    """

    counts: NDArray[np.int64]
    median_db: tuple[float, float]
    incidence_deg: tuple[float, float] | None = None
    extra: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, pixels: NDArray[np.floating], channels: tuple[str, ...]
    ) -> TrainingDistribution | None:
        """Return the distribution of training pixels (N, C); None without any.

        Args:
            pixels: Two polarisations in dB, then further channels; NaN where there is none.
            channels: Names of the channels.
        """
        pixels = pixels[:: max(1, len(pixels) // _MOST_PIXELS)]
        pixels = pixels[np.isfinite(pixels).all(axis=1)]
        if not len(pixels):
            return None
        counts = np.bincount(_bins(pixels.T), minlength=_BINS**2).reshape(_BINS, _BINS)
        first, second = np.median(pixels[:, :2], axis=0)
        angles, extra = None, {}
        for name, values in zip(channels[2:], pixels.T[2:], strict=True):
            if name == _ANGLE:
                angles = float(values.min()), float(values.max())
            else:
                low, high = np.quantile(values, (_EXTRA_TAIL, 1 - _EXTRA_TAIL))
                extra[name] = float(low), float(high)
        return cls(counts, (float(first), float(second)), angles, extra)

    def to_dict(self) -> dict[str, Any]:
        """Return it for a model card."""
        filled = np.flatnonzero(self.counts)
        return {
            "lowest_db": _LOW_DB,
            "bins": _BINS,
            "cells": filled.tolist(),
            "counts": self.counts.ravel()[filled].tolist(),
            "median_db": list(self.median_db),
            "incidence_deg": list(self.incidence_deg) if self.incidence_deg else None,
            "extra": {name: list(span) for name, span in self.extra.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> TrainingDistribution | None:
        """Return what `to_dict` wrote; None where a card holds none, or of another layout."""
        if not values or (values.get("lowest_db"), values.get("bins")) != (_LOW_DB, _BINS):
            return None
        counts = np.zeros(_BINS**2, np.int64)
        counts[np.asarray(values["cells"], np.intp)] = values["counts"]
        first, second = values["median_db"]
        angles = values.get("incidence_deg")
        return cls(
            counts.reshape(_BINS, _BINS),
            (float(first), float(second)),
            (float(angles[0]), float(angles[1])) if angles else None,
            {name: (float(low), float(high)) for name, (low, high) in _extra(values).items()},
        )

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Return within which values each channel but the first two is like the training's."""
        found = {}
        if self.incidence_deg:
            low, high = self.incidence_deg
            found[_ANGLE] = low - _ANGLE_TOLERANCE_DEG, high + _ANGLE_TOLERANCE_DEG
        for name, (low, high) in self.extra.items():
            more = _EXTRA_TOLERANCE * (high - low)
            found[name] = low - more, high + more
        return found

    def compare(
        self, values: Floats, channels: tuple[str, ...], valid: Mask
    ) -> tuple[Mask, NDArray[np.int64]]:
        """Compare pixels with those that the network learnt from.

        Args:
            values: (C, h, w) in dB, dB, and each further channel's unit.
            channels: Names of the channels.
            valid: Which pixels count, (h, w).

        Returns:
            Which of them the network hardly saw the like of (h, w), and how many of them lie in
            each bin (60 * 60,).
        """
        bins = _bins(np.where(valid, values[:2], 0))
        around = np.pad(self.counts, 1)
        near = sum(
            around[row : row + _BINS, col : col + _BINS] for row in range(3) for col in range(3)
        )
        rare = (near < _RARE * self.counts.sum()).ravel()
        new: Mask = valid & rare[bins]
        for name, (low, high) in self.bounds().items():
            if name in channels:
                channel = values[channels.index(name)]
                new |= valid & ((channel < low) | (channel > high))
        return new, np.bincount(bins[valid], minlength=_BINS**2)


def _extra(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ranges of extra channels in a card's values; those of older cards have none."""
    found: Mapping[str, Any] = values.get("extra") or {}
    return found


def _bins(values: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the flat bin of values (C, ...), by the first two channels."""
    first, second = (
        np.clip(np.floor(channel), _LOW_DB, _HIGH_DB - 1) - channel.dtype.type(_LOW_DB)
        for channel in values[:2]
    )
    # below 3600: exact as floats, which are quicker than integers
    first *= first.dtype.type(_BINS)
    first += second
    flat: NDArray[np.intp] = first.astype(np.intp)
    return flat


class OutOfDistribution:
    """How much of a scene a network has not seen the like of, counted while tiles are read.

    Args:
        trained: What the network was trained on.
        channels: Names of the scene's channels.
        shape_px: Height and width of the scene.
        footprint_px: Full width at half maximum of the footprints that `share` is given over.
    """

    def __init__(
        self,
        trained: TrainingDistribution,
        channels: tuple[str, ...],
        shape_px: tuple[int, int],
        footprint_px: float,
    ) -> None:
        self._trained = trained
        self._channels = channels
        self._shape_px = shape_px
        self._fields = FootprintFields(shape_px, 1, footprint_px)
        # some pixels of each cell tell how many of all are new
        self._step = max(1, min(_LARGEST_STEP, self._fields.cell_px // 4))
        self._new = 0
        self._counts: NDArray[np.int64] = np.zeros(_BINS**2, np.int64)
        self._spans = {name: (np.inf, -np.inf) for name in channels[2:]}

    def add(self, window: Window, values: Floats, valid: Mask) -> None:
        """Add a window that was read.

        Pixels in the overlaps of tiles count more than once, new and known ones alike.

        Args:
            window: Where it lies; it may reach beyond the scene.
            values: (C, h, w).
            valid: (h, w).
        """
        inside = window.clipped(*self._shape_px)
        if not inside.height or not inside.width:
            return
        step = self._step
        top, left = inside.row - window.row, inside.col - window.col
        part = np.s_[top : top + inside.height : step, left : left + inside.width : step]
        values, valid = values[(slice(None), *part)], valid[part]
        new, counts = self._trained.compare(values, self._channels, valid)
        self._new += int(new.sum())
        self._counts += counts
        if valid.any():
            for name, (low, high) in self._spans.items():
                channel = values[self._channels.index(name)][valid]
                self._spans[name] = min(low, float(channel.min())), max(high, float(channel.max()))
        self._fields.add(inside, new[None].astype(np.float32), valid, step)

    @classmethod
    def of(cls, card: ModelCard, grid: Grid) -> OutOfDistribution | None:
        """Return the count for a scene on a grid; None where a card does not say enough."""
        trained = TrainingDistribution.from_dict(card.training.get("domain"))
        if trained is None:
            return None
        footprint_px = (card.footprint_m or grid.resolution_m) / grid.resolution_m
        return cls(trained, card.channels, grid.shape, footprint_px)

    @property
    def share(self) -> float:
        """Share of the scene's pixels that are new."""
        return self._new / max(1, int(self._counts.sum()))

    def share_map(self) -> Floats:
        """Return the share of new pixels in each cell's footprint (h, w), NaN where none holds."""
        share: Floats = self._fields.means()[0][0]
        return share

    def warning(self) -> str:
        """Return a line with figures where much of the scene is new, else an empty text."""
        if self.share <= NOTABLE_SHARE or not self._counts.any():
            return ""
        counts = self._counts.reshape(_BINS, _BINS)
        lines = []
        for name, axis, trained in zip(
            self._channels[:2], (1, 0), self._trained.median_db, strict=True
        ):
            summed = np.concatenate([[0], np.cumsum(counts.sum(axis=axis))])
            median = _LOW_DB + float(np.interp(summed[-1] / 2, summed, np.arange(_BINS + 1)))
            lines.append(f"{name} median {median:.0f} dB here, {trained:.0f} dB in training")
        trained_deg, here = self._trained.incidence_deg, self._spans.get(_ANGLE)
        if trained_deg and here:
            lines.append(
                f"incidence angle {here[0]:.0f} to {here[1]:.0f} deg here,"
                f" {trained_deg[0]:.0f} to {trained_deg[1]:.0f} deg in training"
            )
        for name, (low, high) in self._trained.extra.items():
            if name in self._spans:
                here = self._spans[name]
                lines.append(
                    f"{name} {here[0]:.4g} to {here[1]:.4g} here, {low:.4g} to {high:.4g} in"
                    " training"
                )
        return (
            f"{100 * self.share:.0f} % of the scene's pixels are unlike what the network was"
            f" trained on ({'; '.join(lines)}): its SIC and its uncertainty are guesses there."
            " Train it on such scenes too"
        )
