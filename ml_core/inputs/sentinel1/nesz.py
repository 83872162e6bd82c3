"""The noise-equivalent sigma0 as a field on the image, to be looked up anywhere."""

from __future__ import annotations

import numpy as np

from ...raster.radiometry import Floats
from .annotation import Floats as Places
from .calibration import LineTable, Noise

_EVERY = 32
"""Lines from row to row; along the track the noise changes by 20 % over 250 lines, half a burst."""


QUIET_SHARE = 0.3
"""Share of the image with less noise than `NeszField.quiet`."""


class NeszField:
    """Noise-equivalent sigma0, linear, of an image of so many lines."""

    def __init__(self, noise: Noise, calibration: LineTable, lines: int) -> None:
        middles = range(min(_EVERY // 2, lines - 1), lines, _EVERY)
        self._rows = np.empty((len(middles), calibration.values.shape[1]), np.float32)
        for row, line in zip(self._rows, middles, strict=True):
            np.divide(
                noise.rows(line, line + 1)[0],
                np.square(calibration.rows(line, line + 1)[0]),
                out=row,
            )

    @property
    def quiet(self) -> float:
        """What it is in the quieter parts of the image: 30 % lie below."""
        some = self._rows[:: max(1, len(self._rows) // 64), ::8]
        return float(np.quantile(some, QUIET_SHARE))

    def at(self, line: Places, pixel: Places) -> Floats:
        """Return it at image positions, by the nearest row and pixel."""
        height, width = self._rows.shape
        row = np.clip(line / _EVERY, 0, height - 1).astype(np.intp)
        found: Floats = self._rows[row, np.clip(np.rint(pixel), 0, width - 1).astype(np.intp)]
        return found
