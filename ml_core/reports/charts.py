"""Charts: curves, bars, and the density of points; axes are labelled with their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import ArrayLike, NDArray

from . import colours
from .figures import Picture, canvas, picture, style


@dataclass(frozen=True)
class Series:
    """One line of a chart, or one group of bars.

    Attributes:
        label: Its name in the legend.
        x: Positions; for bars, the numbers of the labels.
        y: Values; NaN where there is none.
        low: Lower end of a band or error bar around y.
        high: Upper end.
        marker: Marker of the points, such as ``o``; empty: none.
        line: Line style; ``""``: points only.
        colour: A colour; empty: the next one.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    marker: str = ""
    line: str = "-"
    colour: str = ""

    def errors(self) -> NDArray[np.float64] | None:
        """Return how far `low` and `high` lie from y, (2, N); None without them."""
        if self.low is None or self.high is None:
            return None
        low, y, high = (np.asarray(values, float) for values in (self.low, self.y, self.high))
        return np.maximum([y - low, high - y], 0)


@dataclass(frozen=True)
class Mark:
    """A vertical line at x with a name, such as the best epoch."""

    x: float
    label: str


def curves(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    log_y: bool = False,
    square: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
) -> Picture:
    """Draw lines over a common x axis.

    Args:
        square: Range of x and y alike, with the line y = x; None: the ranges are the lines'.
    """
    with style():
        figure = canvas(4.6, 4.2) if square else canvas(7.0, 3.4)
        ax = figure.subplots()
        for item, colour in zip(series, _colours(series), strict=True):
            _line(ax, item, colour)
        if log_y:
            ax.set_yscale("log")
        if square:
            ax.set(xlim=square, ylim=square)
            ax.axline((0, 0), slope=1, color="#777777", linewidth=0.9, linestyle="--")
        for mark in marks:
            ax.axvline(mark.x, color="#777777", linewidth=0.9, linestyle=":", label=mark.label)
        ax.set(xlabel=x_label, ylabel=y_label, title=title)
        if any(item.label for item in series) or marks:
            ax.legend()
        return picture(figure)


def _colours(series: Sequence[Series]) -> list[str]:
    return [
        item.colour or colours.SERIES[number % len(colours.SERIES)]
        for number, item in enumerate(series)
    ]


def _line(ax: Axes, item: Series, colour: str) -> None:
    x, y, errors = np.asarray(item.x, float), np.asarray(item.y, float), item.errors()
    style_of: dict[str, Any] = {  # keyword arguments of matplotlib
        "color": colour,
        "marker": item.marker or None,
        "markersize": 4,
        "linestyle": item.line or "none",
        "label": item.label,
    }
    if errors is not None and item.marker:
        ax.errorbar(x, y, errors, capsize=2, **style_of)
        return
    ax.plot(x, y, **style_of)
    if errors is not None:
        ax.fill_between(x, y - errors[0], y + errors[1], color=colour, alpha=0.18, linewidth=0)


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    y_label: str,
    x_label: str,
    counts: Sequence[int] | None = None,
) -> Picture:
    """Draw bars, grouped where there are several series.

    Args:
        series: The groups; y holds one value for each label, NaN where there is none.
        counts: How many values stand behind each label; written below it.
    """
    with style():
        figure = canvas(max(5.0, min(9.5, 0.62 * len(labels) + 1.6)), 3.4)
        ax = figure.subplots()
        positions = np.arange(len(labels), dtype=float)
        width = 0.8 / max(1, len(series))
        for number, (item, colour) in enumerate(zip(series, _colours(series), strict=True)):
            ax.bar(
                positions + (number - (len(series) - 1) / 2) * width,
                np.asarray(item.y, float),
                width * 0.94,
                yerr=item.errors(),
                capsize=2,
                label=item.label,
                color=colour,
                error_kw={"linewidth": 0.9, "ecolor": "#333333"},
            )
        ax.axhline(0, color="#555555", linewidth=0.7)
        ax.grid(visible=False, axis="x")
        texts = list(labels)
        if counts is not None:
            texts = [f"{label}\nn={count_text(n)}" for label, n in zip(labels, counts, strict=True)]
        crowded = max((len(text) for text in texts), default=0) > 9 and len(labels) > 6
        ax.set_xticks(
            positions, texts, rotation=40 if crowded else 0, ha="right" if crowded else "center"
        )
        ax.set(xlabel=x_label, ylabel=y_label)
        if len(series) > 1:
            ax.legend(ncols=min(4, len(series)), loc="lower left", bbox_to_anchor=(0, 1.0))
        return picture(figure)


def density(
    counts: NDArray[np.integer],
    edges: NDArray[np.floating],
    *,
    x_label: str,
    y_label: str,
    means: Series | None = None,
    count_label: str = "Number of cells",
) -> Picture:
    """Draw how many points fall on each cell of the plane, in logarithmic colours.

    Args:
        counts: (K, K) numbers of points along x and y.
        edges: (K + 1,) edges along both.
        means: A line over the density, such as the mean of y for each x.
        count_label: What the colours count.
    """
    with style():
        figure = canvas(5.0, 4.2)
        ax = figure.subplots()
        filled = np.ma.masked_less_equal(np.asarray(counts, float).T, 0)
        top = max(float(filled.max()) if filled.count() else 1.0, 2.0)
        mesh = ax.pcolormesh(
            edges, edges, filled, norm=LogNorm(1, top), cmap="viridis", rasterized=True, zorder=1.5
        )
        bar = figure.colorbar(mesh, ax=ax, shrink=0.9, aspect=25)
        bar.set_label(count_label)
        ax.axline(
            (edges[0], edges[0]),
            slope=1,
            color="#444444",
            linewidth=0.9,
            linestyle="--",
            zorder=3,
            label="prediction = reference",
        )
        if means is not None:
            style_of: dict[str, Any] = {"color": colours.SERIES[1], "marker": "o", "markersize": 3}
            ax.plot(means.x, means.y, zorder=4, label=means.label, **style_of)
        limits = (edges[0], edges[-1])
        ax.set(xlabel=x_label, ylabel=y_label, xlim=limits, ylim=limits)
        ax.legend(
            loc="upper left", facecolor="white", frameon=True, framealpha=0.85, edgecolor="none"
        )
        return picture(figure)


def matrix(shares: ArrayLike, labels: Sequence[str], *, x_label: str, y_label: str) -> Picture:
    """Draw a square table of shares as tiles, each with its percentage.

    Args:
        shares: (K, K) 0-1; NaN where there is none. Rows are drawn from the top.
    """
    values = np.asarray(shares, float)
    with style():
        figure = canvas(5.4, 4.7)
        ax = figure.subplots()
        image = ax.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1)
        for (row, col), share in np.ndenumerate(values):
            if np.isfinite(share) and share >= 0.005:
                ax.text(
                    col,
                    row,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if share > 0.55 else "#1c2530",
                )
        ax.set_xticks(range(len(labels)), labels)
        ax.set_yticks(range(len(labels)), labels)
        ax.grid(visible=False)
        ax.set(xlabel=x_label, ylabel=y_label)
        bar = figure.colorbar(image, ax=ax, shrink=0.8, aspect=25)
        bar.set_label("Share of the row")
        return picture(figure)


def count_text(number: int) -> str:
    """Return a count that fits below a bar, such as ``812``, ``43k`` or ``1.2M``."""
    if number < 10_000:
        return str(int(number))
    if number < 1_000_000:
        return f"{number / 1000:.0f}k"
    return f"{number / 1_000_000:.1f}M"
