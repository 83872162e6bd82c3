"""The simulated ice: where it is, how compact, and of which kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from ...raster.grid import Window
from .floes import Cells, cells
from .lattice import Field, octaves
from .spectral import SpectralField, Spectrum

LEVEL, DEFORMED, MULTI_YEAR, NEW = range(4)
"""Kinds of ice: level and deformed first-year, multi-year, and new ice of refrozen leads."""

_FLOE_M = (4500.0, 1400.0, 450.0)
"""Mean sizes of floes: vast ones of the inner pack, big ones, small ones of the ice edge."""

_NODE_M = 1000.0
"""Spacing of the fields' coarse nodes."""


@dataclass(frozen=True)
class Composition:
    """What the ice is made of; shares in 0-1.

    Attributes:
        ice_fraction: Share of the scene inside the ice edge.
        multi_year: Share of the ice that is multi-year.
        deformed: Share of the first-year ice that is deformed.
        leads: Share of the pack that leads take.
        polynyas: Number of polynyas.
    """

    ice_fraction: float
    multi_year: float
    deformed: float
    leads: float
    polynyas: int


@dataclass(frozen=True)
class Surface:
    """What a window's pixels hold.

    Attributes:
        sic: (H, W) share of the pixel that is ice, 0-1.
        shelter: (H, W) how much the ice around keeps the waves down on the pixel's water, 0-1.
        kind: (H, W) kind of ice, also where there is none.
        floe_db: (H, W) by how much the ice is brighter than its kind's mean.
    """

    sic: Field
    shelter: Field
    kind: NDArray[np.uint8]
    floe_db: Field


