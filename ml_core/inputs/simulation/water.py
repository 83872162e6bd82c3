"""Backscatter of open water, from wind and incidence angle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

_C = (
    *(-0.6878, -0.7957, 0.3380, -0.1728, 0.0000, 0.0040, 0.1103, 0.0159, 6.7329, 2.7713),
    *(-2.2885, 0.4971, -0.7250, 0.0450, 0.0066, 0.3222, 0.0120, 22.7000, 2.0813, 3.0000),
    *(8.3659, -3.3428, 1.3236, 6.2437, 2.3893, 0.3249, 4.1590, 1.6930),
)
"""CMOD5.N's coefficients c1 to c28 (Hersbach 2008, ECMWF Technical Memorandum 554, table 2)."""


def cmod5n(speed: ArrayLike, direction_deg: ArrayLike, incidence_deg: ArrayLike) -> Values:
    """Return the sea's VV backscatter in C band by the model function CMOD5.N.

    Args:
        speed: Equivalent neutral wind at 10 m, m/s.
        direction_deg: Where the wind comes from, relative to the look; 0 upwind.
        incidence_deg: Incidence angle, fitted on 18-58 degrees.

    Returns:
        sigma0, linear.

    Source: Hersbach (2008), ECMWF Technical Memorandum 554; function as in Hersbach et al. (2007),
    J. Geophys. Res. 112, C03006.
    """
    c = (0.0, *_C)
    v = np.asarray(speed, np.float64)
    x = (np.asarray(incidence_deg, np.float64) - 40.0) / 25.0
    cos_phi = np.cos(np.radians(np.asarray(direction_deg, np.float64)))
    cos_2phi = 2.0 * cos_phi**2 - 1.0

    a0 = c[1] + c[2] * x + c[3] * x**2 + c[4] * x**3
    a1 = c[5] + c[6] * x
    a2 = c[7] + c[8] * x
    gamma = c[9] + c[10] * x + c[11] * x**2
    s0 = c[12] + c[13] * x
    s = a2 * v
    bounded = np.maximum(s, s0)
    a3 = 1.0 / (1.0 + np.exp(-bounded))
    a3 = a3 * np.where(s < s0, (s / s0) ** (s0 * (1.0 - a3)), 1.0)
    b0 = a3**gamma * 10.0 ** (a0 + a1 * v)

    b1 = c[14] * (1.0 + x) - c[15] * v * (0.5 + x - np.tanh(4.0 * (x + c[16] + c[17] * v)))
    b1 = b1 / (1.0 + np.exp(0.34 * (v - c[18])))

    v0 = c[21] + c[22] * x + c[23] * x**2
    d1 = c[24] + c[25] * x + c[26] * x**2
    d2 = c[27] + c[28] * x
    y0, n = c[19], c[20]
    a = y0 - (y0 - 1.0) / n
    b = 1.0 / (n * (y0 - 1.0) ** (n - 1.0))
    y = v / v0 + 1.0
    y = np.where(y < y0, a + b * (y - 1.0) ** n, y)
    b2 = (d2 * y - d1) * np.exp(-y)

    sigma0: Values = b0 * (1.0 + b1 * cos_phi + b2 * cos_2phi) ** 1.6
    return sigma0


def polarisation_ratio(incidence_deg: ArrayLike, alpha: float = 0.6) -> Values:
    """Return sigma0 VV over HH of the sea, linear (Thompson et al. 1998, IGARSS).

    `alpha` is 0.6 in the source; 0 is Bragg's, 1 Kirchhoff's ratio.
    """
    tan2 = np.tan(np.radians(np.asarray(incidence_deg, np.float64))) ** 2
    ratio: Values = (1.0 + 2.0 * tan2) ** 2 / (1.0 + alpha * tan2) ** 2
    return ratio


def open_water_hh(speed: ArrayLike, direction_deg: ArrayLike, incidence_deg: ArrayLike) -> Values:
    """Return the open sea's HH backscatter.

    CMOD5.N over Thompson's ratio, which is lowered by 0.64 + 0.37 ln(wind) dB: ratios seen at
    3-15 m/s are that much smaller, the more so the stronger the wind. Within 0.3 dB of HH at 20,
    30, 40 and 45 degrees, 3, 10 and 15 m/s, up- and crosswind (`tests`).

    Arguments and result are those of `cmod5n`.
    """
    speed = np.asarray(speed, np.float64)
    lift_db = 0.64 + 0.373 * np.log(np.clip(speed, 2.0, 20.0))
    vertical = cmod5n(speed, direction_deg, incidence_deg)
    sigma0: Values = vertical / polarisation_ratio(incidence_deg) * 10.0 ** (lift_db / 10.0)
    return sigma0


_HV_SPEED = (5.0, 10.0, 15.0, 20.0)
_HV_DB = (-38.7, -31.5, -27.5, -25.0)
"""The open sea's HV at 30 degrees by wind speed in m/s; mostly below Sentinel-1's noise."""


def open_water_hv(speed: ArrayLike, incidence_deg: ArrayLike) -> Values:
    """Return the open sea's HV backscatter.

    Straight in dB over the logarithm of the wind, beyond the ends as well; with the angle it
    falls by 0.1 dB/degree, an assumption: the noise hides it.

    Arguments and result are those of `cmod5n`.
    """
    x = np.log(np.maximum(np.asarray(speed, np.float64), 0.5))
    nodes, values = np.log(_HV_SPEED), np.asarray(_HV_DB)
    slopes = np.diff(values) / np.diff(nodes)
    sigma0_db = np.interp(x, nodes, values)
    sigma0_db = sigma0_db + slopes[0] * np.minimum(x - nodes[0], 0.0)
    sigma0_db = sigma0_db + slopes[-1] * np.maximum(x - nodes[-1], 0.0)
    sigma0_db = sigma0_db - 0.1 * (np.asarray(incidence_deg, np.float64) - 30.0)
    sigma0: Values = 10.0 ** (sigma0_db / 10.0)
    return sigma0
