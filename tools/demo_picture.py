"""Draws the demo's result as QGIS shows it: HH, HV, reference and predicted SIC side by side.

Runs in the Python that has PyQGIS, without a screen:

    demo_picture.py hh.tif hv.tif reference.tif sic.tif picture.png

The style that the plugin leaves beside sic.tif is used for all SIC layers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import List

from qgis.core import (
    QgsApplication,
    QgsBasicNumericFormat,
    QgsColorRampLegendNodeSettings,
    QgsContrastEnhancement,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendRenderer,
    QgsLegendStyle,
    QgsMapLayerLegendUtils,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsSingleBandGrayRenderer,
    QgsTextFormat,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import QSizeF, Qt
from qgis.PyQt.QtGui import QColor, QFont

MAP_MM = 92.0
GAP_MM = 6.0
TOP_MM = 24.0
PAGE_HEIGHT_MM = 142.0
LEGEND_MM = 84.0
DPI = 110
FONT = "DejaVu Sans"


class Sheet:
    """A print layout with one row of maps that show the same ground."""

    def __init__(self, title: str, maps: int) -> None:
        self.project = QgsProject.instance()
        self.layout = QgsPrintLayout(self.project)
        self.layout.initializeDefaults()
        width = GAP_MM + maps * (MAP_MM + GAP_MM) + LEGEND_MM
        self.layout.pageCollection().page(0).setPageSize(QgsLayoutSize(width, PAGE_HEIGHT_MM))
        self.text(title, GAP_MM, 4.0, width, 15, bold=True)

    def text(
        self, text: str, x: float, y: float, width: float, size: int, bold: bool = False
    ) -> None:
        """Write a line; x, y and width are mm on the page."""
        label = QgsLayoutItemLabel(self.layout)
        font = QFont(FONT, size)
        font.setBold(bold)
        label.setFont(font)
        label.setText(text)
        self.layout.addLayoutItem(label)
        label.attemptMove(QgsLayoutPoint(x, y))
        label.attemptResize(QgsLayoutSize(width, size * 0.7))

    def map(self, column: int, layer: QgsRasterLayer, frame: QgsRasterLayer) -> QgsLayoutItemMap:
        """Draw a layer over the frame's extent in a column, with its name above."""
        x = _left(column)
        self.text(layer.name(), x, TOP_MM - 8.0, MAP_MM, 11)
        item = QgsLayoutItemMap(self.layout)
        item.setFrameEnabled(True)
        item.setBackgroundColor(QColor("#d9d9d9"))
        self.layout.addLayoutItem(item)
        item.attemptMove(QgsLayoutPoint(x, TOP_MM))
        item.attemptResize(QgsLayoutSize(MAP_MM, MAP_MM))
        item.setCrs(frame.crs())
        item.setLayers([layer])
        item.setExtent(frame.extent())  # zoomToExtent alone divides by the empty extent's width
        item.attemptResize(QgsLayoutSize(MAP_MM, MAP_MM))
        item.zoomToExtent(frame.extent())
        return item

    def legend(self, layer: QgsRasterLayer, title: str, x: float, y: float) -> None:
        """Write a layer's colours with their values."""
        legend = QgsLayoutItemLegend(self.layout)
        legend.setAutoUpdateModel(False)
        legend.setTitle(title)
        for style, size in (
            (QgsLegendStyle.Style.Title, 10),
            (QgsLegendStyle.Style.SymbolLabel, 9),
        ):
            legend.setStyleFont(style, QFont(FONT, size))
        model = legend.model()
        model.rootGroup().clear()
        node = model.rootGroup().addLayer(layer)
        QgsLegendRenderer.setNodeLegendStyle(node, QgsLegendStyle.Style.Hidden)
        # Node 0 is the band's name.
        count = len(model.layerLegendNodes(node, True))
        QgsMapLayerLegendUtils.setLegendNodeOrder(node, list(range(1, count)))
        if isinstance(layer.renderer(), QgsSingleBandGrayRenderer):
            QgsMapLayerLegendUtils.setLegendNodeSymbolSize(node, 1, QSizeF(0.8 * MAP_MM, 5.0))
        model.refreshLayerLegend(node)
        self.layout.addLayoutItem(legend)
        legend.setBoxSpace(0.0)
        legend.attemptMove(QgsLayoutPoint(x, y))
        legend.adjustBoxSize()

    def scale_bar(self, item: QgsLayoutItemMap, x: float, y: float) -> None:
        """Draw the scale of a map."""
        bar = QgsLayoutItemScaleBar(self.layout)
        bar.setStyle("Single Box")
        style = QgsTextFormat()
        style.setFont(QFont(FONT))
        style.setSize(9)
        bar.setTextFormat(style)
        bar.setLinkedMap(item)
        bar.applyDefaultSize(QgsUnitTypes.DistanceUnit.DistanceKilometers)
        bar.setUnitsPerSegment(25.0)
        self.layout.addLayoutItem(bar)
        bar.attemptMove(QgsLayoutPoint(x, y))

    def save(self, path: str) -> None:
        """Write the sheet as a PNG."""
        if not QgsLayoutExporter(self.layout).renderPageToImage(0, dpi=DPI).save(path):
            sys.exit(f"{path}: the picture could not be written")


