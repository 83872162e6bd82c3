"""Figures as inline pictures: one look, the same bytes for the same data, no window system."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_STYLE: Any = {  # its type in matplotlib lists every setting by name
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "seaice",  # element ids, else random
    "figure.constrained_layout.use": True,
}

_IMAGE_DPI = 192
"""Resolution of the pixel images inside a figure."""


@dataclass(frozen=True)
class Picture:
    """A figure that a page can hold.

    Attributes:
        uri: The image as a data URI.
        width_px: Width on the page.
    """

    uri: str
    width_px: int


@contextmanager
def style() -> Iterator[None]:
    """Draw in the reports' look inside this context; outside, nothing changes.

    Both the drawing and `picture` belong inside.
    """
    with matplotlib.rc_context(_STYLE):
        yield


def canvas(width_in: float = 7.0, height_in: float = 3.6) -> Figure:
    """Return an empty figure; call inside `style`."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def picture(figure: Figure) -> Picture:
    """Return a figure from `canvas` as an inline picture; call inside `style`."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", dpi=_IMAGE_DPI, metadata={"Date": None, "Creator": None})
    # only the picture itself: no XML prolog or metadata, which name addresses of the network
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    encoded = base64.b64encode(text.encode()).decode("ascii")
    return Picture(f"data:image/svg+xml;base64,{encoded}", round(figure.get_figwidth() * 100))
