"""The simulated pack: floes, brash, leads and ridges, and the kind of ice of each pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...jobs.simulatescene import SimulateSceneJob
from ...raster.grid import Window
from .edge import ice_cover, step
from .floes import FloeCells, cells
from .lattice import Field, octaves
from .leads import Leads, strip_share
from .spectral import Fields, Spectrum

LEVEL, DEFORMED, MULTI_YEAR, NEW = range(4)
"""Kinds of ice: level and deformed first-year, multi-year, and new ice of refrozen leads."""

_FLOES = (
    # mean size m; how far inside the edge the first and the last stay whole
    (5000.0, (0.25, 1.4)),
    (1500.0, (0.05, 0.5)),
    (450.0, (-9.0, -8.0)),
)
"""Vast floes of the inner pack, big ones, small ones of the ice edge: swell breaks them."""

_NODE_M = 1000.0


@dataclass(frozen=True)
class Surface:
    """What a window's pixels hold.

    Attributes:
        sic: (H, W) share of the pixel that is ice, 0-1.
        shelter: (H, W) how much the ice around keeps the waves down on the pixel's water, 0-1.
        kind: (H, W) kind of ice, also where there is none.
        floe_db: (H, W) by how many deviations the ice is brighter than its kind.
    """

    sic: Field
    shelter: Field
    kind: NDArray[np.uint8]
    floe_db: Field


class Pack:
    """The ice of a scene and of a margin around it.

    Args:
        job: The scene's seed and pixels, and what its ice is made of.
        margin_m: How far beyond the scene the ice is known.
    """

    def __init__(self, job: SimulateSceneJob, margin_m: float) -> None:
        self._seed = job.seed
        self._pixel_m = job.resolution
        size_m = job.width * job.resolution, job.height * job.resolution
        fields = Fields(job.seed, size_m, margin_m, _NODE_M)
        self._cover = ice_cover(fields, job.ice_fraction / 100.0, job.polynyas)
        self._leads = Leads(fields, job.leads / 100.0)
        self._crowding = fields.make(3, Spectrum(20e3, 3e3, 3.0))
        self._tone = fields.make(12, Spectrum(40e3, 3e3, 2.8))
        age = fields.make(4, Spectrum(60e3, 4e3, 3.0))
        ranks = stats.rankdata(age.nodes).reshape(age.nodes.shape) / age.nodes.size
        self._age = age.replaced(ranks)
        self._oldest = _age_threshold(job.multi_year / 100.0)
        self._gaps = _gap_quantiles()
        self._has_ridges = job.deformed > 0.0
        deformed = min(max(job.deformed / 100.0, 1e-6), 1.0 - 1e-6)
        self._ridge_threshold = float(stats.norm.ppf(1.0 - deformed))
        # a score that correlates by 0.53 with the brightness is cut there
        excess = 0.53 * float(stats.norm.pdf(self._ridge_threshold))
        self._ridge_shift = (excess / (1.0 - deformed), -excess / deformed)

    def on(self, window: Window) -> Surface:
        """Return what a window of the scene, or of its margin, holds."""
        compactness = np.clip(self._cover.compactness.on(window, self._pixel_m), 0.0, 1.0)
        if not compactness.any():
            return _open_water(window)
        # edges of floes and leads are rough at all scales: the coordinates are warped
        rough = self._rough()
        warp_x = octaves(self._seed, 1000, window, rough)
        warp_y = octaves(self._seed, 1032, window, rough)
        x_m = _centres(window.col, window.width, self._pixel_m)[None, :] + warp_x
        y_m = _centres(window.row, window.height, self._pixel_m)[:, None] + warp_y
        cover, kind, floe_db, margin_m = self._floes(window, compactness, x_m, y_m)
        texture = octaves(self._seed, 1064, window, self._ridging())
        kind, floe_db = self._ridged(window, kind, floe_db, texture, margin_m)

        # between the floes of the ice edge lies brash, too small to be seen one by one
        inside = self._cover.inside.on(window, self._pixel_m)
        loose = np.float32(1.0) - step(inside, 0.1, 0.9)
        brash = compactness * loose * np.clip(0.45 + 0.45 * texture, 0.0, 0.95)
        kind = np.where((cover < 0.5) & (brash > 0.1), np.uint8(DEFORMED), kind)
        sic = cover + (np.float32(1.0) - cover) * brash

        lead, open_share = self._leads.on(window, self._pixel_m, np.float32(0.7) * warp_x)
        kind = np.where(lead > 0.5, np.uint8(NEW), kind)
        sic *= np.float32(1.0) - lead * open_share
        np.clip(sic, 0.0, 1.0, out=sic)  # rounding may lead a little beyond
        return Surface(sic, step(compactness, 0.25, 0.85), kind, floe_db)

    def _floes(
        self, window: Window, compactness: Field, x_m: Field, y_m: Field
    ) -> tuple[Field, NDArray[np.uint8], Field, Field]:
        """Return cover, kind, brightness and distance to the border of the floe at each pixel."""
        shape = compactness.shape
        crowding = self._crowding.on(window, self._pixel_m)
        # gaps gather in some places; elsewhere the floes touch
        spread = np.exp(np.float32(1.1) * crowding - np.float32(0.6))
        water = (np.float32(1.0) - compactness ** np.float32(0.7)) * spread
        steps = len(self._gaps) - 1
        gap = self._gaps.take(np.clip(water * np.float32(steps), 0, steps).astype(np.int32))
        cover = np.zeros(shape, np.float32)
        kind = np.zeros(shape, np.uint8)
        floe_db = np.zeros(shape, np.float32)
        margin_m = np.zeros(shape, np.float32)
        free = np.ones(shape, bool)
        for k, (size_m, whole) in enumerate(_FLOES):
            if not free.any():
                break
            floe = cells(self._seed, 2000 + 10 * k, size_m, x_m, y_m)
            fate, old, bright, exists = self._fates(floe, k, whole)
            here = fate.take(floe.index)
            here &= free
            gap_m = gap * np.float32(size_m)
            solid = np.float32(1.0) - strip_share(floe.margin_m, gap_m, self._pixel_m)
            solid *= exists.take(floe.index)
            np.copyto(cover, solid, where=here)
            np.copyto(kind, old.take(floe.index), where=here)
            np.copyto(floe_db, bright.take(floe.index), where=here)
            np.copyto(margin_m, floe.margin_m, where=here)
            free &= ~here
        return cover, kind, floe_db, margin_m

    def _fates(
        self, floe: FloeCells, k: int, whole: tuple[float, float]
    ) -> tuple[NDArray[np.bool_], NDArray[np.uint8], Field, NDArray[np.bool_]]:
        """Return which cells stay whole, their kinds, their brightness, and which there are."""
        inside = self._cover.inside.at(floe.x_m, floe.y_m)
        compactness = np.clip(self._cover.compactness.at(floe.x_m, floe.y_m), 0.0, 1.0)
        stream = 2100 + 10 * k
        intact = floe.random(self._seed, stream) < step(inside, *whole)
        if k == 0:
            intact &= compactness > 0.85
        # small floes are missing here and there where the ice is loose
        exists = floe.random(self._seed, stream + 1) < np.float32(1.03) * compactness ** np.float32(
            0.4
        )
        age = np.float32(0.6) * self._age.at(floe.x_m, floe.y_m)
        age += np.float32(0.4) * floe.random(self._seed, stream + 2)
        old = np.where(age > self._oldest, MULTI_YEAR, LEVEL).astype(np.uint8)
        rank = np.clip(floe.random(self._seed, stream + 3), 1e-6, 1 - 1e-6)
        own = np.asarray(stats.norm.ppf(rank), np.float32)
        tone = self._tone.at(floe.x_m, floe.y_m)
        share = np.where(old == MULTI_YEAR, np.float32(0.7), np.float32(0.25))
        bright = np.sqrt(share) * own + np.sqrt(np.float32(1.0) - share) * tone
        return intact, old, np.asarray(bright, np.float32), exists

    def _ridged(
        self,
        window: Window,
        kind: NDArray[np.uint8],
        floe_db: Field,
        texture: Field,
        margin_m: Field,
    ) -> tuple[NDArray[np.uint8], Field]:
        """Return kind and brightness with deformed first-year ice, and texture on old ice."""
        first_year = kind == LEVEL
        # some floes are ridged more than others, and many at their rims
        score = np.float32(0.85) * texture + np.float32(0.53) * floe_db
        deformed = first_year & (score > np.float32(self._ridge_threshold))
        if self._has_ridges:
            rim_m = np.float32(25.0) + np.float32(25.0) * texture
            deformed |= first_year & (margin_m < rim_m)
        kind = np.where(deformed, np.uint8(DEFORMED), kind)
        # ridged floes are the brighter ones of their kind: the kinds' means are kept
        shift = np.array([*self._ridge_shift, 0.0, 0.0], np.float32).take(kind)
        mixed = np.float32(0.8) * floe_db + np.float32(0.6) * texture
        return kind, np.where(kind == MULTI_YEAR, mixed, floe_db + shift)

    def _rough(self) -> tuple[float, ...]:
        """Return the warp's deviation, m, by octave: 2 px up to 4 km, growing with scale."""
        count = max(2, round(math.log2(4000.0 / self._pixel_m)) + 1)
        scales_m = self._pixel_m * 2.0 ** np.arange(count)
        deviations = 45.0 * (scales_m / 500.0) ** 0.75
        deviations[0] = 0.0
        return tuple(float(value) for value in deviations)

    def _ridging(self) -> tuple[float, ...]:
        """Return the texture's deviation by octave: most at some 300 m, together 1."""
        count = max(1, round(math.log2(3000.0 / self._pixel_m)) + 1)
        scales_m = self._pixel_m * 2.0 ** np.arange(count)
        deviations = np.exp(-(np.log(scales_m / 300.0) ** 2) / 2.0)
        deviations /= math.sqrt(float((deviations**2).sum()))
        return tuple(float(value) for value in deviations)


def _open_water(window: Window) -> Surface:
    shape = (window.height, window.width)
    zeros = np.zeros(shape, np.float32)
    return Surface(zeros.copy(), zeros, np.zeros(shape, np.uint8), zeros)


def _centres(start: int, count: int, pixel_m: float) -> Field:
    positions = np.arange(start, start + count, dtype=np.float32) + np.float32(0.5)
    return positions * np.float32(pixel_m)


def _age_threshold(share: float) -> float:
    """Return what 0.6 u + 0.4 v exceeds with a probability, for independent uniform u and v."""
    if share <= 0.0:
        return 2.0
    if share >= 1.0:
        return -1.0
    u = (np.arange(400) + 0.5) / 400
    return float(np.quantile(0.6 * u[:, None] + 0.4 * u[None, :], 1.0 - share))


def _gap_quantiles() -> Field:
    """Return the distance to a cell's border, in cell sizes, that a share of the plane is below."""
    y, x = np.indices((600, 600), np.float32)
    distances = cells(0, 0, 30.0, x, y).margin_m / np.float32(30.0)
    return np.asarray(np.quantile(distances, np.linspace(0.0, 1.0, 1025)), np.float32)