def _left(column: int) -> float:
    return GAP_MM + column * (MAP_MM + GAP_MM)


def backscatter(path: str, name: str) -> QgsRasterLayer:
    """Return a layer in grey, stretched over the middle 96 % of its values as QGIS does it."""
    layer = _layer(path, name)
    layer.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
        QgsRasterMinMaxOrigin.Limits.CumulativeCut,
    )
    settings = QgsColorRampLegendNodeSettings()
    settings.setOrientation(Qt.Orientation.Horizontal)
    numbers = QgsBasicNumericFormat()
    numbers.setNumberDecimalPlaces(1)
    settings.setNumericFormat(numbers)
    settings.setSuffix(" dB")
    layer.renderer().setLegendSettings(settings)
    return layer


def concentration(path: str, name: str, style: str) -> QgsRasterLayer:
    """Return a SIC layer in the plugin's colours."""
    layer = _layer(path, name)
    message, loaded = layer.loadNamedStyle(style)
    if not loaded:
        sys.exit(f"{style}: {message}")
    return layer


def _layer(path: str, name: str) -> QgsRasterLayer:
    layer = QgsRasterLayer(path, name)
    if not layer.isValid():
        sys.exit(f"{path}: QGIS cannot open it")
    QgsProject.instance().addMapLayer(layer)
    QgsProject.instance().setCrs(layer.crs())
    return layer


def draw(hh: str, hv: str, reference: str, sic: str, picture: str) -> None:
    """Draw the four layers side by side and save the picture."""
    style = str(Path(sic).with_suffix(".qml"))
    layers = [
        backscatter(hh, "HH backscatter"),
        backscatter(hv, "HV backscatter"),
        concentration(reference, "Reference SIC (12 km footprint)", style),
        concentration(sic, "Predicted SIC", style),
    ]
    sheet = Sheet("Simulated Sentinel-1 EW scene; the network learned from another one", 4)
    maps = [sheet.map(column, layer, layers[0]) for column, layer in enumerate(layers)]
    below = TOP_MM + MAP_MM + 3.0
    for column in (0, 1):
        sheet.legend(layers[column], "sigma0", _left(column), below)
    sheet.scale_bar(maps[2], _left(2), below)
    sheet.legend(layers[3], "Sea-ice concentration", _left(4), TOP_MM)
    sheet.save(picture)


def main(arguments: List[str]) -> None:
    """Draw the picture that the command line describes."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], True)
    application.initQgis()
    draw(*arguments)
    sys.stdout.flush()
    os._exit(0)  # QGIS's own teardown has crashed after the picture was saved


if __name__ == "__main__":
    main(sys.argv[1:])
