"""A map of the most likely class of SIC, with its legend beside it."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..networks.classes import SicClasses
from ..networks.output import probabilities
from ..raster.grid import Grid
from ..raster.radiometry import Floats, Mask
from ..raster.writing import BandInfo, RasterWriter
from ..wmo import WMO_CLASSES

NODATA = 255


def check_classes(card: ModelCard, model: str) -> None:
    """Check that a model gives classes.

    Raises:
        SeaIceError: It gives none.
    """
    if card.classes is None:
        raise SeaIceError(
            f"{model} gives SIC and no classes; leave Class map empty, or train a network with the"
            " task classes"
        )


def most_likely(members: Floats, valid: Mask) -> NDArray[np.uint8]:
    """Return the class with the highest probability.

    Args:
        members: Scores (M, K, h, w) of M networks, whose probabilities are averaged.
        valid: Where there is input, (h, w).

    Returns:
        Classes from 0 (h, w), `NODATA` where not valid.
    """
    mean = np.mean([probabilities(scores) for scores in members], axis=0)  # (K, h, w)
    return np.where(valid, mean.argmax(axis=0), NODATA).astype(np.uint8)


def palette(classes: SicClasses) -> list[tuple[int, ...]]:
    """Return the classes' colours (red, green, blue): those of ice charts, blended."""
    lows = [low for low, _, _ in WMO_CLASSES]
    middles = [(low + high) / 2 for low, high in zip(lows, [*lows[1:], 100.0], strict=True)]
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for _, c, _ in WMO_CLASSES])
    return [
        tuple(round(float(np.interp(value, middles, band))) for band in rgb.T)
        for value in classes.values_percent
    ]


class ClassMap(RasterWriter):
    """A class map that is written window by window.

    Colours and names of the classes are written beside it, in the .aux.xml where GDAL and QGIS look
    for them: GeoTIFF has no room for names, and its colours are always 256.

    Args:
        path: The file, usually a staged one.
        grid: Its grid.
        classes: The classes.
        tags: Metadata of the file.
        block_px: Side of the file's blocks.

    Raises:
        SeaIceError: The file cannot be written.
    """

    def __init__(
        self, path: str, grid: Grid, classes: SicClasses, tags: dict[str, str], block_px: int
    ) -> None:
        band = BandInfo("Class of sea-ice concentration")
        super().__init__(
            path, grid, [band], nodata=NODATA, dtype="uint8", tags=tags, block_px=block_px
        )
        self._legend = Path(f"{path}.aux.xml")
        self._classes = classes

    def __exit__(self, kind: type[BaseException] | None, /, *error: object) -> None:
        super().__exit__(kind, *error)
        if kind is None:
            names = "".join(f"<Category>{escape(text)}</Category>" for text in self._classes.labels)
            colours = "".join(
                f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="255"/>'
                for red, green, blue in palette(self._classes)
            )
            self._legend.write_text(
                '<PAMDataset><PAMRasterBand band="1">'
                "<ColorInterp>Palette</ColorInterp>"
                f"<ColorTable>{colours}</ColorTable>"
                f"<CategoryNames>{names}</CategoryNames></PAMRasterBand></PAMDataset>\n",
                encoding="utf-8",
            )