class Pack:
    """The ice of a scene and of a margin around it.

    Args:
        seed: The scene's seed.
        composition: What the ice is made of.
        pixel_m: Pixel size.
        height: Rows of the scene.
        width: Columns of the scene.
        margin_m: How far beyond the scene the ice is known.
    """

    def __init__(
        self,
        seed: int,
        composition: Composition,
        pixel_m: float,
        height: int,
        width: int,
        margin_m: float,
    ) -> None:
        self._seed = seed
        self._composition = composition
        self._pixel_m = pixel_m
        self._size_m = (width * pixel_m, height * pixel_m)
        self._margin_m = margin_m + 4 * _NODE_M
        self._gap_quantiles = _gap_quantiles()
        inside, self._compactness = self._edge(np.random.default_rng([seed, 1]))
        self._inside = inside
        self._leads = self._make_leads(np.random.default_rng([seed, 2]))
        self._crowding = self._field(3, Spectrum(25e3, 3e3, 3.0))
        old = self._field(4, Spectrum(60e3, 4e3, 3.0))
        ranks = stats.rankdata(old.nodes).reshape(old.nodes.shape) / old.nodes.size
        self._age = old.replaced(ranks)

    def on(self, window: Window) -> Surface:
        """Return what a window of the scene, or of its margin, holds."""
        pixel_m = np.float32(self._pixel_m)
        seed = self._seed
        # edges of floes and leads are rough at all scales: the coordinates are warped
        x_m = _centres(window.col, window.width, pixel_m)[None, :]
        y_m = _centres(window.row, window.height, pixel_m)[:, None]
        rough = self._octave_deviations(40.0, 0.5)
        warp_x = octaves(seed, 1000, window, rough)
        warp_y = octaves(seed, 1032, window, rough)
        compactness = np.clip(self._compactness.on(window, self._pixel_m), 0.0, 1.0)
        crowding = self._crowding.on(window, self._pixel_m)

        floes = [
            cells(seed, 2000 + 10 * k, size, x_m + warp_x, y_m + warp_y)
            for k, size in enumerate(_FLOE_M)
        ]
        cover, kind, floe_db, margin = self._floes(floes, compactness, crowding)
        sic = cover

        lead, open_lead = self._on_leads(window, warp_x)
        kind = np.where(lead > 0.5, np.uint8(NEW), kind)
        sic = np.minimum(sic, np.float32(1.0) - lead * open_lead)

        ridging = octaves(seed, 1064, window, (0.0, 0.5, 0.55, 0.5, 0.4, 0.2))
        kind, floe_db = self._ridged(kind, floe_db, ridging, margin)
        shelter = _step(compactness, 0.2, 0.8)
        return Surface(sic, shelter, kind, floe_db)

    def _floes(
        self, floes: list[Cells], compactness: Field, crowding: Field
    ) -> tuple[Field, NDArray[np.uint8], Field, Field]:
        """Return cover, kind, brightness and distance to the border of the floes at each pixel."""
        pixel_m = np.float32(self._pixel_m)
        # floes are missing here and there, and the rest stand apart: together the compactness
        stray = compactness ** np.float32(0.6)
        water = (np.float32(1.0) - stray) * np.exp(np.float32(0.9) * crowding - np.float32(0.4))
        steps = len(self._gap_quantiles) - 1
        gap = self._gap_quantiles.take(
            np.clip(water * np.float32(steps), 0, steps).astype(np.int32)
        )
        cover = np.zeros(compactness.shape, np.float32)
        kind = np.zeros(compactness.shape, np.uint8)
        floe_db = np.zeros(compactness.shape, np.float32)
        margin = np.zeros(compactness.shape, np.float32)
        share = self._composition.multi_year
        taken = np.zeros(compactness.shape, bool)
        for k, (floe, size) in enumerate(zip(floes, _FLOE_M, strict=True)):
            inside = self._inside.at(floe.x_m, floe.y_m)
            fate = floe.random(self._seed, 2100 + 10 * k)
            whole = fate < _step(inside, *((0.15, 1.0), (0.02, 0.35), (-9.0, -8.0))[k])
            here = whole.take(floe.index) & ~taken
            there = np.clip(self._compactness.at(floe.x_m, floe.y_m), 0.0, 1.0) ** np.float32(0.4)
            exists = floe.random(self._seed, 2101 + 10 * k) < there
            age = self._age.at(floe.x_m, floe.y_m) * np.float32(0.75)
            age += np.float32(0.25) * floe.random(self._seed, 2102 + 10 * k)
            old = age > _age_threshold(share)
            bright = _normal(floe.random(self._seed, 2103 + 10 * k))
            gap_m = gap * np.float32(size)
            crack = np.clip((gap_m - floe.margin_m) / pixel_m + np.float32(0.5), 0.0, 1.0)
            crack *= np.minimum(np.float32(2.0) * gap_m / pixel_m, np.float32(1.0))
            solid = (np.float32(1.0) - crack) * exists.take(floe.index)
            np.copyto(cover, solid, where=here)
            np.copyto(
                kind, np.where(old, MULTI_YEAR, LEVEL).astype(np.uint8).take(floe.index), where=here
            )
            np.copyto(floe_db, bright.take(floe.index), where=here)
            np.copyto(margin, floe.margin_m, where=here)
            taken |= here
        return cover, kind, floe_db, margin

    def _ridged(
        self, kind: NDArray[np.uint8], floe_db: Field, ridging: Field, margin: Field
    ) -> tuple[NDArray[np.uint8], Field]:
        """Return kind and brightness with deformed ice and texture."""
        share = min(max(self._composition.deformed, 1e-6), 1 - 1e-6)
        # some floes are ridged more than others, and all at their rims
        threshold = np.float32(stats.norm.ppf(1.0 - share) * math.sqrt(1.0 + 0.5))
        score = ridging + np.float32(math.sqrt(0.5)) * floe_db
        first_year = kind == LEVEL
        kind = np.where(first_year & (score > threshold), np.uint8(DEFORMED), kind)
        if share > 1e-5:
            kind = np.where(first_year & (margin < 30.0), np.uint8(DEFORMED), kind)
        old = kind == MULTI_YEAR
        floe_db = np.where(old, floe_db + np.float32(0.7) * ridging, floe_db * np.float32(0.8))
        return kind, floe_db

    def _on_leads(self, window: Window, warp: Field) -> tuple[Field, Field]:
        """Return each pixel's share of lead, and the share of the lead that is open."""
        lead = np.zeros((window.height, window.width), np.float32)
        if not self._leads:
            return lead, lead
        pixel_m = np.float32(self._pixel_m)
        for distance, width in self._leads:
            off = np.abs(distance.on(window, self._pixel_m) + np.float32(0.6) * warp)
            half = np.maximum(width.on(window, self._pixel_m), np.float32(0.0))
            part = np.clip((half - off) / pixel_m + np.float32(0.5), 0.0, 1.0)
            part *= np.minimum(np.float32(2.0) * half / pixel_m, np.float32(1.0))
            np.maximum(lead, part, out=lead)
        state = self._lead_state.on(window, self._pixel_m)
        return lead, _step(state, -0.1, 0.1)

    def _edge(self, generator: np.random.Generator) -> tuple[SpectralField, SpectralField]:
        """Return how far inside the ice edge a place is, and how compact the ice is there."""
        longest = max(self._size_m)
        field = self._field(0, Spectrum(min(0.8 * longest, 250e3), 1500.0, 3.3))
        nodes = _swirled(field.nodes, self._field(5, Spectrum(35e3, 8e3, 4.0)).nodes, 5.0)
        x_m, y_m = self._node_positions(field)
        bearing = generator.uniform(0.0, 2.0 * math.pi)
        slope = (x_m - self._size_m[0] / 2) * math.cos(bearing)
        slope = slope + (y_m - self._size_m[1] / 2) * math.sin(bearing)
        trended = nodes + 2.5 * slope / longest
        scene = (x_m >= 0) & (x_m <= self._size_m[0]) & (y_m >= 0) & (y_m <= self._size_m[1])
        share = self._composition.ice_fraction
        level = np.quantile(trended[scene], 1.0 - share)
        level += (share <= 0.0) * 99.0 - (share >= 1.0) * 99.0
        inside = trended - level

        # the edge is sharp in some places and frayed in others
        frayed = np.exp(0.6 * self._field(6, Spectrum(80e3, 8e3, 4.0)).nodes)
        compactness = _step(inside / frayed, 0.0, 0.45)
        loose = self._field(7, Spectrum(90e3, 5e3, 3.0)).nodes
        compactness *= 0.985 - 0.12 * np.maximum(loose - 0.5, 0.0)
        candidates = np.argwhere(scene & (inside > 0.5))
        ragged = self._field(8, Spectrum(25e3, 2.5e3, 3.0)).nodes
        for _ in range(self._composition.polynyas if len(candidates) else 0):
            row, col = candidates[generator.integers(len(candidates))]
            radius = generator.uniform(0.05, 0.1) * min(longest, 250e3) / _NODE_M
            turn = generator.uniform(0.0, math.pi)
            rows, cols = np.indices(nodes.shape)
            along = (cols - col) * math.cos(turn) + (rows - row) * math.sin(turn)
            across = -(cols - col) * math.sin(turn) + (rows - row) * math.cos(turn)
            distance = np.hypot(along / (1.6 * radius), across / (0.7 * radius)) + 0.22 * ragged
            compactness *= 0.03 + 0.97 * _step(distance, 0.85, 1.15)
        return field.replaced(inside), field.replaced(compactness)

    def _make_leads(
        self, generator: np.random.Generator
    ) -> list[tuple[SpectralField, SpectralField]]:
        """Return each family of leads: signed distance from its lines and half width, m."""
        share = self._composition.leads
        self._lead_state = self._field(9, Spectrum(40e3, 5e3, 3.0))
        if share <= 0.0:
            return []
        bearing = generator.uniform(0.0, 180.0)
        families = []
        for k, turn in enumerate(
            (0.0, generator.uniform(30.0, 50.0), generator.uniform(80.0, 110.0))
        ):
            spectrum = Spectrum(28e3, 5e3, 4.0, stretch=3.5, direction_deg=bearing + turn)
            line = self._field(10 + 2 * k, spectrum)
            steep = np.hypot(*np.gradient(line.nodes, _NODE_M)) + 0.05 / 28e3
            distance = line.nodes / steep
            active = np.maximum(self._field(11 + 2 * k, Spectrum(60e3, 8e3, 3.0)).nodes, 0.0) ** 2
            active = active * (1.0, 0.6, 0.3)[k]
            # the width at which the wanted share of places is nearer than half of it
            needed = np.abs(distance) / np.maximum(active, 1e-6)
            half_m = float(np.quantile(needed, share / 3.0)) * active
            half_m = np.minimum(half_m, 1500.0)
            families.append((line.replaced(distance), line.replaced(half_m)))
        return families

    def _field(self, number: int, spectrum: Spectrum) -> SpectralField:
        width_m, height_m = (side + 2 * self._margin_m for side in self._size_m)
        return SpectralField(
            np.random.default_rng([self._seed, 100 + number]),
            spectrum,
            width_m,
            height_m,
            (-self._margin_m, -self._margin_m),
            _NODE_M,
            guard_m=min(300e3, max(self._size_m)),
        )

    def _node_positions(
        self, field: SpectralField
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        rows, cols = field.nodes.shape
        x_m = field.origin_m[0] + np.arange(cols)[None, :] * _NODE_M
        y_m = field.origin_m[1] + np.arange(rows)[:, None] * _NODE_M
        return x_m, y_m

    def _octave_deviations(self, deviation_m: float, growth: float) -> tuple[float, ...]:
        """Return deviations by octave, from 2 px up to 2 km, growing with scale."""
        count = max(2, round(math.log2(2000.0 / self._pixel_m)) + 1)
        scales_m = self._pixel_m * 2.0 ** np.arange(count)
        deviations = deviation_m * (scales_m / 500.0) ** growth
        deviations[0] = 0.0
        return tuple(float(value) for value in deviations)


def _centres(start: int, count: int, pixel_m: np.float32) -> Field:
    return (np.arange(start, start + count, dtype=np.float32) + np.float32(0.5)) * pixel_m


def _step(values: NDArray[np.floating], low: float, high: float) -> Field:
    """Return a smooth step from 0 at `low` to 1 at `high`."""
    t = np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), np.float32)
    step: Field = t * t * (np.float32(3.0) - np.float32(2.0) * t)
    return step


