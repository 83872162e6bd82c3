"""Radiometry: sigma0 in dB and linear power, averages of it, and which unit values look like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

ZERO_TAG = "SEAICE_ZERO_DB"
"""Tag of files in which negative power lies below the dB value that it gives, see `soft_db`."""

NESZ_TAG, LOOKS_TAG = "SEAICE_NESZ_DB", "SEAICE_LOOKS"
"""Tags of the noise in a file: the noise-equivalent sigma0 of its grain, and a pixel's looks."""

DEFAULT_ZERO_DB = -40.0
"""What a power of 0 has where nothing else is known; Sentinel-1's noise lies above -35 dB."""

LOWEST_DB, HIGHEST_DB = -80.0, 40.0
"""sigma0 outside this range is no measurement: the noise floor of Sentinel-1 EW lies above -40 dB,
corner reflectors and ships below 40 dB."""

_LN10_PER_10 = np.float32(np.log(10.0) / 10.0)
_10_PER_LN10 = np.float32(10.0 / np.log(10.0))


def db_to_linear(sigma0_db: Floats) -> Floats:
    """Return 10 ** (sigma0_db / 10)."""
    result: Floats = np.exp(sigma0_db * _LN10_PER_10)
    return result


def linear_to_db(sigma0_linear: Floats) -> Floats:
    """Return 10 log10(sigma0_linear); values of 0 or less give NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma0_db: Floats = np.log(sigma0_linear) * _10_PER_LN10
    sigma0_db[np.isneginf(sigma0_db)] = np.nan
    return sigma0_db


def soft_db(sigma0_linear: Floats, zero: float) -> Floats:
    """Return power of either sign in dB: 10 log10((s + sqrt(s^2 + 4 z^2)) / 2).

    Noise removal leaves negative power, which an average needs and a logarithm does not take. For
    power well above z this is its dB (0.04 dB more at 10 z), for 0 it is z's, and negative power
    lies below, so that `soft_power` gives back what was there.

    Args:
        zero: z, linear, more than 0.
    """
    total = np.sqrt(np.square(sigma0_linear) + np.float32(4 * zero**2))
    total += np.abs(sigma0_linear)
    # the same for negative power, but for the digits that s + sqrt(...) would lose
    x = np.where(sigma0_linear < 0, np.float32(2 * zero**2) / total, total / 2)
    result: Floats = np.log(x) * _10_PER_LN10
    return result


def soft_power(values_db: Floats, zero: float) -> Floats:
    """Return the power that `soft_db` was given: x - z^2 / x, with x = 10^(dB / 10)."""
    x = db_to_linear(values_db)
    x -= np.float32(zero**2) / x
    return x


@dataclass(frozen=True)
class SoftFloor:
    """How negative power is written in a file, and which dB it has at the pixel of a network.

    Attributes:
        zero: z of `soft_db` in the file, linear.
        noise: Noise-equivalent sigma0 over the root of the file's looks, linear: the standard
            deviation of the noise over dark water; 0 where it is unknown.
    """

    zero: float
    noise: float

    @classmethod
    def of(cls, tags: Mapping[str, str], *, linear: bool) -> SoftFloor | None:
        """Return what a file's tags say; None for a file in dB whose tags say nothing of it."""
        try:
            noise = db_to_power(float(tags[NESZ_TAG])) / math.sqrt(float(tags[LOOKS_TAG]))
        except (KeyError, ValueError, ZeroDivisionError):
            noise = 0.0
        try:
            return cls(db_to_power(float(tags[ZERO_TAG])), noise)
        except (KeyError, ValueError):
            return cls(db_to_power(DEFAULT_ZERO_DB), noise) if linear else None

    def averaged(self, pixels: float) -> float:
        """Return z for the average of so many pixels.

        It is the noise's standard deviation over the root of 2. The mean in dB of a power s with
        normal noise of deviation d is then that of s, to second order in d / s: the logarithm's
        curve lowers it by 2.17 dB d^2 / s^2, and z raises it by 4.34 dB z^2 / s^2. Where the noise
        is unknown z is the file's.
        """
        return self.noise / math.sqrt(2 * pixels) if self.noise else self.zero


def db_to_power(value_db: float) -> float:
    """Return 10 ** (value_db / 10)."""
    return float(10 ** (value_db / 10))


def valid_linear(sigma0_linear: Floats) -> Mask:
    """Say where linear power is a measurement.

    Noise removal leaves negative power, which is one: without it averages over dark water are too
    bright. An exact 0 is nodata, as SNAP writes it.
    """
    result: Mask = (sigma0_linear != 0) & np.isfinite(sigma0_linear)
    return result


