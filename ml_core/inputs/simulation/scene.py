"""The simulated scene: what the radar measures of the ice and the water, window by window."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...jobs.simulatescene import SimulateSceneJob
from ...raster.grid import Window
from ...raster.radiometry import (
    DEFAULT_ZERO_DB,
    LOOKS_TAG,
    NESZ_TAG,
    ZERO_TAG,
    db_to_power,
    soft_db,
)
from ..sentinel1.annotation import Subswath
from ..sentinel1.nesz import QUIET_SHARE
from ..sentinel1.noisepriors import noise_prior, published
from ..sentinel1.noisescaling import estimate, read_blocks
from ..sentinel1.texture import REACH_PX, Equalisation
from .instrument import NoiseFloor, incidence_row, speckle_db
from .lattice import Field
from .pack import Pack, Surface
from .spectral import SpectralField, Spectrum
from .water import open_water_hh, open_water_hv

_DB = math.log(10.0) / 10.0

# rows: level and deformed first-year, multi-year, new ice; columns: HH at 35 degrees, its change
# per degree, HV and its change. Levels and HH slopes of the first three are C-band means of winter
# ice as given in the literature that the README names; new ice and HV slopes are assumptions.
_WINTER = np.array(
    [
        (-15.0, -0.235, -27.0, -0.16),
        (-12.0, -0.220, -23.0, -0.16),
        (-10.0, -0.160, -19.0, -0.10),
        (-19.0, -0.260, -31.0, -0.16),
    ]
)
_MELT = np.array(
    [
        (-17.5, -0.260, -28.5, -0.20),
        (-15.5, -0.250, -26.0, -0.20),
        (-16.0, -0.250, -26.5, -0.20),
        (-20.0, -0.280, -32.0, -0.20),
    ]
)
_FLOE_DB = (1.1, 0.9, 1.0, 1.5)
"""Deviation from floe to floe, dB, by kind."""

_CALM = (-22.0, -0.25, -42.0, 0.0)
"""Water between floes and in leads, where waves are damped; HV far below the noise."""

_SLOWEST, _FASTEST, _SPEEDS = 0.5, 35.0, 600
"""Wind speeds of the tables of open water, m/s: 0.7 % apart."""

_ROUND = np.float32(1 / 128)
"""Backscatter is rounded to so many dB: far below the speckle, and the files halve."""


@dataclass(frozen=True)
class SimulatedBlock:
    """A window of a simulated scene.

    Attributes:
        hh_db: (H, W) sigma0 in HH with noise and speckle.
        hv_db: (H, W) sigma0 in HV.
        sic: (H, W) true share of ice, 0-1.
    """

    hh_db: Field
    hv_db: Field
    sic: Field


@dataclass(frozen=True)
class _Removal:
    """Scale and offset of HV's annotated noise by subswath, (5,), and what becomes of its grain."""

    scale: Field
    offset: Field
    equalisation: Equalisation


