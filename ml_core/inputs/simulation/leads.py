"""Leads: long cracks in a few directions, open or covered with new ice."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from ...raster.grid import Window
from .edge import step
from .lattice import Field
from .spectral import Fields, SpectralField, Spectrum

_FAMILIES = (
    # share of the area, spacing m, stretch, widest m
    (0.45, 34e3, 7.0, 2500.0),
    (0.30, 26e3, 6.0, 1500.0),
    (0.25, 11e3, 5.0, 300.0),
)


class Leads:
    """A scene's leads.

    Each family is the zero lines of a stretched random field; their width follows another field,
    so that a lead opens and closes along its length.

    Args:
        fields: Makes the random fields.
        share: Share of the pack that leads take, 0-1.
    """

    def __init__(self, fields: Fields, share: float) -> None:
        self._families: list[tuple[SpectralField, SpectralField]] = []
        self._state = fields.make(9, Spectrum(40e3, 5e3, 3.0))
        if share <= 0.0:
            return
        generator = fields.generator(2)
        bearing = generator.uniform(0.0, 180.0)
        turns = (0.0, generator.uniform(28.0, 50.0), generator.uniform(-45.0, 90.0))
        for k, (part, spacing_m, stretch, widest_m) in enumerate(_FAMILIES):
            spectrum = Spectrum(spacing_m, 4e3, 5.0, stretch, bearing + turns[k])
            line = fields.make(20 + 2 * k, spectrum)
            down, right = np.gradient(line.nodes, fields.spacing_m)
            steep = np.hypot(down, right)
            typical = float(np.median(steep))
            distance_m = line.nodes / (steep + 0.2 * typical)
            activity = fields.make(21 + 2 * k, Spectrum(90e3, 15e3, 3.5)).nodes
            # nothing opens where the field is flat, its zero lines are blobs there, and around
            # places where they turn back like hairpins
            angle = math.radians(bearing + turns[k])
            aligned = np.abs(down * math.cos(angle) - right * math.sin(angle)) / (steep + 1e-12)
            aligned = ndimage.minimum_filter(aligned, 5)
            active = np.maximum(activity, 0.0) ** 1.5 * step(steep / typical, 0.3, 0.9)
            active = active * step(aligned, 0.7, 0.9)
            needed = np.abs(distance_m) / np.maximum(active, 1e-6)
            half_m = float(np.quantile(needed, share * part)) * active
            half_m = np.minimum(half_m, widest_m / 2)
            self._families.append((line.replaced(distance_m), line.replaced(half_m)))

    def on(self, window: Window, pixel_m: float, warp_m: Field) -> tuple[Field, Field]:
        """Return each pixel's share of lead, and the share of the lead that is open, (H, W).

        The leads' lines are moved by `warp_m` (H, W) there.
        """
        lead = np.zeros((window.height, window.width), np.float32)
        if not self._families:
            return lead, lead
        for distance, half_width in self._families:
            half_m = np.maximum(half_width.on(window, pixel_m), np.float32(0.0))
            if not half_m.any():
                continue
            off_m = np.abs(distance.on(window, pixel_m) + warp_m)
            np.maximum(lead, strip_share(off_m, half_m, pixel_m), out=lead)
        return lead, step(self._state.on(window, pixel_m), -0.1, 0.1)


def strip_share(off_m: Field, half_m: Field, pixel_m: float) -> Field:
    """Return the share of a pixel inside a strip: exact for one that lies along the pixels.

    `off_m` is the distance of the pixel's centre from the strip's middle, `half_m` half the strip's
    width, (H, W) both.
    """
    pixel = np.float32(pixel_m)
    right: Field = np.minimum(off_m + np.float32(0.5) * pixel, half_m)
    left = np.maximum(off_m - np.float32(0.5) * pixel, -half_m)
    right -= left
    right /= pixel
    np.maximum(right, np.float32(0.0), out=right)
    return right
