"""Maps: rasters side by side, each with its colour bar and a scale in kilometres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from .colours import Scale
from .figures import Picture, canvas, picture, style

MAX_SIDE_PX = 640
"""Rasters are averaged down to this many rows and columns at most before they are drawn."""

_PANEL_PT: Final = 250
"""Width of a map, about, in points."""

_LINE_IN: Final = 0.2
"""Height of a legend's line."""

_DOT_SHARE: Final = 0.4
"""Of the distance between dots; what is under them stays visible."""

_DOTS_PT: Final = (0.9, 4.5)
_MOST_DRAWN: Final = 2000
"""More dots become pixels, of which a page is not the larger."""


@dataclass(frozen=True, eq=False)
class Places:
    """Values at places of a map: a dot for each, and circles around some.

    Attributes:
        row: (N,) in pixels of the map, whose first spans 0 to 1.
        col: (N,) likewise.
        values: (N,) what colours the dots.
        scale: Their colours.
        radius_px: (N,) of the circles.
        circled: Numbers of those that get a circle.
        legend: Name and colour of the classes, in place of a colour bar.
    """

    row: NDArray[np.floating]
    col: NDArray[np.floating]
    values: NDArray[Any]
    scale: Scale
    radius_px: NDArray[np.floating]
    circled: NDArray[np.integer]
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Panel:
    """One map.

    Attributes:
        values: (H, W) float; NaN where there is no data.
        title: The line above.
        scale: Its colours.
        legend: Name and colour of the classes, in place of a colour bar.
        over: What is drawn over the map; legend or colour bar are then of this.
    """

    values: NDArray[np.floating]
    title: str
    scale: Scale
    legend: tuple[tuple[str, str], ...] = ()
    over: Places | None = None


def reduced(
    values: NDArray[np.floating], limit: int = MAX_SIDE_PX, *, categories: bool = False
) -> NDArray[np.float32]:
    """Return a raster of at most ``limit`` rows and columns.

    Args:
        values: (H, W); NaN where there is no data.
        limit: Most rows and columns.
        categories: Take a pixel of each block instead of the block's mean.

    Returns:
        (h, w): means of equal blocks over their valid pixels, NaN where a block has none.
    """
    height, width = values.shape
    factor = max(1, math.ceil(max(height, width) / limit))
    if factor == 1:
        return values.astype(np.float32)
    if categories:
        half = factor // 2
        return values[half::factor, half::factor].astype(np.float32)
    rows, cols = np.arange(0, height, factor), np.arange(0, width, factor)
    valid = np.isfinite(values)

    def sums(array: NDArray[np.floating]) -> NDArray[np.float64]:
        blocks = np.add.reduceat(array.astype(np.float64), rows, axis=0)
        return np.add.reduceat(blocks, cols, axis=1)

    total, count = sums(np.where(valid, values, 0)), sums(valid.astype(np.float32))
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def maps(
    panels: Sequence[Panel],
    pixel_size_m: tuple[float, float],
    *,
    columns: int = 3,
) -> Picture:
    """Draw rasters of one grid side by side.

    Args:
        panels: The maps; all of one shape.
        pixel_size_m: Ground size (height, width) of a pixel in metres.
        columns: Maps in a row.
    """
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    height, width = panels[0].values.shape
    side_in = {1: 5.2, 2: 4.2}.get(columns, 3.15)
    ratio = (height * pixel_size_m[0]) / (width * pixel_size_m[1])
    panel_height_in = min(max(side_in * ratio * 0.86, 1.2), 1.8 * side_in) + 0.35
    # a legend in lines below must not make the map smaller
    panel_height_in += max(
        _LINE_IN * len(panel.over.legend) if panel.over else 0 for panel in panels
    )
    with style():
        figure = canvas(columns * side_in, rows * panel_height_in)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            _draw(figure, ax, panel, pixel_size_m)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        return picture(figure)


def _draw(figure: Figure, ax: Axes, panel: Panel, pixel_size_m: tuple[float, float]) -> None:
    height, width = panel.values.shape
    extent_km = (0.0, width * pixel_size_m[1] / 1000, height * pixel_size_m[0] / 1000, 0.0)
    values = reduced(panel.values, categories=bool(panel.legend))
    image: ScalarMappable = ax.imshow(
        np.ma.masked_invalid(values),
        cmap=panel.scale.colours,
        norm=panel.scale.norm,
        extent=extent_km,
        interpolation="nearest",
    )
    ax.set_title(panel.title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    over, key = panel.over, panel.over or panel
    if over:
        image = _draw_places(ax, over, extent_km, pixel_size_m)
    _scale_bar(ax, extent_km[1], extent_km[2])
    if key.legend:
        handles = [_patch(name, colour) for name, colour in key.legend]
        if np.isnan(values).any():
            handles.append(_patch("no data", to_hex(tuple(panel.scale.colours.get_bad()))))
        ax.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.02, 0.0),
            ncols=1 if over else 2,
            title=key.scale.label or None,
        )
    else:
        bar = figure.colorbar(
            image, ax=ax, ticks=key.scale.ticks, extend=key.scale.extend, shrink=0.85, aspect=25
        )
        bar.set_label(key.scale.label)
        bar.outline.set_linewidth(0.5)


def _draw_places(
    ax: Axes, places: Places, extent_km: tuple[float, ...], pixel_size_m: tuple[float, float]
) -> PathCollection:
    """Draw values at places of a map; return the dots, which a colour bar can be of."""
    height_km, width_km = (size / 1000 for size in pixel_size_m)
    x, y = places.col * width_km, places.row * height_km
    scale, some = places.scale, places.circled
    across = 2 * places.radius_px[some]
    ax.add_collection(
        EllipseCollection(
            across * width_km,
            across * height_km,
            np.zeros(some.size),
            units="xy",
            offsets=np.stack([x[some], y[some]], axis=1),
            transOffset=ax.transData,
            facecolors="none",
            edgecolors=scale.colours(scale.norm(places.values[some])),
            linewidths=0.7,
        )
    )
    apart_km = math.sqrt(extent_km[1] * extent_km[2] / max(1, x.size))
    size_pt = float(np.clip(_DOT_SHARE * apart_km / extent_km[1] * _PANEL_PT, *_DOTS_PT))
    return ax.scatter(
        x,
        y,
        size_pt**2,
        places.values,
        cmap=scale.colours,
        norm=scale.norm,
        linewidths=0,
        rasterized=x.size > _MOST_DRAWN,
    )


def _patch(name: str, colour: str) -> Patch:
    return Patch(facecolor=colour, edgecolor="#777777", linewidth=0.5, label=name)


def _scale_bar(ax: Axes, width_km: float, height_km: float) -> None:
    length = nice_length(width_km / 4)
    margin, thickness = 0.03 * width_km, 0.012 * min(height_km, width_km)
    top = height_km - margin - thickness
    ax.add_patch(
        Rectangle(
            (margin, top), length, thickness, facecolor="black", edgecolor="white", linewidth=0.8
        )
    )
    ax.annotate(
        f"{length:g} km",
        (margin + length / 2, top),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7.5,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
    )


def nice_length(length: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above a length."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length * (1 + 1e-9))