class SimulatedScene:
    """A scene; any window of it can be computed, always with the same values.

    Args:
        job: Its seed, pixels and angles, ice and weather.
        margin_m: How far beyond the scene `sic` is known.
    """

    def __init__(self, job: SimulateSceneJob, margin_m: float = 0.0) -> None:
        self._job = job
        self.incidence_deg = incidence_row(
            job.width, job.resolution, job.incidence_near, job.incidence_far
        )
        self.pack = Pack(job, margin_m)
        phase = float(np.random.default_rng([job.seed, 50]).random())
        self._noise = [
            NoiseFloor(self.incidence_deg, job.resolution, polarisation, phase)
            for polarisation in ("HH", "HV")
        ]
        drawn = published("EW", "HV")
        scale, offset = drawn[int(np.random.default_rng([job.seed, 51]).integers(len(drawn)))]
        self._error = 1 + job.noise_error * (scale - 1), job.noise_error * offset
        self._ice = (1.0 - job.melt) * _WINTER + job.melt * _MELT
        self._make_wind()

    def sic(self, window: Window) -> Field:
        """Return the true share of ice, (H, W) in 0-1; the window may lie in the margin."""
        return self.pack.on(window).sic

    def block(self, window: Window) -> SimulatedBlock:
        """Return what the radar measures on a window inside the scene."""
        reach = REACH_PX if self._job.noise == "scaled" else 0
        wide = window.grown(reach, reach).clipped(self._job.height, self._job.width)
        inner = window.moved(-wide.row, -wide.col).slices
        surface = self.pack.on(wide)
        out = []
        for k in range(2):
            power = self._measured(k, wide, surface)
            sigma0_db = self._handled_db(k, power, wide)[inner]
            np.rint(sigma0_db / _ROUND, out=sigma0_db)
            out.append(sigma0_db * _ROUND)
        return SimulatedBlock(out[0], out[1], surface.sic[inner])

    def tags(self, polarisation: str) -> dict[str, str]:
        """Return what a file of HH or HV says of its noise."""
        if self._job.noise == "kept":
            return {"SEAICE_NOISE": "none"}
        zero = {ZERO_TAG: f"{DEFAULT_ZERO_DB:g}", "SEAICE_FLOOR_DB": f"{DEFAULT_ZERO_DB:g}"}
        if self._job.noise == "subtracted" or polarisation == "HH":
            return {"SEAICE_NOISE": "ESA, simulated", **zero}
        return {
            "SEAICE_NOISE": "scaled, simulated",
            **zero,
            NESZ_TAG: f"{10 * math.log10(self._removal.equalisation.level):.2f}",
            LOOKS_TAG: f"{self._job.looks:g}",
        }

    def _measured(self, channel: int, window: Window, surface: Surface) -> Field:
        """Return backscatter and noise with their speckle, linear, (H, W)."""
        angle = self.incidence_deg[window.col : window.stop_col] - np.float32(35.0)
        power = np.zeros_like(surface.sic)
        if surface.sic.any():
            power = self._ice_power(channel, surface.kind, surface.floe_db, angle)
            power *= surface.sic
        water = self._water[channel][:, window.col : window.stop_col]
        open_water = water[self._wind_index(window), np.arange(window.width)]
        level, slope = _CALM[2 * channel : 2 * channel + 2]
        calm = np.exp(np.float32(_DB) * (level + np.float32(slope) * angle))
        open_water += surface.shelter * (calm - open_water)
        power += (np.float32(1.0) - surface.sic) * open_water
        power += self._noise[channel].on(window)
        if channel == 1:
            power += self._excess(window)
        speckle = speckle_db(self._job.seed, 3000 + channel, window, self._job.looks)
        power *= np.exp(np.float32(_DB) * speckle)
        return power

    def _excess(self, window: Window) -> Field:
        """Return by how much HV's noise is stronger than its annotation says, linear, (H, W)."""
        scale, offset = self._error
        subswath = self._noise[1].subswath[window.slices[1]]
        excess: Field = (scale - 1)[subswath].astype(np.float32) * self._noise[1].on(window)
        excess += offset[subswath].astype(np.float32)
        return excess

    def _handled_db(self, channel: int, power: Field, window: Window) -> Field:
        """Return dB of power whose noise is handled as the job says, (H, W)."""
        if self._job.noise == "kept":
            return np.float32(10.0) * np.log10(power)
        noise = self._noise[channel].on(window)
        if self._job.noise == "scaled" and channel == 1:
            removal = self._removal
            subswath = self._noise[1].subswath[window.slices[1]]
            noise *= removal.scale[subswath]
            power = power - noise - removal.offset[subswath]
            valid = np.ones(power.shape, bool)
            power = removal.equalisation.applied(power, valid, noise)
        else:
            power = power - noise
        return soft_db(power, db_to_power(DEFAULT_ZERO_DB))

    @cached_property
    def _removal(self) -> _Removal:
        """HV's noise, estimated from the scene as Import Sentinel-1 does it."""
        job, floor = self._job, self._noise[1]
        last = job.height - 1
        starts = [0, *(np.flatnonzero(np.diff(floor.subswath)) + 1), job.width]
        present = [int(floor.subswath[start]) for start in starts[:-1]]
        subswaths = [
            Subswath(f"EW{k + 1}", ((0, last, int(start), int(stop) - 1),))
            for k, start, stop in zip(present, starts[:-1], starts[1:], strict=True)
        ]

        def rows(start: int, stop: int) -> tuple[Field, NDArray[np.bool_]]:
            window = Window(start, 0, stop - start, job.width)
            power = self._measured(1, window, self.pack.on(window))
            return power, np.ones(power.shape, bool)

        def nesz(line: int) -> NDArray[np.float64]:
            row: NDArray[np.float64] = floor.on(Window(line, 0, 1, job.width))[0].astype(float)
            return row

        spacing = job.resolution, job.resolution
        blocks = read_blocks(rows, nesz, subswaths, job.height, spacing, job.resolution)
        # the simulated noise lies where it is annotated
        prior = replace(noise_prior("", "EW", "HV", None, len(subswaths)), shift_m=1e-3)
        found = estimate(blocks, prior)
        scale, offset = np.ones(5, np.float32), np.zeros(5, np.float32)
        scale[present], offset[present] = found.scale, found.offset
        level = float(np.quantile(nesz(last // 2) * scale[floor.subswath], QUIET_SHARE))
        return _Removal(scale, offset, Equalisation(level, job.looks))

    def _ice_power(
        self, channel: int, kind: NDArray[np.uint8], floe_db: Field, angle: Field
    ) -> Field:
        level = self._ice[:, 2 * channel].copy()
        spread = np.asarray(_FLOE_DB)
        # a spread in dB raises the mean of the power: the level is that mean
        level -= spread**2 * _DB / 2.0
        slope = self._ice[:, 2 * channel + 1]
        values = level.astype(np.float32).take(kind)
        values += spread.astype(np.float32).take(kind) * floe_db
        values += slope.astype(np.float32).take(kind) * angle
        values *= np.float32(_DB)
        return np.exp(values, out=values)

    def _make_wind(self) -> None:
        job = self._job
        self._wind_fields = [
            SpectralField(
                np.random.default_rng([job.seed, 60 + number]),
                spectrum,
                (job.width * job.resolution, job.height * job.resolution),
                (-2000.0, -2000.0),
                spacing_m,
                guard_m=4000.0 + guard_m,
            )
            for number, spectrum, spacing_m, guard_m in (
                (0, Spectrum(100e3, 2e3, 3.0), 1000.0, 100e3),
                # rolls of the boundary layer lie along the wind, 2-4 km apart
                (1, Spectrum(3500.0, 900.0, 5.0, 5.0, job.wind_direction), 500.0, 20e3),
            )
        ]
        speeds = np.exp(np.linspace(math.log(_SLOWEST), math.log(_FASTEST), _SPEEDS))[:, None]
        angles = self.incidence_deg[None, :].astype(np.float64)
        self._water = (
            open_water_hh(speeds, job.wind_direction, angles).astype(np.float32),
            open_water_hv(speeds, angles).astype(np.float32),
        )

    def _wind_index(self, window: Window) -> NDArray[np.intp]:
        """Return each pixel's row in the tables of open water."""
        large, rolls = (field.on(window, self._job.resolution) for field in self._wind_fields)
        gusts = np.float32(0.08) * large
        gusts += np.float32(0.06) * rolls
        gusts += np.float32(math.log(self._job.wind_speed / _SLOWEST))
        gusts *= np.float32((_SPEEDS - 1) / math.log(_FASTEST / _SLOWEST))
        return np.asarray(np.clip(gusts, 0, _SPEEDS - 1), np.intp)
