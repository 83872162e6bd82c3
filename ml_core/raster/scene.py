"""Scenes: HH, HV and incidence angle of one acquisition on one grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import POLARISATIONS
from ..errors import SeaIceError
from ..jobs.inputs import ChannelInputs
from . import extra
from .acquisition import acquisition_of
from .aligned import AlignedBand, Quantity, Resampling
from .extra import ExpectedExtra
from .grid import Grid, Window
from .radiometry import HIGHEST_DB, LOWEST_DB, Floats, Mask, check_incidence, check_unit, valid_db
from .reading import Band, open_band

_SAMPLES = 4
"""Windows per axis that the checks look at."""

_SAMPLE_PX = 256
"""Their side."""

_COPOL, _CROSSPOL = ("HH", "VV"), ("HV", "VH")

_MOST_ZEROS = 1e-3
"""Share of exact 0 dB above which it is nodata, as SNAP writes it, and not a measurement."""


class Scene:
    """HH and HV, and the incidence angle and extra layers where given, on the scene's grid.

    Attributes:
        grid: HH's grid, or a coarser one with the same origin.
        channels: Names of the channels: ``HH``, ``HV`` and ``incidence_angle`` where given;
            ``VV`` and ``VH`` where the files say that they hold these; then those of extra layers.
        extra: The extra channels' layers by channel.
        unnamed: Those of the extra channels that the layers do not name.
        acquisition: What the files of HH and HV say of the product they were made from, as in
            `raster.acquisition`.
        notes: What the analyst should know of the input.
    """

    def __init__(
        self,
        hh: Band,
        hv: Band,
        incidence: Band | None,
        mask: Band | None,
        units: str,
        resolution_m: float | None,
        extra_bands: Sequence[Band] = (),
        expected: ExpectedExtra | None = None,
    ) -> None:
        self.grid = scene_grid(hh.grid, resolution_m)
        self.label = hh.label
        self.notes: list[str] = []
        quantity = Quantity.SIGMA0_DB if units == "db" else Quantity.SIGMA0_LINEAR
        self._bands = [
            AlignedBand(hh, self.grid, quantity=quantity),
            AlignedBand(hv, self.grid, quantity=quantity),
        ]
        self.channels: tuple[str, ...] = _polarisations(hh, hv)
        self.acquisition = acquisition_of(hh.tags, hv.tags)
        if incidence is not None:
            self._bands.append(AlignedBand(incidence, self.grid))
            self.channels = (*self.channels, "incidence_angle")
        found, notes = extra.matched(extra.named(extra_bands, self.channels), expected)
        self.notes += notes
        self.extra = {one.name: one.band.label for one in found}
        self.unnamed = [one.name for one in found if not one.is_named]
        self.channels = (*self.channels, *self.extra)
        for one in found:
            kind = quantity if one.is_backscatter else Quantity.PLAIN
            self._bands.append(AlignedBand(one.band, self.grid, quantity=kind))
        self._mask: AlignedBand | None = None
        if mask is not None:
            self._mask = AlignedBand(mask, self.grid, resampling=Resampling.NEAREST)
        self._check(units)

    @classmethod
    @contextmanager
    def open(
        cls,
        inputs: ChannelInputs,
        resolution_m: float | None = None,
        expected: ExpectedExtra | None = None,
    ) -> Iterator[Scene]:
        """Open a scene's layers and check them on a sample.

        Args:
            inputs: The layers and their unit.
            resolution_m: Pixel size of the scene's grid; None, 0, or less than HH's: HH's own.
            expected: The extra channels that it must have; None: those that are given.

        Raises:
            SeaIceError: A layer cannot be read, has no georeference, contradicts its
                unit, has no valid value, the layers do not overlap, or the extra ones are not those
                that are expected.
        """
        assert inputs.hh is not None  # the job checked both
        assert inputs.hv is not None
        with ExitStack() as stack:
            hh, hv = (stack.enter_context(open_band(layer)) for layer in (inputs.hh, inputs.hv))
            incidence, mask = (
                None if layer is None else stack.enter_context(open_band(layer))
                for layer in (inputs.incidence, inputs.mask)
            )
            taken = inputs.hh, inputs.hv, inputs.incidence
            more = extra.open_extra(inputs.extra, taken, stack)
            yield cls(hh, hv, incidence, mask, inputs.units, resolution_m, more, expected)

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the channels in a window.

        Args:
            window: Pixels of the scene's grid; it may reach beyond it.

        Returns:
            Values (C, h, w) in dB, dB, degrees and the extra channels' units, NaN where invalid,
            and the pixels where every channel is valid and the mask is not 0 (h, w).
        """
        shape = len(self._bands), window.height, window.width
        values = np.empty(shape, np.float32)
        # beyond the grid nothing is valid, even where another layer reaches further
        valid = np.zeros(shape[1:], bool)
        valid[window.clipped(*self.grid.shape).moved(-window.row, -window.col).slices] = True
        for channel, band in zip(values, self._bands, strict=True):
            valid &= band.read(window, out=channel)[1]
        if self._mask is not None:
            mask, holds = self._mask.read(window)
            valid &= holds & (mask != 0)
        return values, valid

    def _check(self, units: str) -> None:
        hh = self._bands[0]
        layers = [*self._bands, *([self._mask] if self._mask else [])]
        for layer in layers[1:]:
            if not layer.overlaps():
                raise SeaIceError(
                    f"{layer.label} does not overlap {hh.label}: {_extent(layer.band.grid)} against"
                    f" {_extent(hh.band.grid)}; give layers of the same scene, and check their CRS"
                )
        plain = [name for name in self.extra if name not in POLARISATIONS]
        checked = {
            channel: layer
            for channel, layer in zip(self.channels, self._bands, strict=True)
            if channel not in plain
        }
        with ThreadPoolExecutor() as pool:
            samples = pool.map(_sample, [layer.band for layer in checked.values()])
            for (channel, layer), sample in zip(checked.items(), samples, strict=True):
                self._check_values(layer, channel, units, sample)
        for name in plain:
            self.notes += extra.check_values(self._bands[self.channels.index(name)])
        self.notes += self._gaps()
        for window in _sample_then_all(self.grid, hh.band.block_shape):
            if self.read(window)[1].any():
                return
        names = ", ".join(layer.label for layer in layers)
        raise SeaIceError(
            f"no pixel of the scene is valid in all of {names}; they hold data in different places"
            + (" or the mask is 0 wherever they do" if self._mask else "")
        )

    def _gaps(self) -> Iterator[str]:
        """Yield a note for each extra layer that covers only part of the scene."""
        first = len(self._bands) - len(self.extra)
        held = np.zeros(1 + len(self.extra), np.int64)
        for window in extra.spread_windows(self.grid.window) if self.extra else ():
            valid = np.ones((window.height, window.width), bool)
            for layer in self._bands[:first]:
                valid &= layer.read(window)[1]
            held += [
                np.count_nonzero(valid),
                *(np.count_nonzero(valid & band.read(window)[1]) for band in self._bands[first:]),
            ]
        for label, number in zip(self.extra.values(), held[1:], strict=True):
            share = 100 * (1 - number / max(1, held[0]))
            if 0.05 < share < 100:
                yield (
                    f"{label}: has no value on about {share:.2g} % of the scene's pixels, which are"
                    " left out"
                )

    def _check_values(
        self, layer: AlignedBand, channel: str, units: str, sample: NDArray[np.float32]
    ) -> None:
        band = layer.band
        if sample.size == 0:
            raise SeaIceError(
                f"{band.label}: every pixel is nodata or not a number; give the {channel} layer of"
                " the scene"
            )
        if channel == "incidence_angle":
            check_incidence(band.label, sample)
            return
        # undeclared nodata must not hide what the other values look like
        usual = sample[_is_usual(sample)]
        if usual.size == 0:
            raise SeaIceError(
                f"{band.label}: all sampled values are {sample.min():g} to {sample.max():g}, none"
                " is backscatter; give the calibrated sigma0 layer"
            )
        check_unit(band.label, usual, units, band.dtype)

        def note(found: int, what: str) -> None:
            share = f"{100 * found / sample.size:.2g} % of the values"
            self.notes.append(f"{band.label}: {share} {what} left out")

        if units == "linear":
            nothing = int(np.count_nonzero(sample == 0))
            if nothing:
                note(nothing, "are exactly 0, which is taken as nodata; they are")
            return
        zeros = int(np.count_nonzero(sample == 0))
        if zeros > _MOST_ZEROS * sample.size:
            band.leave_out(0.0, 0.0)
            note(zeros, "are exactly 0 dB, which is taken as undeclared nodata; they are")
            sample = sample[sample != 0]
        strange = sample[~valid_db(sample)]
        if strange.size:
            limits = f"{LOWEST_DB:g} to {HIGHEST_DB:g} dB"
            span = f"{strange.min():g} to {strange.max():g}"
            note(strange.size, f"lie outside {limits} ({span}) and are")


