"""Colour scales of maps: SIC in the ice charts' colours, errors, uncertainty, backscatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, Normalize
from numpy.typing import NDArray

from ..wmo import WMO_CLASSES

NO_DATA = "#e4e4e4"
"""Colour of pixels without data on every map."""

SERIES = ("#0b5cad", "#d1600a", "#1b8a5a", "#8a3ea8", "#4d4d4d", "#b3263a")
"""Colours of lines and bars; distinct in print and for colour-blind readers."""


@dataclass(frozen=True)
class Scale:
    """How a map's values become colours.

    Attributes:
        label: What the colour bar is called, with the unit.
        colours: The colour map.
        norm: Values to the colour map's 0-1.
        ticks: Marks on the colour bar; None: chosen.
        extend: Which ends of the colour bar stand for all values beyond.
    """

    label: str
    colours: Colormap
    norm: Normalize
    ticks: tuple[float, ...] | None = None
    extend: str = "neither"


def sic(label: str = "SIC [%]") -> Scale:
    """Return the scale of SIC in percent, in the colours of ice charts."""
    colours = ListedColormap([colour for _, colour, _ in WMO_CLASSES]).with_extremes(
        bad=NO_DATA, under=WMO_CLASSES[0][1], over=WMO_CLASSES[-1][1]
    )
    edges = (*(low for low, _, _ in WMO_CLASSES), 100.0)
    return Scale(label, colours, BoundaryNorm(edges, colours.N), edges)


def difference(limit: float, label: str = "Difference [% SIC]") -> Scale:
    """Return a scale for differences: blue below 0, white at 0, red above.

    Args:
        limit: The size of the difference with the fullest colour; larger ones get it too.
        label: What the colour bar is called, with the unit.
    """
    colours = colormaps["RdBu_r"].with_extremes(bad=NO_DATA)
    return Scale(label, colours, Normalize(-limit, limit), extend="both")


def sequential(label: str, low: float, high: float, name: str = "viridis") -> Scale:
    """Return a scale from dark to light; values beyond the ends get the end's colour."""
    if not high > low:
        high = low + 1.0
    colours = colormaps[name].with_extremes(bad=NO_DATA)
    return Scale(label, colours, Normalize(low, high), extend="both")


def backscatter(label: str, low_db: float, high_db: float) -> Scale:
    """Return a grey scale for sigma0 in dB."""
    scale = sequential(label, low_db, high_db, "gray")
    # no data must not look like a grey tone
    return Scale(label, scale.colours.with_extremes(bad="#f3e6c8"), scale.norm, extend="both")


def faint_backscatter(hh_db: NDArray[np.floating]) -> Scale:
    """Return a scale of light greys for sigma0 in dB, to draw on; NaN is no data."""
    low, high = np.nanquantile(hh_db, (0.02, 0.98))
    grey = colormaps["gray"](np.linspace(0.35, 1, 256))
    light = ListedColormap(grey).with_extremes(bad="#f3e6c8")
    return Scale("sigma0 [dB]", light, Normalize(low, high), extend="both")


def categories(label: str, classes: tuple[tuple[str, str], ...]) -> Scale:
    """Return a scale for class numbers 0, 1, ...

    Args:
        label: What the legend is called.
        classes: Name and colour of each class.
    """
    colours = ListedColormap([colour for _, colour in classes]).with_extremes(bad=NO_DATA)
    edges = tuple(i - 0.5 for i in range(len(classes) + 1))
    return Scale(label, colours, BoundaryNorm(edges, colours.N), tuple(range(len(classes))))
