"""The halo: the margin at which a fitted network's tiles fit together."""

from __future__ import annotations

import math

import numpy as np

from ..networks import Geometry
from ..raster.grid import Window
from .runtimes import Floats, Runtime
from .tiled import Normalisation, Source

_MOST_DIFFERENCE = 5e-4
"""Largest difference of the output (0.05 % SIC) that a smaller halo may make in the samples."""

_CORE_PX = 192
_SAMPLES = 3
_SHARES = (0.75, 0.57, 0.43)
"""Halos that are tried, as a share of the one that is exact."""


def measured_halo(
    source: Source,
    shape: tuple[int, int],
    runtime: Runtime,
    geometry: Geometry,
    normalisation: Normalisation,
) -> int:
    """Return the smallest margin that leaves a network's output as it is, within 0.05 % SIC.

    Most of what a network may see by its layers has next to no weight in its output (Luo et al.
    2016, "Understanding the effective receptive field"). How much is measured on the scene itself,
    at a few places.

    Args:
        source: The scene.
        shape: Its height and width.
        runtime: The network.
        geometry: What it asks of tiles; its `halo_px` is exact.
        normalisation: What makes its input.

    Returns:
        A margin in px, a multiple of the network's multiple.
    """
    exact, multiple = geometry.halo_px, geometry.multiple
    core = max(_CORE_PX // multiple, 1) * multiple
    if exact <= 4 * multiple or min(shape) < core + 2 * exact:
        return exact
    samples = _samples(source, shape, core, exact, multiple, normalisation)
    if not samples:
        return exact
    expected = [_core(runtime, x, core, exact, exact) for x in samples]
    halo = exact
    for share in _SHARES:
        smaller = math.ceil(exact * share / multiple) * multiple
        found = [_core(runtime, x, core, exact, smaller) for x in samples]
        worst = max(float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True))
        if not worst <= _MOST_DIFFERENCE:
            break
        halo = smaller
    return halo


def _samples(
    source: Source,
    shape: tuple[int, int],
    core: int,
    halo: int,
    multiple: int,
    normalisation: Normalisation,
) -> list[Floats]:
    """Return normalised inputs (C, side, side) along the scene's diagonals that hold data."""
    side = core + 2 * halo
    found = []
    for share in (0.5, 0.25, 0.75, 0.1, 0.9):
        for row_share, col_share in ((share, share), (share, 1 - share)):
            row, col = (
                int((length - side) * part) // multiple * multiple
                for length, part in zip(shape, (row_share, col_share), strict=True)
            )
            values, valid = source.read(Window(row, col, side, side))
            if valid.mean() > 0.5:
                found.append(normalisation.apply(values, valid))
            if len(found) == _SAMPLES:
                return found
    return found


def _core(runtime: Runtime, x: Floats, core: int, given: int, halo: int) -> Floats:
    cut = given - halo
    side = core + 2 * halo
    part = np.ascontiguousarray(x[:, cut : cut + side, cut : cut + side])
    output: Floats = runtime(part[None])[0, :, halo : halo + core, halo : halo + core]
    return output
