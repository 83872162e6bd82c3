"""How the ready-to-train files were standardised, and physical values back from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...raster.radiometry import Floats

MEAN_AND_STD = {
    "nersc_sar_primary": (-14.5082551552228, 5.6597459193818676),  # dB
    "nersc_sar_secondary": (-24.701205147144236, 4.746759305258515),  # dB
    "sar_incidenceangle": (33.99801788456536, 8.322267212079046),  # degrees
    "distance_map": (23.627669500714102, 14.99018630794473),  # numbers of zones
    # K, of the extremes of one scene that are published in both layouts, to 0.06 K
    "btemp_6_9h": (148.87, 61.64),
    "btemp_6_9v": (203.52, 38.66),
    "btemp_7_3h": (149.89, 61.69),
    "btemp_7_3v": (204.21, 38.66),
    "btemp_10_7h": (153.89, 60.89),
    "btemp_10_7v": (208.91, 36.24),
    "btemp_18_7h": (165.69, 52.61),
    "btemp_18_7v": (218.59, 28.05),
    "btemp_23_8h": (182.21, 42.90),
    "btemp_23_8v": (226.40, 22.11),
    "btemp_36_5h": (185.18, 38.64),
    "btemp_36_5v": (228.21, 17.65),
    "btemp_89_0h": (212.54, 22.59),
    "btemp_89_0v": (241.26, 16.31),
}
"""Mean and standard deviation of each variable over all scenes of the challenge: those of its
``global_meanstd.npy`` (Stokholm et al. 2024, doi 10.5194/tc-18-3471-2024), but for AMSR2."""


def physical(variable: str, standardised: NDArray[np.floating]) -> Floats:
    """Return a ready-to-train variable in dB, degrees, K or numbers of zones.

    Args:
        variable: Its name in the file, of `MEAN_AND_STD`.
    """
    mean, std = MEAN_AND_STD[variable]
    result: Floats = np.asarray(standardised * std + mean, np.float32)
    return result