def scene_grid(hh: Grid, resolution_m: float | None) -> Grid:
    """Return HH's grid, coarsened to a resolution.

    Args:
        hh: The grid of HH.
        resolution_m: Pixel size in m; None, 0 or less than HH's: HH's own. A factor within 1 % of
            a whole number is taken as that number.
    """
    if not resolution_m:
        return hh
    factors = []
    for size in hh.nominal_pixel_size_m:
        factor = resolution_m / size
        whole = max(1, round(factor))
        factors.append(max(1.0, float(whole) if abs(factor / whole - 1) < 0.01 else factor))
    return hh if factors == [1.0, 1.0] else hh.coarsened(*factors)


def _polarisations(hh: Band, hv: Band) -> tuple[str, str]:
    """Return the polarisations that the files say they hold; HH and HV where they do not.

    Raises:
        SeaIceError: They hold each other's, or are of different products.
    """
    found = []
    for band, expected in ((hh, _COPOL), (hv, _CROSSPOL)):
        polarisation = band.tags.get("SEAICE_POLARISATION", expected[0])
        if polarisation not in expected:
            raise SeaIceError(
                f"{band.label}: holds {polarisation}, {' or '.join(expected)} expected; give each"
                " layer in its place"
            )
        found.append(polarisation)
    products = [band.tags.get("SEAICE_PRODUCT", "") for band in (hh, hv)]
    if all(products) and products[0] != products[1]:
        raise SeaIceError(
            f"{hh.label} and {hv.label} are of different products, {products[0]} and {products[1]};"
            " give HH and HV of the same scene"
        )
    return found[0], found[1]


