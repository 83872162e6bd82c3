"""Sentinel-1's EW mode: incidence angles, subswaths, noise floor and speckle."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...errors import SeaIceError
from ...raster.grid import Window
from .lattice import Field, white

_EARTH_M = 6_371_000.0
_FARTHEST_DEG = 60.0
_ORBIT_M = 693_000.0
"""Mean height of Sentinel-1's orbit (ESA, Sentinel-1 User Handbook)."""

EDGES_DEG = (18.9, 28.5, 33.8, 38.9, 43.2, 46.4)
"""Incidence angles between the subswaths EW1-EW5, from an annotation of 2022 (IPF 3.52)."""

NESZ_HV_DB = (-24.4, -28.9, -29.7, -31.5, -32.2)
"""Noise-equivalent sigma0 of EW1-EW5 in HV, power means, from the same annotation."""

_RISE_DB = (4.0, 2.5, 3.5, 4.0, 2.5)
"""How much the noise rises from a subswath's middle to its edges, about; a parabola in dB here."""

_SCALLOP_DB = (0.9, 0.87, 0.76, 0.69, 0.59)
"""How much the noise rises from a burst's middle to its ends, from the same annotation."""

_BURST_M = 506 * 40.0
"""Distance from burst to burst on the ground, from the same annotation."""

_HH_ABOVE_HV_DB = 1.2
"""HH's noise lies that much above HV's, about."""


def ground_range_m(incidence_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance on a spherical Earth from the nadir track, for incidence angles."""
    incidence = np.radians(incidence_deg)
    look = np.arcsin(np.sin(incidence) * _EARTH_M / (_EARTH_M + _ORBIT_M))
    distance: NDArray[np.float64] = _EARTH_M * (incidence - look)
    return distance


def incidence_row(width: int, pixel_m: float, near_deg: float, far_deg: float | None) -> Field:
    """Return the incidence angle of each column, degrees.

    They are evenly spaced in ground range, from the near angle at the first column's outer edge to
    the far one at the last's; None: by the orbit's geometry.

    Raises:
        SeaIceError: By the orbit's geometry the scene reaches beyond 60 degrees.
    """
    angles = np.linspace(near_deg, _FARTHEST_DEG, 2000)
    ranges = ground_range_m(angles)
    start = ranges[0]
    stop = start + width * pixel_m
    if far_deg is not None:
        stop = float(np.interp(far_deg, angles, ranges))
    elif stop > ranges[-1]:
        raise SeaIceError(
            f"the scene is {width * pixel_m / 1000:g} km wide; from {near_deg:g} degrees on, the"
            f" radar sees {(ranges[-1] - start) / 1000:.0f} km up to {_FARTHEST_DEG:g} degrees:"
            " give a narrower scene or a far incidence angle"
        )
    position = start + (np.arange(width) + 0.5) / width * (stop - start)
    return np.asarray(np.interp(position, ranges, angles), np.float32)


class NoiseFloor:
    """The noise-equivalent sigma0 of HH or HV over a scene.

    Each subswath has its own level, a rise towards its edges and scalloping along the track,
    whose phase differs between subswaths.

    Args:
        incidence_deg: (W,) incidence angle of each column.
        polarisation: ``"HH"`` or ``"HV"``.
        phase: Where the first burst begins, 0-1.
    """

    def __init__(
        self, incidence_deg: Field, pixel_m: float, polarisation: str, phase: float
    ) -> None:
        inner = np.asarray(EDGES_DEG[1:-1])
        self.subswath = np.searchsorted(inner, incidence_deg)
        self._pixel_m = pixel_m
        self._phase = phase
        edges = np.asarray(EDGES_DEG)
        low, high = edges[self.subswath], edges[self.subswath + 1]
        position = np.clip((incidence_deg - low) / (high - low) * 2.0 - 1.0, -1.0, 1.0)
        shape = _power(np.asarray(_RISE_DB)[self.subswath] * position**2)
        level = np.empty(5)
        u = np.linspace(-1.0, 1.0, 401)
        for k in range(5):
            mean = _power(_RISE_DB[k] * u**2).mean() * _power(_SCALLOP_DB[k] * u**2).mean()
            level[k] = _power(NESZ_HV_DB[k]) / mean
        if polarisation == "HH":
            level *= _power(_HH_ABOVE_HV_DB)
        self._columns = (level[self.subswath] * shape).astype(np.float32)

    def on(self, window: Window) -> Field:
        """Return the noise on a window, (H, W), linear."""
        rows_m = (np.arange(window.row, window.stop_row) + 0.5) * self._pixel_m
        columns = slice(window.col, window.stop_col)
        noise = np.empty((window.height, window.width), np.float32)
        subswath = self.subswath[columns]
        for k in np.unique(subswath):
            # a fifth of a cycle from one subswath to the next: the beam visits them in turn
            turn = (rows_m / _BURST_M + self._phase + k / 5.0) % 1.0
            gain = _power(_SCALLOP_DB[k] * (2.0 * turn - 1.0) ** 2).astype(np.float32)
            here = subswath == k
            noise[:, here] = gain[:, None] * self._columns[columns][here]
        return noise


def speckle_db(seed: int, stream: int, window: Window, looks: float) -> Field:
    """Return speckle in dB to be added to the mean: Gamma distributed, correlated over 2 px.

    A normal field, smoothed by (1, 2, 1)/4 along rows and columns, is mapped to the Gamma
    distribution by its quantiles; the power's correlation is 0.66 at 1 px, 0.16 at 2, 0 beyond.

    The equivalent number of looks is the power's squared mean over its variance.
    """
    z = white(seed, stream, window.grown(1, 1))
    z = z[:-2] + np.float32(2.0) * z[1:-1] + z[2:]
    z = z[:, :-2] + np.float32(2.0) * z[:, 1:-1] + z[:, 2:]
    # the weights' squares sum to 6 along each axis
    z *= np.float32(_STEPS / (2.0 * _REACH) / 6.0)
    z += np.float32(_STEPS / 2.0 + 0.5)
    np.clip(z, 0, _STEPS, out=z)
    return _quantiles_db(looks).take(z.astype(np.int32))


_REACH, _STEPS = 6.0, 6000
"""The quantiles' table reaches so many standard deviations, in so many steps."""


@cache
def _quantiles_db(looks: float) -> Field:
    z = np.linspace(-_REACH, _REACH, _STEPS + 1)
    power = np.where(
        z < 0,
        stats.gamma.ppf(stats.norm.cdf(z), looks, scale=1.0 / looks),
        stats.gamma.isf(stats.norm.sf(z), looks, scale=1.0 / looks),
    )
    return np.asarray(10.0 * np.log10(power), np.float32)


def _power(values_db: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(np.asarray(values_db, np.float64) * (math.log(10.0) / 10.0))
