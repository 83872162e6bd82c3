"""A network drawn as in textbooks: its feature maps as bars, the layers between them as arrows.

A bar's height goes with the map's size and its width with its channels. Maps that are halved go
down a row and come back up, so that an encoder and decoder make a U with its skips across; a patch
network makes one row of shrinking blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from ..networks.describe import Description
from ..networks.layer import Layer, LayerKind
from .figures import Picture, canvas, picture, style

_COLOURS = {
    LayerKind.CONVOLUTION: "#0b5cad",
    LayerKind.MAX_POOL: "#c0392b",
    LayerKind.TRANSPOSED: "#1b8a5a",
    LayerKind.RESIZE: "#1b8a5a",
}
_SKIP, _OUTPUT = "#7a8591", "#0f8b8d"
_MAP, _LID, _SIDE, _COPY = "#a9c8e8", "#c9def3", "#86aed6", "#ffffff"
_INK, _MUTED = "#1c2530", "#5b6672"
_LINE: Any = {"edgecolor": _INK, "linewidth": 0.5}
_LEVELS = {LayerKind.MAX_POOL: 1, LayerKind.TRANSPOSED: -1, LayerKind.RESIZE: -1}
"""How many rows a layer goes down."""

# lengths of the drawing, px of 1/100 inch
_TALLEST, _LOWEST = 150.0, 9.0
_NARROWEST, _WIDEST = 5.0, 46.0
_GAP, _ROW_GAP = 34.0, 56.0
_EDGE = 48.0
_LEGEND_COLUMN, _LEGEND_ROW = 235, 19.0
_DEPTH = 0.35  # a block's third dimension, as a share of its height


@dataclass
class _Bar:
    """One feature map.

    Attributes:
        layer: What made it; None for the input.
        size: Its height and width, px of the scene.
        level: How often it was reduced: its row.
        colour: Of the arrow that leads to it.
        copied: How many of its channels a skip brought.
        source: Where the skip comes from.
        dropout: Rate of the dropout that follows; 0: none.
        x: Left edge on the drawing; `y`, `width` and `height` likewise.
        lean: How far a block's back stands to the right and above; 0: a flat bar.
    """

    layer: Layer | None
    channels: int
    size: int
    level: int
    colour: str = ""
    copied: int = 0
    source: _Bar | None = None
    dropout: float = 0.0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    lean: float = 0.0

    @property
    def dense(self) -> bool:
        return self.layer is not None and self.layer.dense

    @property
    def frame(self) -> float:
        """Distance of the frame around it that stands for dropout; 0: none."""
        return 3.0 if self.dropout else 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width


def draw(description: Description) -> Picture:
    """Return a network's drawing."""
    with style():
        return picture(figure_of(description))