def _is_usual(values: Floats) -> Mask:
    """Say which values are not what undeclared nodata looks like."""
    usual: Mask = (values != 0) & (np.abs(values) < 9000)
    return usual


def _sample(band: Band) -> NDArray[np.float32]:
    """Return valid values from windows spread over a band; from the whole of it if they have none.

    Returns:
        Values (N,), finite; empty when the band has none.
    """
    found: list[NDArray[np.float32]] = []
    usual = 0
    for count, window in enumerate(_sample_then_all(band.grid, band.block_shape), 1):
        values, valid = band.read(window)
        values = values[valid]
        # a scan of the whole band need not keep what is no data after all
        if count <= _SAMPLES**2 or _is_usual(values).any():
            found.append(values)
        usual += int(np.count_nonzero(_is_usual(values)))
        if usual and count >= _SAMPLES**2:
            break
    return np.concatenate(found)


def _sample_then_all(grid: Grid, block_shape: tuple[int, int]) -> Iterator[Window]:
    """Yield _SAMPLES**2 small windows spread over a grid, then windows that cover all of it.

    The small ones lie within blocks of the file, so that few are decoded.
    """
    starts = []
    for length, block in zip(grid.shape, block_shape, strict=True):
        places = [(length - _SAMPLE_PX) * (i + 0.5) / _SAMPLES for i in range(_SAMPLES)]
        step = block if block >= _SAMPLE_PX else 1
        starts.append([max(0, int(place) // step * step) for place in places])
    for row in starts[0]:
        for col in starts[1]:
            yield Window(row, col, _SAMPLE_PX, _SAMPLE_PX).clipped(grid.height, grid.width)
    yield from grid.window.blocks(512, 2048)


def _extent(grid: Grid) -> str:
    left, bottom, right, top = grid.bounds()
    digits = 0 if grid.crs.is_projected else 2
    name = grid.crs.to_string()
    name = name if math.isfinite(left) and len(name) < 30 else "its CRS"
    return (
        f"x {left:.{digits}f} to {right:.{digits}f}, y {bottom:.{digits}f} to {top:.{digits}f}"
        f" ({name})"
    )