def _normal(uniform: Field) -> Field:
    """Return normal numbers for uniform ones."""
    return np.asarray(stats.norm.ppf(np.clip(uniform, 1e-6, 1 - 1e-6)), np.float32)


def _age_threshold(share: float) -> float:
    """Return what 0.75 u + 0.25 v exceeds with a probability, for independent uniform u and v."""
    if share <= 0.0:
        return 2.0
    if share >= 1.0:
        return -1.0
    u = (np.arange(400) + 0.5) / 400
    return float(np.quantile(0.75 * u[:, None] + 0.25 * u[None, :], 1.0 - share))


def _gap_quantiles() -> Field:
    """Return the distance to a cell's border, in cell sizes, that a share of the plane is below."""
    y, x = np.indices((600, 600), np.float32)
    distances = cells(0, 0, 30.0, x, y).margin_m / np.float32(30.0)
    return np.asarray(np.quantile(distances, np.linspace(0.0, 1.0, 1025)), np.float32)


def _swirled(nodes: Field, stream: Field, reach: float) -> Field:
    """Return nodes moved along a stream function's lines, by some nodes, as eddies do."""
    down, right = np.gradient(stream)
    scale = reach / max(float(np.std(down)), 1e-9)
    rows, cols = np.indices(nodes.shape, np.float32)
    moved = nodes
    for _ in range(3):
        moved = ndimage.map_coordinates(
            moved, (rows + scale / 3 * right, cols - scale / 3 * down), order=1, mode="grid-wrap"
        )
    return moved
