"""Trials: what margin and which precision a fitted network needs, tried on the scene itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from ..networks import Geometry
from ..raster.grid import Window
from .runtimes import Floats, Runtime
from .tiled import Normalisation, Source

_MOST_DIFFERENCE_PERCENT = 0.05
"""Largest difference in SIC that a smaller halo may make in the samples."""

MOST_RMSE_PERCENT = 0.3
"""Largest RMSE in SIC that a lower precision may have in the samples."""

_CORE_PX = 128
_SAMPLES = 2
_SHARES = (0.75, 0.57, 0.43)
"""Halos that are tried, as a share of the one that is exact."""


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
        self._exact, self._multiple = geometry.halo_px, geometry.multiple
        self._core = max(_CORE_PX // self._multiple, 1) * self._multiple
        side = self._core + 2 * self._exact
        self._samples: list[Floats] = []
        if min(shape) >= side:
            self._samples = list(_samples(source, shape, side, self._multiple, normalisation))

    def halo(self, runtime: Runtime) -> int:
        """Return the smallest margin that leaves the output as it is, within 0.05 % SIC.

        Most of what a network may see by its layers has next to no weight in its output (Luo et
        al. 2016, "Understanding the effective receptive field").

        Args:
            runtime: The network.

        Returns:
            A margin in px, a multiple of the network's multiple; the exact one where the scene
            is small.
        """
        halo = self._exact
        if halo <= 4 * self._multiple or not self._samples:
            return halo
        expected = self._outputs(runtime, halo)
        for share in _SHARES:
            smaller = math.ceil(self._exact * share / self._multiple) * self._multiple
            found = self._outputs(runtime, smaller)
            if not float(np.abs(found - expected).max()) <= _MOST_DIFFERENCE_PERCENT:
                break
            halo = smaller
        return halo

    def rmse_percent(self, runtime: Runtime, exact: Runtime, halo: int) -> float | None:
        """Return the RMSE in SIC of a runtime against a more exact one.

        Args:
            runtime: The network.
            exact: The same in a higher precision.
            halo: Margin, px.

        Returns:
            The RMSE; None where the scene is too small to try.
        """
        if not self._samples:
            return None
        difference = self._outputs(runtime, halo) - self._outputs(exact, halo)
        return float(np.sqrt(np.mean(np.square(difference))))

    def _outputs(self, runtime: Runtime, halo: int) -> Floats:
        cut = self._exact - halo
        side = self._core + 2 * halo
        place = np.s_[:, cut : cut + side, cut : cut + side]
        inner = np.s_[0, :, halo : halo + self._core, halo : halo + self._core]
        return np.stack(
            [self._sic(runtime(np.ascontiguousarray(x[place])[None])[inner]) for x in self._samples]
        )  # (N, core, core)


def _samples(
    source: Source,
    shape: tuple[int, int],
    side: int,
    multiple: int,
    normalisation: Normalisation,
) -> Iterator[Floats]:
    """Yield normalised inputs (C, side, side) along the scene's diagonals that hold data."""
    count = 0
    for share in (0.5, 0.25, 0.75, 0.1, 0.9):
        for shares in ((share, share), (share, 1 - share)):
            row, col = (
                int((length - side) * part) // multiple * multiple
                for length, part in zip(shape, shares, strict=True)
            )
            values, valid = source.read(Window(row, col, side, side))
            if valid.mean() > 0.5:
                yield normalisation.apply(values, valid)
                count += 1
            if count == _SAMPLES:
                return
