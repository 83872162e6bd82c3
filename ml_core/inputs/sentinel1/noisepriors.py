"""Published scale and offset of the annotated noise: where an estimate starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .annotation import Floats

_PUBLISHED: dict[tuple[str, str, str, float], tuple[tuple[float, ...], tuple[float, ...]]] = {
    ("S1A", "EW", "HV", 2.4): ((1.22, 0.96, 1.03, 1.01, 0.92), (0.1, 0.4, 4.7, 0.5, -0.3)),
    ("S1A", "EW", "HV", 2.5): ((1.22, 0.95, 1.02, 1.00, 0.92), (4.4, 1.1, 4.9, 1.4, -0.2)),
    ("S1A", "EW", "HV", 2.6): ((1.17, 0.92, 0.97, 0.94, 0.88), (-3.8, 1.2, 6.1, 7.4, 7.0)),
    ("S1A", "EW", "HV", 2.7): ((1.40, 0.98, 1.05, 1.02, 0.96), (-3.6, -3.3, 0.9, 0.5, -0.1)),
    ("S1A", "EW", "HV", 2.8): ((1.30, 0.98, 1.00, 0.94, 0.96), (10.1, 1.4, 3.6, 1.3, 2.7)),
    ("S1A", "EW", "HV", 2.9): ((1.48, 1.00, 0.99, 1.06, 1.02), (9.0, -3.2, -0.4, -1.0, 1.4)),
    ("S1A", "EW", "HV", 3.1): ((0.99, 1.00, 0.99, 1.06, 1.04), (12.1, -2.1, 0.5, -0.6, -1.4)),
    ("S1A", "EW", "VH", 3.1): ((0.88, 0.86, 0.85, 0.94, 0.93), (17.2, 11.2, 11.6, 9.4, 9.0)),
    ("S1A", "IW", "HV", 3.1): ((1.05, 1.00, 1.14), (7.1, -1.4, -17.7)),
    ("S1A", "IW", "VH", 3.1): ((1.05, 0.99, 1.09), (0.2, 0.7, -10.3)),
    ("S1B", "EW", "HV", 2.7): ((1.56, 1.04, 1.12, 1.07, 1.06), (3.1, -4.2, -3.3, -5.1, -4.1)),
    ("S1B", "EW", "HV", 2.8): ((2.10, 1.46, 1.56, 1.51, 1.47), (-5.8, -17.7, -19.0, -22.8, -23.1)),
    ("S1B", "EW", "HV", 2.9): ((1.30, 0.86, 0.83, 0.89, 0.88), (25.3, 12.1, 11.1, 7.9, 8.1)),
    ("S1B", "EW", "HV", 3.1): ((0.90, 0.87, 0.84, 0.88, 0.90), (24.1, 9.2, 9.3, 7.8, 6.8)),
    ("S1B", "EW", "VH", 3.1): ((0.89, 0.90, 0.86, 0.96, 1.01), (18.3, 5.9, 6.1, 4.2, 3.3)),
    ("S1B", "IW", "HV", 3.1): ((0.98, 0.94, 1.06), (30.4, 13.0, -8.8)),
    ("S1B", "IW", "VH", 3.1): ((0.98, 0.99, 1.11), (9.0, 1.3, -11.2)),
}
"""Scale k and offset b (1e-5) by subswath, of sigma0 = DN^2 / A^2 - (k NESZ + b); by platform,
mode, polarisation and the first IPF that they hold for. Source: NERSC, sentinel1denoised,
denoising parameters 1.4.0, rounded; the method is in Park et al., IEEE TGRS 56 (2018) and 60
(2022). None are published for S1C and S1D."""

_SPREAD_PUBLISHED = 0.3, 5e-5
"""Standard deviation of k and b: what the published ones of EW1 differ by from IPF to IPF."""

_SPREAD_UNKNOWN = 0.4, 5e-5
"""The same where none are published."""


@dataclass(frozen=True)
class NoisePrior:
    """What is known of a product's noise before it is read; arrays are (subswaths,).

    Attributes:
        scale: Factor k of the annotated noise.
        offset: Offset b in sigma0, linear.
        spread: Standard deviations of k and of b.
        source: Where they are from, for the log.
        shift_m: Standard deviation of a shift along range.
    """

    scale: Floats
    offset: Floats
    spread: tuple[float, float]
    source: str
    shift_m: float = 800.0


def noise_prior(
    platform: str, mode: str, polarisation: str, ipf: float | None, subswaths: int
) -> NoisePrior:
    """Return the published figures of the last IPF not after the product's; else k = 1, b = 0."""
    found = {
        first: values
        for (*key, first), values in _PUBLISHED.items()
        if key == [platform, mode, polarisation] and len(values[0]) == subswaths
    }
    if not found or ipf is None:
        ones, zeros = np.ones(subswaths), np.zeros(subswaths)
        return NoisePrior(ones, zeros, _SPREAD_UNKNOWN, "none published")
    first = max((first for first in found if first <= ipf), default=min(found))
    scale, offset = (np.array(values) for values in found[first])
    source = f"published for {platform}, IPF {first:g}"
    return NoisePrior(scale, offset * 1e-5, _SPREAD_PUBLISHED, source)


def published(mode: str, polarisation: str) -> list[tuple[Floats, Floats]]:
    """Return all published scales and offsets of a mode and polarisation, (subswaths,) each."""
    return [
        (np.array(scale), np.array(offset) * 1e-5)
        for (_, of_mode, of_polarisation, _), (scale, offset) in _PUBLISHED.items()
        if (of_mode, of_polarisation) == (mode, polarisation)
    ]
