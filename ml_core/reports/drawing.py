"""A network drawn as in textbooks: its feature maps as bars, the layers between them as arrows.

A bar's height goes with the map's size and its width with its channels. Maps that are halved go
down a row and come back up, so that an encoder and decoder make a U with its skips across; a patch
network makes one row of shrinking blocks.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ..networks.describe import Description
from ..networks.layer import Layer, LayerKind
from .figures import Picture

_COLOURS = {
    LayerKind.CONVOLUTION: "#0b5cad",
    LayerKind.MAX_POOL: "#c0392b",
    LayerKind.TRANSPOSED: "#1b8a5a",
    LayerKind.RESIZE: "#1b8a5a",
    LayerKind.JOIN: "#7a8591",
}
_OUTPUT = "#0f8b8d"
_MAP, _COPY, _INK, _MUTED = "#a9c8e8", "#ffffff", "#1c2530", "#5b6672"
_FONT = 11
_TALLEST, _LOWEST = 150.0, 9.0
_NARROWEST, _WIDEST = 5.0, 46.0
_GAP, _ROW_GAP = 34.0, 56.0
_DEPTH = 0.35  # a block's third dimension, as a share of its height


@dataclass
class _Bar:
    """One feature map.

    Attributes:
        layer: What made it; None for the input.
        channels: Its channels.
        copied: How many of them a skip brought.
        size: Its size, px.
        row: How often it was reduced.
        dropout: Rate of the dropout that follows; 0: none.
        source: For a joined map, the number of the bar that the skip comes from.
        x: Left edge.
        y: Upper edge.
        width: On the drawing.
        height: On the drawing.
        lean: How far a block's back stands to the right and above; 0: a flat bar.
    """

    layer: Layer | None
    channels: int
    size: int
    row: int
    copied: int = 0
    dropout: float = 0.0
    source: int = -1
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    lean: float = 0.0

    @property
    def dense(self) -> bool:
        return self.layer is not None and self.layer.dense

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width


def draw(description: Description) -> Picture:
    """Return a network's drawing, an SVG that needs nothing else."""
    patches = description.plan.patch_px is not None
    bars = _bars(description)
    width, height = _place(bars, patches)
    parts = [*_rows(bars), *_legend(bars, width, height)]
    height += 46
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" font-family="DejaVu Sans, Arial, sans-serif"'
        f' font-size="{_FONT}"><rect width="100%" height="100%" fill="#ffffff"/>'
        + "".join(parts)
        + "</svg>"
    )
    encoded = base64.b64encode(svg.encode()).decode("ascii")
    plan = description.plan
    what = "one patch of" if patches else "an input of"
    return Picture(
        f"data:image/svg+xml;base64,{encoded}",
        f"The layers of {plan.architecture} from {plan.in_channels} input channels to"
        f" {bars[-1].channels} outputs, with sizes and channels",
        f"Feature maps for {what} {description.input_px} x {description.input_px} px. Number above:"
        " channels; number below or beside: side in px.",
        round(min(max(width, 420.0), 1010.0)),
    )


def _bars(description: Description) -> list[_Bar]:
    """Return the feature maps worth drawing: what convolution, pooling and joining give."""
    plan = description.plan
    bars = [_Bar(None, plan.in_channels, description.input_px, 0)]
    of_layer: dict[str, int] = {}
    for row in description.rows:
        layer, level = row.layer, bars[-1].row
        if layer.kind in (
            LayerKind.CONVOLUTION,
            LayerKind.MAX_POOL,
            LayerKind.TRANSPOSED,
            LayerKind.RESIZE,
        ):
            if layer.kind is LayerKind.MAX_POOL and plan.patch_px is None:
                level += 1
            if layer.kind in (LayerKind.TRANSPOSED, LayerKind.RESIZE):
                level -= 1
            bars.append(_Bar(layer, layer.channels, row.size, level))
        elif layer.kind is LayerKind.JOIN:
            bars[-1].copied = layer.channels - bars[-1].channels
            bars[-1].channels = layer.channels
            bars[-1].source = of_layer[layer.joins]
        elif layer.kind is LayerKind.DROPOUT:
            bars[-1].dropout = layer.rate
        of_layer[layer.name] = len(bars) - 1
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
            bar.lean = _TALLEST * _DEPTH if patches else 0.0
            bar.width = _NARROWEST + (_WIDEST - _NARROWEST) * share
            # patches shrink fast: their smallest maps could not be distinguished
            power = 0.5 if patches else 1.0
            bar.height = max(_LOWEST, _TALLEST * (bar.size / largest) ** power)
    tops, top = {}, 40.0 + (_TALLEST * _DEPTH if patches else 0)
    for row in sorted({bar.row for bar in bars}):
        tops[row] = top
        top += max(bar.height for bar in bars if bar.row == row) + _ROW_GAP
    taken = sum(bar.width + bar.lean for bar in bars)
    gap = min(_GAP, max(16.0, (950 - taken) / len(bars)))
    x = 48.0
    for before, bar in zip([bars[0], *bars], bars):
        if bar.row > before.row:
            x = before.x
        bar.x = x
        tallest = max(other.height for other in bars if other.row == bar.row)
        bar.y = tops[bar.row] + (tallest - bar.height) / 2
        bar.lean *= bar.height / _TALLEST
        x += bar.width + gap + bar.lean
    return max(x, 620.0), top - _ROW_GAP + 34


