"""Maps: rasters side by side, each with its colour bar and a scale in kilometres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from . import colours
from .colours import Scale
from .figures import Picture, canvas, picture, style

MAX_SIDE_PX = 640
"""Rasters are averaged down to this many rows and columns at most before they are drawn."""


@dataclass(frozen=True)
class Panel:
    """One map.

    Attributes:
        values: (H, W) float; NaN where there is no data.
        title: The line above.
        scale: Its colours.
        legend: Name and colour of the classes, in place of a colour bar.
    """

    values: NDArray[np.floating]
    title: str
    scale: Scale
    legend: tuple[tuple[str, str], ...] = ()


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
    image = ax.imshow(
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
    _scale_bar(ax, extent_km[1], extent_km[2])
    if panel.legend:
        handles = [_patch(name, colour) for name, colour in panel.legend]
        if np.isnan(values).any():
            handles.append(_patch("no data", colours.NO_DATA))
        ax.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.02, 0.0),
            ncols=2,
            title=panel.scale.label or None,
        )
    else:
        bar = figure.colorbar(
            image, ax=ax, ticks=panel.scale.ticks, extend=panel.scale.extend, shrink=0.85, aspect=25
        )
        bar.set_label(panel.scale.label)
        bar.outline.set_linewidth(0.5)


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