def valid_db(sigma0_db: Floats) -> Mask:
    """Say where values in dB can be a measurement (also catches undeclared nodata of -9999)."""
    result: Mask = (sigma0_db >= LOWEST_DB) & (sigma0_db <= HIGHEST_DB)
    return result


def block_mean(values: Floats, valid: Mask, factor_y: int, factor_x: int) -> tuple[Floats, Mask]:
    """Average blocks of (factor_y, factor_x) pixels, invalid ones left out.

    Args:
        values: Quantity that may be averaged, such as linear power (never dB), (H, W); H and W
            are multiples of the factors.
        valid: Which of them count, (H, W).
        factor_y: Rows per block.
        factor_x: Columns per block.

    Returns:
        The means, and where at least half of a block is valid; both (H / factor_y, W / factor_x).
    """
    h, w = values.shape[0] // factor_y, values.shape[1] // factor_x
    kept = np.where(valid, values, np.float32(0))
    # rows first, then columns: two passes over contiguous memory, half the time of one
    total = kept.reshape(h, factor_y, w * factor_x).sum(axis=1)
    total = total.reshape(h, w, factor_x).sum(axis=2)
    if valid.all():
        return total / np.float32(factor_y * factor_x), np.ones((h, w), dtype=bool)
    count = valid.reshape(h, factor_y, w * factor_x).sum(axis=1, dtype=np.float32)
    count = count.reshape(h, w, factor_x).sum(axis=2)
    enough = 2 * count >= factor_y * factor_x
    return total / np.maximum(count, np.float32(1)), enough


def check_unit(label: str, sample: Floats, unit: str, dtype: str) -> None:
    """Check that sampled backscatter values fit their stated unit.

    Args:
        label: What messages call the layer.
        sample: Its valid values (N,), finite, after scale and offset.
        unit: ``db`` or ``linear``.
        dtype: Data type of the values in the file, or ``float32`` where a scale is applied.

    Raises:
        SeaIceError: The values contradict the unit, are an 8-bit picture or digital numbers.
    """
    low, median, high = (float(q) for q in np.percentile(sample, (1, 50, 99)))
    found = f"{label}: values {low:.4g} to {high:.4g} (1 % to 99 %)"
    whole = bool(np.all(sample == np.round(sample)))
    largest = float(sample.max())
    if dtype in ("uint8", "int8") or (whole and low >= 0 and 10 < largest <= 255):
        raise SeaIceError(
            f"{label}: whole numbers {sample.min():g} to {largest:g} are an 8-bit picture, not"
            " backscatter; use the calibrated sigma0 layer"
        )
    if whole and low >= 0 and largest > 255:
        raise SeaIceError(
            f"{label}: whole numbers {sample.min():g} to {largest:g} are digital numbers, not"
            " calibrated backscatter; calibrate the product to sigma0 (Import Sentinel-1 does it)"
        )
    if unit == "db" and low >= 0:
        if high > HIGHEST_DB:
            raise SeaIceError(
                f"{found} are not sigma0 in dB, which is mostly negative; use the calibrated"
                " sigma0 layer"
            )
        raise SeaIceError(
            f"{found} look like linear power, dB expected; set Backscatter unit to linear"
        )
    if unit == "db" and not (LOWEST_DB < median < HIGHEST_DB):
        raise SeaIceError(
            f"{found} lie outside {LOWEST_DB:g} to {HIGHEST_DB:g} dB and are not sigma0; if the"
            " layer holds scaled integers, give its scale factor (GDAL scale and offset)"
        )
    if unit == "linear" and median < -0.5:
        raise SeaIceError(
            f"{found} look like dB, linear power expected; set Backscatter unit to db"
        )
    if unit == "linear" and median > 100:
        raise SeaIceError(
            f"{found} are no linear sigma0, which is mostly below 1; use the calibrated sigma0"
            " layer"
        )


def check_incidence(label: str, sample: Floats) -> None:
    """Check that sampled values can be an incidence angle in degrees.

    Args:
        label: What messages call the layer.
        sample: Its valid values (N,), finite.

    Raises:
        SeaIceError: The values are radians or no angle.
    """
    low, high = float(sample.min()), float(sample.max())
    if low >= 0 and high <= 1.6:
        raise SeaIceError(
            f"{label}: values {low:.4g} to {high:.4g} look like radians; give the incidence angle"
            " in degrees"
        )
    if low < 0 or high > 90:
        raise SeaIceError(
            f"{label}: values {low:.4g} to {high:.4g} are no incidence angle; expected degrees"
            " between 0 and 90 (Sentinel-1 EW: 18 to 47)"
        )
