"""Smooth random fields with a chosen power spectrum, made coarse and interpolated in windows."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from ...raster.grid import Window
from .lattice import Field


@dataclass(frozen=True)
class Spectrum:
    """A power spectrum of random fields.

    Attributes:
        outer_m: Wavelength above which the spectrum is flat.
        inner_m: Wavelength below which it vanishes (a Gaussian cut).
        slope: Between them the 2-D power density falls with wavenumber to the minus this.
        stretch: How much longer the features are along `direction_deg` than across it.
        direction_deg: Direction of the features, from the columns' axis towards the rows' axis.
    """

    outer_m: float
    inner_m: float
    slope: float
    stretch: float = 1.0
    direction_deg: float = 0.0

    def amplitude(self, kx: NDArray[np.float64], ky: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the square root of the power density at wavenumbers in cycles per metre."""
        angle = math.radians(self.direction_deg)
        along = (kx * math.cos(angle) + ky * math.sin(angle)) * self.stretch
        across = -kx * math.sin(angle) + ky * math.cos(angle)
        k2 = along**2 + across**2
        power = (1.0 + k2 * self.outer_m**2) ** (-self.slope / 2)
        return np.sqrt(power) * np.exp(-k2 * self.inner_m**2 / 2)


class SpectralField:
    """A random field with mean 0 and variance 1 over a rectangle, known at any pixel inside it.

    Args:
        generator: Source of the phases and amplitudes.
        spectrum: The field's power spectrum.
        size_m: Width and height of the rectangle; the field repeats only beyond it.
        origin_m: x and y of the rectangle's first corner, in the scene's metres.
        spacing_m: Spacing of the coarse nodes; at most half the spectrum's inner wavelength.
        guard_m: How much larger than the rectangle the field is: it repeats, and its opposite
            sides are alike. Fields with the same rectangle, spacing and guard share their nodes.
    """

    def __init__(
        self,
        generator: np.random.Generator,
        spectrum: Spectrum,
        size_m: tuple[float, float],
        origin_m: tuple[float, float],
        spacing_m: float,
        guard_m: float,
    ) -> None:
        cols, rows = (
            fft.next_fast_len(math.ceil((side_m + guard_m) / spacing_m) + 4, real=True)
            for side_m in size_m
        )
        ky = fft.fftfreq(rows, spacing_m)[:, None]
        kx = fft.rfftfreq(cols, spacing_m)[None, :]
        amplitude = spectrum.amplitude(kx, ky)
        amplitude[0, 0] = 0.0
        noise = fft.rfft2(generator.standard_normal((rows, cols)))
        nodes = fft.irfft2(noise * amplitude, s=(rows, cols))
        self.nodes: Field = (nodes / nodes.std()).astype(np.float32)
        self.spacing_m = spacing_m
        self.origin_m = origin_m

    def replaced(self, nodes: NDArray[np.floating]) -> SpectralField:
        """Return a field with other values at the nodes."""
        other = copy(self)
        other.nodes = np.asarray(nodes, np.float32)
        return other

    def on(self, window: Window, pixel_m: float) -> Field:
        """Return the field at the pixel centres of a window, (H, W), by the cubic B-spline."""
        x0, y0 = self.origin_m
        rows = ((np.arange(window.row, window.stop_row) + 0.5) * pixel_m - y0) / self.spacing_m
        cols = ((np.arange(window.col, window.stop_col) + 0.5) * pixel_m - x0) / self.spacing_m
        row_weights, first_row = _weights(rows)
        col_weights, first_col = _weights(cols)
        part = self.nodes.take(
            np.arange(first_row, first_row + row_weights.shape[1]), axis=0, mode="wrap"
        ).take(np.arange(first_col, first_col + col_weights.shape[1]), axis=1, mode="wrap")
        # sparse products: dense ones go to BLAS, whose threads get into the way of the blocks'
        across = np.ascontiguousarray((col_weights @ np.ascontiguousarray(part.T)).T)
        return np.asarray(row_weights @ across, np.float32)

    def at(self, x_m: NDArray[np.floating], y_m: NDArray[np.floating]) -> Field:
        """Return the nearest nodes' values at points."""
        cols = np.rint((x_m - self.origin_m[0]) / self.spacing_m).astype(np.intp)
        rows = np.rint((y_m - self.origin_m[1]) / self.spacing_m).astype(np.intp)
        values: Field = self.nodes[rows % self.nodes.shape[0], cols % self.nodes.shape[1]]
        return values


class Fields:
    """Makes a scene's smooth fields, all on the same nodes.

    Args:
        size_m: Width and height of the scene.
        margin_m: How far beyond the scene the fields reach.
        spacing_m: Spacing of the nodes.
    """

    def __init__(
        self, seed: int, size_m: tuple[float, float], margin_m: float, spacing_m: float
    ) -> None:
        self._seed = seed
        self.size_m = size_m
        self.spacing_m = spacing_m
        self._margin_m = margin_m + 4 * spacing_m

    def make(self, number: int, spectrum: Spectrum) -> SpectralField:
        """Return a field of its own for each number."""
        return SpectralField(
            np.random.default_rng([self._seed, 100 + number]),
            spectrum,
            (self.size_m[0] + 2 * self._margin_m, self.size_m[1] + 2 * self._margin_m),
            (-self._margin_m, -self._margin_m),
            self.spacing_m,
            guard_m=min(300e3, max(self.size_m)),
        )

    def generator(self, number: int) -> np.random.Generator:
        """Return a source of single numbers of its own for each number."""
        return np.random.default_rng([self._seed, number])

    def positions(self, field: SpectralField) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return x as a row and y as a column of the nodes, m."""
        rows, cols = field.nodes.shape
        x_m = field.origin_m[0] + np.arange(cols)[None, :] * self.spacing_m
        y_m = field.origin_m[1] + np.arange(rows)[:, None] * self.spacing_m
        return x_m, y_m


def _weights(positions: NDArray[np.floating]) -> tuple[sparse.csr_array, int]:
    """Return cubic B-spline weights (N, K) of N positions on nodes from `first` on, and `first`."""
    base = np.floor(positions).astype(np.int32)
    first = int(base[0]) - 1
    t = (positions - base).astype(np.float32)
    weights = np.stack(
        [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ],
        axis=1,
    )
    columns = (base - 1 - first)[:, None] + np.arange(4, dtype=np.int32)
    starts = np.arange(0, weights.size + 1, 4, dtype=np.int32)
    shape = (len(positions), int(columns[-1, -1]) + 1)
    return sparse.csr_array((weights.ravel(), columns.ravel(), starts), shape=shape), first
