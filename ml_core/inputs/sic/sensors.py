"""How much ground one value of a passive-microwave product averages: not its pixel size."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SensorFootprint:
    """The ground area that a radiometer's channel averages.

    Attributes:
        sensor: The radiometer.
        channel_ghz: The coarsest channel that the SIC is computed from.
        size_m: Full width at half maximum, the geometric mean along and across the scan.
        source: Where the size comes from.
    """

    sensor: str
    channel_ghz: float
    size_m: float
    source: str


SMMR_18 = SensorFootprint(
    "SMMR", 18.0, 47_500.0, "55 x 41 km (Gloersen and Barath 1977, IEEE J. Oceanic Eng. 2)"
)
SSMI_19 = SensorFootprint(
    "SSM/I", 19.35, 54_500.0, "69 x 43 km (Hollinger et al. 1990, IEEE TGRS 28, 781-790)"
)
SSMIS_19 = SensorFootprint(
    "SSMIS", 19.35, 56_000.0, "3-dB footprint as in the OSI SAF description of OSI-408-a"
)
SSMI_85 = SensorFootprint(
    "SSM/I", 85.5, 14_000.0, "15 x 13 km (Hollinger et al. 1990, IEEE TGRS 28, 781-790)"
)
SSMIS_91 = SensorFootprint(
    "SSMIS", 91.655, 14_000.0, "taken as that of SSM/I at 85.5 GHz, which it continues"
)
AMSR2_19 = SensorFootprint(
    "AMSR2", 18.7, 18_000.0, "3-dB footprint as in the OSI SAF description of OSI-408-a"
)
AMSR2_89 = SensorFootprint(
    "AMSR2", 89.0, 3_900.0, "5 x 3 km (JAXA, AMSR2 instrument specification)"
)
AMSRE_89 = SensorFootprint(
    "AMSR-E", 89.0, 4_900.0, "6 x 4 km (JAXA, AMSR-E instrument specification)"
)


def of_platform(platform: str, *, high_frequency: bool = False) -> SensorFootprint | None:
    """Return the footprint for a satellite's short name.

    Args:
        platform: Such as ``n07`` (SMMR), ``F13`` (SSM/I), ``F17`` (SSMIS) or ``AM2`` (AMSR2).
        high_frequency: Whether the SIC comes from the channels near 90 GHz.

    Returns:
        The footprint, or None for a platform that is not known.
    """
    match = re.fullmatch(r"([fFnN])(\d{2})", platform)
    if match is None:
        if platform.lower() in ("am2", "amsr2", "u2"):
            return AMSR2_89 if high_frequency else AMSR2_19
        return None
    number = int(match.group(2))
    if match.group(1) in "nN":
        return SMMR_18 if number == 7 else None
    if number >= 16:
        return SSMIS_91 if high_frequency else SSMIS_19
    return SSMI_85 if high_frequency else SSMI_19
