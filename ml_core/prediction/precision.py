"""Trials: which precision a fitted network needs, tried on the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..networks import Geometry
from ..raster.grid import Window
from ..rounding import rounded_up
from .runtimes.base import Floats, Runtime
from .tiled import Normalisation, Source

MOST_RMSE_PERCENT = 0.3
"""Largest RMSE in SIC that a lower precision may have in the samples."""

_CORE_PX = 128
_SAMPLES = 2


class Trial:
    """A network tried on parts of a scene, before all of it is predicted.

    Args:
        source: The scene.
        shape: Its height and width.
        geometry: What the network asks of tiles.
        normalisation: What makes its input.
        sic: Returns the SIC in percent (h, w) of an output (O, h, w).
    """

    def __init__(
        self,
        source: Source,
        shape: tuple[int, int],
        geometry: Geometry,
        normalisation: Normalisation,
        sic: Callable[[Floats], Floats],
    ) -> None:
        self._sic = sic
        multiple = geometry.multiple
        side = rounded_up(_CORE_PX + 2 * geometry.halo_px, multiple)
        self._samples: list[Floats] = []
        if min(shape) >= side:
            self._samples = list(_samples(source, shape, side, multiple, normalisation))

    def rmse_percent(self, runtime: Runtime, exact: Runtime) -> float | None:
        """Return the RMSE in SIC of a runtime against a more exact one.

        Args:
            runtime: The network.
            exact: The same in a higher precision.

        Returns:
            The RMSE; None where the scene is too small to try.
        """
        if not self._samples:
            return None
        difference = self._outputs(runtime) - self._outputs(exact)
        return float(np.sqrt(np.mean(np.square(difference))))

    def _outputs(self, runtime: Runtime) -> Floats:
        # copied: an output holds until the next call only
        sics = [self._sic(runtime(x[None])[0]).copy() for x in self._samples]
        return np.stack(sics)  # (N, h, w)


def _samples(
    source: Source,
    shape: tuple[int, int],
    side: int,
    multiple: int,
    normalisation: Normalisation,
) -> Iterator[Floats]:
    """Yield normalised inputs (C, side, side) along the scene's diagonals that hold data."""
    found: dict[tuple[int, int], None] = {}  # in order, each once
    for share in (0.5, 0.25, 0.75, 0.1, 0.9):
        for shares in ((share, share), (share, 1 - share)):
            row, col = (
                int((length - side) * part) // multiple * multiple
                for length, part in zip(shape, shares, strict=True)
            )
            found[row, col] = None
    count = 0
    for row, col in found:
        values, valid = source.read(Window(row, col, side, side))
        if valid.mean() > 0.5:
            yield normalisation.apply(values, valid)
            count += 1
        if count == _SAMPLES:
            return