def _rows(bars: list[_Bar]) -> Iterator[str]:
    for bar in bars:
        if bar.source >= 0:
            source, y = bars[bar.source], bar.middle
            yield _arrow(_COLOURS[LayerKind.JOIN], (source.right + 4, y), (bar.x - 4, y))
    for before, bar in zip([None, *bars], bars):
        if before is not None:
            yield _step(before, bar, last=bar is bars[-1])
        yield from _block(bar) if bar.lean else _flat(bar)
        middle = bar.x + (bar.width + bar.lean) / 2
        yield _text(middle, bar.y - bar.lean - 5, str(bar.channels))
        if not bar.dense and (before is None or before.size != bar.size or bar.lean):
            left = bar.x + bar.width / 2 if bar.lean else bar.x - 3
            bottom = bar.y + bar.height + 13
            yield _text(left, bottom, str(bar.size), _MUTED, anchor="middle" if bar.lean else "end")


def _flat(bar: _Bar) -> Iterator[str]:
    """Yield a bar; the part that a skip copied is white."""
    copied = bar.width * bar.copied / bar.channels
    if copied:
        yield _box(bar.x, bar.y, copied, bar.height, _COPY)
    yield _box(bar.x + copied, bar.y, bar.width - copied, bar.height, _MAP)
    if bar.dropout:
        yield _box(bar.x - 3, bar.y - 3, bar.width + 6, bar.height + 6, "none", dashed=True)


def _block(bar: _Bar) -> Iterator[str]:
    """Yield a block: size x size x channels."""
    d = bar.lean
    left, right, top, bottom = bar.x, bar.right, bar.y, bar.y + bar.height
    lid = [(left, top), (left + d, top - d), (right + d, top - d), (right, top)]
    side = [(right, top), (right + d, top - d), (right + d, bottom - d), (right, bottom)]
    for face, colour in ((lid, "#c9def3"), (side, "#86aed6")):
        yield (
            f'<polygon points="{_joined(face)}" fill="{colour}" stroke="{_INK}"'
            ' stroke-width="0.7"/>'
        )
    yield _box(left, top, bar.width, bar.height, _MAP)
    if bar.dropout:
        yield _box(left - 3, top - 3, bar.width + 6, bar.height + 6, "none", dashed=True)


def _step(before: _Bar, bar: _Bar, *, last: bool) -> str:
    """Return the arrow of the layer between two feature maps."""
    layer = bar.layer
    colour = _OUTPUT if last else _COLOURS[layer.kind] if layer else _INK
    if bar.row > before.row:
        x = bar.x + min(bar.width, before.width) / 2
        return _arrow(colour, (x, before.y + before.height + 4), (x, bar.y - 18))
    if bar.row < before.row:
        x = bar.x + bar.width * (1 + bar.copied / bar.channels) / 2
        y = before.middle
        return _arrow(colour, (before.right + 4, y), (x, y), (x, bar.y + bar.height + 5))
    y = bar.middle - bar.lean / 2
    return _arrow(colour, (before.right + before.lean + 4, y), (bar.x - 4, y))


def _legend(bars: list[_Bar], width: float, top: float) -> Iterator[str]:
    """Yield what the colours of the arrows mean, once for each kind of layer."""
    entries: dict[str, str] = {}
    for number, bar in enumerate(bars):
        if bar.layer is not None:
            last = number == len(bars) - 1
            entries.setdefault(_words(bar.layer), _OUTPUT if last else _COLOURS[bar.layer.kind])
    if any(bar.source >= 0 for bar in bars):
        entries["skip: copied and joined"] = _COLOURS[LayerKind.JOIN]
    x, y = 20.0, top + 4
    for text, colour in entries.items():
        length = 30 + 6.4 * len(text)
        if x > 20 and x + length > width - 20:
            x, y = 20.0, y + 18
        yield _arrow(colour, (x, y - 4), (x + 22, y - 4))
        yield _text(x + 28, y, text, anchor="start")
        x += length + 18
    rates = sorted({bar.dropout for bar in bars if bar.dropout})
    if rates:
        yield _box(x, y - 10, 18, 11, "none", dashed=True)
        text = ", ".join(f"{rate:g}" for rate in rates)
        yield _text(x + 24, y, f"dropout {text}", anchor="start")


def _words(layer: Layer) -> str:
    if layer.kind is LayerKind.RESIZE:
        return f"resize x {layer.stride}"
    name = "dense" if layer.dense else layer.kind.value
    step = f", stride {layer.stride}" if layer.stride > 1 else ""
    return f"{name} {layer.kernel} x {layer.kernel}{step}"


def _arrow(colour: str, *points: tuple[float, float]) -> str:
    """Return a line through points, with an arrow's head at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    angle = math.atan2(y1 - y0, x1 - x0)
    head = [
        (x1 - 6 * math.cos(angle + turn), y1 - 6 * math.sin(angle + turn)) for turn in (-0.45, 0.45)
    ]
    return (
        f'<polyline points="{_joined(points)}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        f'<polygon points="{_joined([(x1, y1), *head])}" fill="{colour}"/>'
    )


def _box(
    x: float, y: float, width: float, height: float, colour: str, *, dashed: bool = False
) -> str:
    dash = ' stroke-dasharray="3 2"' if dashed else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"'
        f' stroke="{_INK}" stroke-width="0.7"{dash}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    colour: str = _INK,
    *,
    anchor: str = "middle",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
