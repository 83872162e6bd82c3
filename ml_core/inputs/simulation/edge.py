"""Where the simulated ice is and how compact: ice edge, loose ice behind it, polynyas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .lattice import Field
from .spectral import Fields, SpectralField, Spectrum


@dataclass(frozen=True)
class IceCover:
    """The ice at large.

    Attributes:
        inside: How far inside the ice edge a place is; 0 at the edge, about 1 some 50 km inside.
        compactness: Share of ice among floes, 0-1, outside leads.
    """

    inside: SpectralField
    compactness: SpectralField


def ice_cover(fields: Fields, ice_fraction: float, polynyas: int) -> IceCover:
    """Return a scene's ice cover.

    The edge is the level of a random field with a power-law spectrum, tilted across the scene and
    stirred by eddies of two sizes; it is sharp in some places and frayed in others.

    Args:
        fields: Makes the random fields.
        ice_fraction: Share of the scene inside the edge, 0-1.
        polynyas: Their number.
    """
    width_m, height_m = fields.size_m
    longest = max(fields.size_m)
    field = fields.make(0, Spectrum(min(0.8 * longest, 250e3), 1200.0, 3.6))
    nodes = _stirred(field.nodes, fields.make(5, Spectrum(45e3, 10e3, 4.0)).nodes, 12.0)
    nodes = _stirred(nodes, fields.make(15, Spectrum(16e3, 4e3, 4.0)).nodes, 5.0)
    x_m, y_m = fields.positions(field)
    generator = fields.generator(1)
    bearing = generator.uniform(0.0, 2.0 * math.pi)
    slope = (x_m - width_m / 2) * math.cos(bearing) + (y_m - height_m / 2) * math.sin(bearing)
    tilted = nodes + 2.5 * slope / longest
    scene = (x_m >= 0) & (x_m <= width_m) & (y_m >= 0) & (y_m <= height_m)
    level = np.quantile(tilted[scene], 1.0 - ice_fraction)
    if ice_fraction <= 0.0:
        level = level + 99.0
    elif ice_fraction >= 1.0:
        level = level - 99.0
    inside = tilted - level

    frayed = np.exp(0.7 * fields.make(6, Spectrum(80e3, 8e3, 4.0)).nodes)
    compactness = step(inside / frayed, -0.05, 0.4)
    loose = fields.make(7, Spectrum(90e3, 5e3, 3.0)).nodes
    compactness *= 0.99 - 0.10 * np.maximum(loose - 0.6, 0.0)
    polynya = np.zeros_like(compactness)
    candidates = np.argwhere(scene & (inside > 0.5))
    ragged = fields.make(8, Spectrum(25e3, 2.5e3, 3.0)).nodes
    for _ in range(polynyas if len(candidates) else 0):
        row, col = candidates[generator.integers(len(candidates))]
        radius = generator.uniform(0.04, 0.08) * min(longest, 250e3) / fields.spacing_m
        turn = generator.uniform(0.0, math.pi)
        rows, cols = np.indices(nodes.shape)
        along = (cols - col) * math.cos(turn) + (rows - row) * math.sin(turn)
        across = -(cols - col) * math.sin(turn) + (rows - row) * math.cos(turn)
        distance = np.hypot(along / (1.8 * radius), across / (0.6 * radius)) + 0.2 * ragged
        polynya = np.maximum(polynya, 1.0 - step(distance, 0.8, 1.2))
    compactness *= 1.0 - 0.97 * polynya
    return IceCover(field.replaced(inside), field.replaced(compactness))


def step(values: NDArray[np.floating], low: float, high: float) -> Field:
    """Return a smooth step from 0 at `low` to 1 at `high`."""
    t = np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), np.float32)
    smooth: Field = t * t * (np.float32(3.0) - np.float32(2.0) * t)
    return smooth


def _stirred(nodes: Field, stream: Field, reach: float) -> Field:
    """Return nodes moved along a stream function's lines, by some nodes, as eddies do."""
    down, right = np.gradient(stream)
    scale = reach / max(float(np.std(down)), 1e-9) / 4
    rows, cols = np.indices(nodes.shape, np.float32)
    moved = nodes
    for _ in range(4):
        moved = ndimage.map_coordinates(
            moved, (rows + scale * right, cols - scale * down), order=1, mode="grid-wrap"
        )
    return moved