def figure_of(description: Description) -> Figure:
    """Return the drawing as a figure; call inside `figures.style`."""
    bars = _bars(description)
    width, height = _place(bars, description.plan.patch_px is not None)
    legend = _legend(bars)
    columns = int(width // _LEGEND_COLUMN)
    height += _LEGEND_ROW * math.ceil(len(legend) / columns) + 16
    figure = canvas(width / 100, height / 100)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    figure.legend(list(legend.values()), list(legend), loc="lower left", ncols=columns)
    for before, bar in zip([None, *bars], bars):
        if bar.source:
            # above the middle, where a convolution between enlarging and joining has its arrow
            y = bar.y + bar.height / 5
            _arrow(axes, _SKIP, (bar.source.right + 4, y), (bar.x - 4, y))
        if before:
            _step(axes, before, bar)
        _feature_map(axes, bar)
        if not bar.dense and (before is None or before.size != bar.size or bar.lean):
            x, align = (bar.x + bar.width / 2, "center") if bar.lean else (bar.x - 3, "right")
            y = bar.y + bar.height + bar.frame + 3
            axes.text(x, y, str(bar.size), color=_MUTED, ha=align, va="top")
    return figure


def _bars(description: Description) -> list[_Bar]:
    """Return the feature maps worth drawing: what convolution, pooling and joining give."""
    plan = description.plan
    bars = [_Bar(None, plan.in_channels, description.input_px, 0)]
    sizes = {row.layer.name: row.size for row in description.rows}

    def output_of(layer: Layer, inputs: Sequence[_Bar]) -> _Bar:
        bar = inputs[0]
        if layer.kind in _COLOURS:
            level = 0 if plan.patch_px else bar.level + _LEVELS.get(layer.kind, 0)
            bar = _Bar(layer, layer.channels, sizes[layer.name], level, _COLOURS[layer.kind])
            bars.append(bar)
        elif layer.kind is LayerKind.JOIN:
            bar.channels, bar.copied = layer.channels, layer.channels - layer.in_channels
            bar.source = inputs[1]
        elif layer.kind is LayerKind.DROPOUT:
            bar.dropout = layer.rate
        return bar

    plan.run(bars[0], output_of).colour = _OUTPUT
    return bars


def _place(bars: list[_Bar], patches: bool) -> tuple[float, float]:
    """Give every bar its place; return the drawing's width and height without the legend."""
    largest = max(bar.size for bar in bars)
    most = max(bar.channels for bar in bars)
    for bar in bars:
        share = math.sqrt(bar.channels / most)
        if bar.dense:
            bar.width, bar.height = 12.0, _LOWEST + (_TALLEST - _LOWEST) * share
        else:
            bar.width = _NARROWEST + (_WIDEST - _NARROWEST) * share
            # patches shrink fast: their smallest maps could not be distinguished
            power = 0.5 if patches else 1.0
            bar.height = max(_LOWEST, _TALLEST * (bar.size / largest) ** power)
            bar.lean = _DEPTH * bar.height if patches else 0.0
    gap = (950 - sum(bar.width + bar.lean for bar in bars)) / len(bars)
    gap = min(_GAP, max(16.0, gap))
    bottom = 40.0 - _ROW_GAP + max(bar.lean for bar in bars)
    for level in sorted({bar.level for bar in bars}):
        row = [bar for bar in bars if bar.level == level]
        tallest = max(bar.height for bar in row)
        for bar in row:
            bar.y = bottom + _ROW_GAP + (tallest - bar.height) / 2
        bottom += _ROW_GAP + tallest
    x = _EDGE
    for before, bar in zip([bars[0], *bars], bars):
        bar.x = before.x if bar.level > before.level else x
        x = bar.right + bar.lean + gap
    return max(x, 620.0), bottom + 24


def _feature_map(axes: Axes, bar: _Bar) -> None:
    """Draw a bar, of which the part that a skip copied is white, or a block."""
    (left, top), d, bottom = (bar.x, bar.y), bar.lean, bar.y + bar.height
    right = bar.right
    if d:
        lid = [(left, top), (left + d, top - d), (right + d, top - d), (right, top)]
        side = [(right, top), (right + d, top - d), (right + d, bottom - d), (right, bottom)]
        axes.add_patch(Polygon(lid, facecolor=_LID, **_LINE))
        axes.add_patch(Polygon(side, facecolor=_SIDE, **_LINE))
    copied = bar.width * bar.copied / bar.channels
    axes.add_patch(Rectangle((left, top), bar.width, bar.height, facecolor=_MAP, **_LINE))
    if copied:
        axes.add_patch(Rectangle((left, top), copied, bar.height, facecolor=_COPY, **_LINE))
    if bar.frame:
        width, height = bar.width + 2 * bar.frame, bar.height + 2 * bar.frame
        axes.add_patch(_frame((left - bar.frame, top - bar.frame), width, height))
    x, above = left + (bar.width + d) / 2, top - max(d, bar.frame) - 3
    axes.text(x, above, str(bar.channels), color=_INK, ha="center")


def _step(axes: Axes, before: _Bar, bar: _Bar) -> None:
    """Draw the arrow of the layer between two feature maps."""
    if bar.level > before.level:
        x = bar.x + min(bar.width, before.width) / 2
        _arrow(axes, bar.colour, (x, before.y + before.height + 4), (x, bar.y - 18))
    elif bar.level < before.level:
        x = bar.x + bar.width * (1 + bar.copied / bar.channels) / 2
        _arrow(axes, bar.colour, (before.right + 4, before.middle), (x, bar.y + bar.height + 5))
    else:
        y = bar.middle - bar.lean / 2
        _arrow(axes, bar.colour, (before.right + before.lean + 4, y), (bar.x - 4, y))


def _arrow(axes: Axes, colour: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow, to the right first where its ends differ in both directions."""
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "mutation_scale": 7}
    if start[0] != end[0] and start[1] != end[1]:
        look["connectionstyle"] = "angle,angleA=0,angleB=90,rad=0"
    axes.annotate("", end, start, arrowprops={**look, "shrinkA": 0, "shrinkB": 0}, zorder=0.5)


def _legend(bars: list[_Bar]) -> dict[str, Artist]:
    """Return what the colours of the arrows mean, once for each kind of layer."""
    entries: dict[str, Artist] = {}
    for bar in bars:
        if bar.layer is not None:
            entries.setdefault(_words(bar.layer), Line2D([], [], color=bar.colour))
    if any(bar.source for bar in bars):
        entries["skip: copied and joined"] = Line2D([], [], color=_SKIP)
    rates = sorted({bar.dropout for bar in bars if bar.dropout})
    if rates:
        entries[f"dropout {', '.join(f'{rate:g}' for rate in rates)}"] = _frame((0, 0), 1, 1)
    return entries


def _frame(corner: tuple[float, float], width: float, height: float) -> Rectangle:
    """Return the dashed frame that stands for dropout."""
    return Rectangle(corner, width, height, facecolor="none", linestyle=(0, (5, 3)), **_LINE)


def _words(layer: Layer) -> str:
    if layer.kind is LayerKind.RESIZE:
        return f"resize x {layer.stride}"
    name = "dense" if layer.dense else layer.kind.value
    step = f", stride {layer.stride}" if layer.stride > 1 else ""
    return f"{name} {layer.kernel} x {layer.kernel}{step}"
