"""Extra layers of a scene: their bands, the names of their channels, what in them is no value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import POLARISATIONS
from ..errors import SeaIceError
from ..jobs.sources import RasterSource
from .aligned import AlignedBand
from .grid import Window
from .reading import Band, open_band

_RESERVED = ("incidence_angle", "mask", "reference")
"""Layers that have a place of their own."""

_HIGHEST = 1e9
"""No quantity is larger in its usual unit; fill values such as 1e30 are."""

_SAMPLES, _SAMPLE_PX = 8, 64
"""Windows per axis that checks look at, and their side."""

_LEAST_REPEATS = 3
"""How often a value that is taken as undeclared nodata occurs in the sample, at least."""

_LEAST_VALUES = 12
"""With fewer different values a layer may hold classes, whose numbers may lie anywhere."""

_MOST_FILLS = 4

_SAYS_NOTHING = re.compile(r"(band|b|layer|channel|gr[ae]y|red|green|blue|alpha)?[ _]*\d*", re.I)
"""Descriptions that programs write into bands that have none."""


@dataclass(frozen=True)
class ExtraBand:
    """A band of an extra layer.

    Attributes:
        band: The band.
        name: What its channel is called.
        is_named: Whether its file says so, or its layer has the name that is expected; else it is
            called after the layer, or taken by its place.
    """

    band: Band
    name: str
    is_named: bool

    @property
    def is_backscatter(self) -> bool:
        """Whether it is another polarisation, which is averaged as power."""
        return self.name in POLARISATIONS


@dataclass(frozen=True)
class ExpectedExtra:
    """The extra channels that a scene must have.

    Attributes:
        names: Their names, in the order wanted.
        whose: Who expects them, for messages: ``net.safetensors was trained with``.
        drops_others: Whether further layers are left out; else they become channels too.
    """

    names: tuple[str, ...]
    whose: str
    drops_others: bool = True

    @classmethod
    def among(
        cls, channels: Sequence[str], whose: str, *, drops_others: bool = True
    ) -> ExpectedExtra:
        """Return the extra ones among a network's or a training set's channels."""
        names = tuple(name for name in channels[2:] if name != "incidence_angle")
        return cls(names, whose, drops_others)


def open_extra(
    sources: Sequence[RasterSource], taken: Sequence[RasterSource | None], stack: ExitStack
) -> list[Band]:
    """Open the bands of extra layers.

    Args:
        sources: The layers; band 0 stands for every band of the file.
        taken: The scene's other layers. A band that is one of them is left out.
        stack: Closes them.

    Raises:
        SeaIceError: A layer cannot be read, or is given twice.
    """
    known = {(one.path, one.band) for one in taken if one is not None}
    found: list[Band] = []
    for source in sources:
        numbers = [source.band]
        if not source.band:
            with open_band(replace(source, band=1)) as first:
                numbers = list(range(1, first.count + 1))
        left = [number for number in numbers if (source.path, number) not in known]
        if not left:
            raise SeaIceError(
                f"Extra channels: {source.label} is given twice; leave it out of the extra channels"
            )
        known.update((source.path, number) for number in left)
        found += [stack.enter_context(open_band(replace(source, band=n))) for n in left]
    return found


def named(bands: Sequence[Band], channels: Sequence[str]) -> list[ExtraBand]:
    """Return bands with the names of their channels, no two of them alike.

    Args:
        bands: The bands.
        channels: The scene's other channels.

    Raises:
        SeaIceError: A file says that it holds one of these, or is a picture.
    """
    for band in bands:
        if band.is_picture:
            raise SeaIceError(
                f"Extra channels: {band.label} is a picture in 8-bit colours, no measurement; give"
                " the layer's data (in QGIS: Export, Save As, Raw data)"
            )
    declared = [_declared(band) for band in bands]
    count = Counter(name.casefold() for name in declared)
    used = {name.casefold() for name in (*channels, *_RESERVED)}
    found = []
    for band, name in zip(bands, declared, strict=True):
        if name and name.casefold() in {one.casefold() for one in (*channels, *_RESERVED)}:
            raise SeaIceError(
                f"Extra channels: {band.label} holds {name}, which has a place of its own among"
                " the scene's layers; leave it out of the extra channels"
            )
        # two files that say the same differ by their order alone
        is_named = count[name.casefold()] == 1 and bool(name)
        unique = _unique(name or _layer_name(band), used)
        used.add(unique.casefold())
        found.append(ExtraBand(band, unique, is_named))
    return found


def matched(
    found: Sequence[ExtraBand], expected: ExpectedExtra | None
) -> tuple[list[ExtraBand], list[str]]:
    """Return the bands in the order that is expected, with the names that are, and notes.

    A band belongs to the channel of its name: the one that its file gives or, where it gives none,
    the layer's. What is then left is taken in the order given.

    Args:
        found: The bands, as `named` gives them.
        expected: The extra channels wanted; None: whatever is given.

    Raises:
        SeaIceError: They are not those that are expected.
    """
    if expected is None:
        after_layers = [one.band.label for one in found if not one.is_named]
        return list(found), [_unnamed_note(after_layers)] if after_layers else []
    by_name = {name.casefold(): name for name in expected.names}
    places: dict[str, ExtraBand] = {}
    # that several files say the same does not show which is which
    said = [(one.name, one) for one in found if one.is_named]
    for text, one in (*said, *((_layer_name(one.band), one) for one in found)):
        name = by_name.get(text.casefold())
        if name and name not in places and one not in places.values():
            places[name] = one
    missing = [name for name in expected.names if name not in places]
    others = [one for one in found if one not in places.values()]
    notes = []
    if missing:
        unnamed = [one for one in others if not one.is_named]
        if len(unnamed) != len(missing):
            raise SeaIceError(_mismatch(found, expected))
        places.update(zip(missing, unnamed, strict=True))
        others = [one for one in others if one.is_named]
        pairs = ", ".join(f"{places[name].band.label} as {name}" for name in missing)
        notes.append(
            f"Extra channels: {pairs}, in the order given, since the files do not say what they"
            f" hold; {expected.whose} {', '.join(expected.names)}, in this order"
        )
    taken = [
        replace(places[name], name=name, is_named=name not in missing) for name in expected.names
    ]
    if others and expected.drops_others:
        names = ", ".join(one.band.label for one in others)
        notes.append(
            f"Extra channels: {expected.whose} {', '.join(expected.names) or 'none'}; not used:"
            f" {names}"
        )
        others = []
    return [*taken, *others], notes


def check_values(layer: AlignedBand) -> list[str]:
    """Leave out what is no value, and return notes of it.

    Only what lies where the scene is counts: a layer may be of the whole Arctic.

    Raises:
        SeaIceError: There is no value.
    """
    band = layer.band
    sample = _sample(layer)
    if not sample.size:
        raise SeaIceError(
            f"{layer.label}: has no value where the scene lies, every pixel is nodata or not a"
            " number; give a layer of this scene, or leave it out of the extra channels"
        )
    notes = []

    def note(values: NDArray[np.float32], what: str) -> None:
        share = f"{100 * values.size / sample.size:.2g} % of the values"
        notes.append(f"{layer.label}: {share} {what}")

    band.leave_out(-np.inf, -_HIGHEST)
    band.leave_out(_HIGHEST, np.inf)
    huge = np.abs(sample) >= _HIGHEST
    if huge.any():
        found = sample[huge]
        note(found, f"are {found.min():g} to {found.max():g}, no measurement, and are left out")
    left = sample[~huge]
    for value in _fills(left):
        rest = left[left != value]
        note(
            left[left == value],
            f"are exactly {value:g}, far from the others ({rest.min():.4g} to {rest.max():.4g}),"
            " which is taken as undeclared nodata; they are left out",
        )
        band.leave_out(value, value)
        left = rest
    if not left.size:
        raise SeaIceError(
            f"{layer.label}: all values where the scene lies are {sample.min():g} to"
            f" {sample.max():g}, no measurement; give another layer, or leave it out of the extra"
            " channels"
        )
    return notes


def spread_windows(within: Window) -> Iterator[Window]:
    """Yield small windows spread evenly over a larger one; all of it where it is small itself."""
    for row, height in _spread(within.row, within.height):
        for col, width in _spread(within.col, within.width):
            yield Window(row, col, height, width)


def _spread(first: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield start and length of pieces in the middle of equal parts of an axis."""
    for k in range(_SAMPLES):
        start, stop = (first + length * i // _SAMPLES for i in (k, k + 1))
        size = min(_SAMPLE_PX, stop - start)
        if size:
            yield start + (stop - start - size) // 2, size


def _declared(band: Band) -> str:
    """Return what a band's file says that it holds; an empty text where it does not."""
    tags = band.tags
    polarisation = tags.get("SEAICE_POLARISATION", "")
    quantity = _slug(tags.get("SEAICE_QUANTITY", ""))
    if polarisation and (not quantity or quantity.casefold().startswith("sigma0")):
        return polarisation
    if quantity:
        return f"{quantity}_{polarisation}" if polarisation else quantity
    for text in (band.description, tags.get("NETCDF_VARNAME", "")):
        if not _SAYS_NOTHING.fullmatch(text.strip()):
            return _slug(text)
    return ""


def _layer_name(band: Band) -> str:
    """Return a channel's name after the layer."""
    name = PurePath(band.label)
    text = _slug(
        name.stem if name.suffix.lower() in (".tif", ".tiff", ".vrt", ".nc") else name.name
    )
    return (f"{text}_{band.number}" if band.count > 1 else text) or "extra"


def _slug(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", text).strip("_")[:60]


def _unique(name: str, used: set[str]) -> str:
    found, number = name, 1
    while found.casefold() in used:
        number += 1
        found = f"{name}_{number}"
    return found


def _unnamed_note(labels: Sequence[str]) -> str:
    several = len(labels) > 1
    return (
        f"Extra channels: the {'files' if several else 'file'} of {', '.join(labels)}"
        f" {'do' if several else 'does'} not say what {'they hold' if several else 'it holds'}; the"
        f" {'channels are' if several else 'channel is'} called after the"
        f" {'layers, and layers' if several else 'layer, and layers'} of other scenes that are"
        " called otherwise are taken in the order given"
    )


def _mismatch(found: Sequence[ExtraBand], expected: ExpectedExtra) -> str:
    given = ", ".join(
        f"{one.band.label} ({f'holds {one.name}' if one.is_named else 'its file gives no name'})"
        for one in found
    )
    return (
        f"Extra channels: {expected.whose} {', '.join(expected.names)}; given"
        f" {'are' if len(found) > 1 else 'is'} {given or 'none'}. Give a layer for each; where its"
        " file gives no name, call the layer so, or give as many layers as there are channels, in"
        " this order"
    )


def _sample(layer: AlignedBand) -> NDArray[np.float32]:
    """Return valid values (N,) of a band where the grid lies: of windows, or of all if need be."""
    place = layer.source_window()
    for windows in (spread_windows(place), place.blocks(512, 2048)):
        found = [np.empty(0, np.float32)]
        for window in windows:
            values, valid = layer.band.read(window)
            found.append(values[valid])
            # a scan of all needs no more than what there is
            if sum(map(len, found)) > _SAMPLES**2 * _SAMPLE_PX**2:
                break
        if any(map(len, found)):
            return np.concatenate(found)
    return found[0]


def _fills(sample: NDArray[np.float32]) -> list[float]:
    """Return values that look like nodata: repeated, and farther from all others than these span.

    A distance of 0 on land is near to others; classes have few values.
    """
    found = []
    for _ in range(_MOST_FILLS):
        values, counts = np.unique(sample, return_counts=True)
        if len(values) < _LEAST_VALUES:
            break
        candidates = (
            (values[0], counts[0], values[1] - values[0], values[-1] - values[1]),
            (values[-1], counts[-1], values[-1] - values[-2], values[-2] - values[0]),
        )
        fill = max(candidates, key=lambda one: one[2])
        if fill[1] < _LEAST_REPEATS or fill[2] <= fill[3]:
            break
        found.append(float(fill[0]))
        sample = sample[sample != fill[0]]
    return found
