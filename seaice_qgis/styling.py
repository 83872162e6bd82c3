"""How output layers look: styles, the QML file beside a raster, and layer post-processors."""

from __future__ import annotations

import os
from typing import Callable, Iterable, List, Tuple

from qgis.core import (
    Qgis,
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsDataProvider,
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProviderRegistry,
    QgsRasterDataProvider,
    QgsRasterLayer,
    QgsRasterRenderer,
    QgsRasterShader,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtXml import QDomDocument

from .core import jobs, wmo

Style = Callable[[QgsRasterDataProvider], QgsRasterRenderer]
"""Returns what draws a raster."""

Item = Tuple[float, str, str]
"""Value, colour and legend entry."""

_ERROR_COLOURS = ("#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b")
_LAND_COLOUR = "#e6d9a8"
_SPREAD_COLOURS = ("#fcfbfd", "#bcbddc", "#807dba", "#54278f", "#2d004b")


def sic(raster: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Show a SIC layer in the total-concentration classes and colours of ice charts."""
    lows = [low for low, _, _ in wmo.WMO_CLASSES]
    highs = [*lows[1:], 100.0]
    items = [
        (high, colour, f"{low:g} - {high:g} %: {name}")
        for high, (low, colour, name) in zip(highs, wmo.WMO_CLASSES)
    ]
    # What rounding puts above 100 belongs to the last class.
    items[-1] = (float("inf"), *items[-1][1:])
    return _colour(raster, items, QgsColorRampShader.Type.Discrete, 0.0, 100.0)


def difference(raster: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Show prediction minus reference in % SIC: blue too low, red too high, white equal."""
    values = (-50.0, -15.0, 0.0, 15.0, 50.0)
    return _colour(raster, _percent(values, _ERROR_COLOURS), QgsColorRampShader.Type.Interpolated)


def uncertainty(raster: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Show the half-width of the 90 % interval in % SIC: the darker the less certain."""
    values = (0.0, 5.0, 10.0, 20.0, 40.0)
    bands = range(1, raster.bandCount() + 1)
    named = (b for b in bands if jobs.predict.HALF_WIDTH_BAND in raster.generateBandName(b))
    return _colour(
        raster,
        _percent(values, _SPREAD_COLOURS),
        QgsColorRampShader.Type.Interpolated,
        band=next(named, 1),
    )


def land(raster: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Show a mask's land in the colour of land on charts; sea is transparent."""
    entry = QgsPalettedRasterRenderer.Class
    classes = [
        entry(0, QColor(_LAND_COLOUR), "land, left out"),
        entry(1, QColor(0, 0, 0, 0), "sea"),
    ]
    return QgsPalettedRasterRenderer(raster, 1, classes)


def grey(raster: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Show backscatter or an angle in grey, stretched between its 2nd and 98th percentile."""
    renderer = QgsSingleBandGrayRenderer(raster, 1)
    stretch = QgsContrastEnhancement(raster.dataType(1))
    stretch.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    values = _sample(raster)
    if values:
        stretch.setMinimumValue(values[int(0.02 * (len(values) - 1))])
        stretch.setMaximumValue(values[int(0.98 * (len(values) - 1))])
    renderer.setContrastEnhancement(stretch)
    return renderer


def _sample(raster: QgsRasterDataProvider, side: int = 300) -> List[float]:
    """Return the valid values of a coarse view of a raster, in order.

    Not QGIS's statistics: they leave an .aux.xml file beside the raster.
    """
    block = raster.block(1, raster.extent(), side, side)
    pixels = ((row, column) for row in range(side) for column in range(side))
    return sorted(block.value(*pixel) for pixel in pixels if not block.isNoData(*pixel))


def _percent(values: Iterable[float], colours: Iterable[str]) -> List[Item]:
    return [(value, colour, f"{value:g} %") for value, colour in zip(values, colours)]


def _colour(
    raster: QgsRasterDataProvider,
    items: List[Item],
    ramp_type: QgsColorRampShader.Type,
    low: float = 0.0,
    high: float = 0.0,
    band: int = 1,
) -> QgsRasterRenderer:
    if low == high:
        low, high = items[0][0], items[-1][0]
    ramp = QgsColorRampShader(low, high, None, ramp_type)
    ramp.setColorRampItemList(
        [
            QgsColorRampShader.ColorRampItem(value, QColor(colour), text)
            for value, colour, text in items
        ]
    )
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(raster, band, shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    return renderer


def write_qml(path: str, style: Style) -> None:
    """Write the style beside a raster as QML, which QGIS applies whenever it opens the file.

    Not through a layer: opening one computes statistics and leaves them in an .aux.xml file.
    """
    options = QgsDataProvider.ProviderOptions()
    raster = QgsProviderRegistry.instance().createProvider("gdal", path, options)
    if raster is None or not raster.isValid():
        return
    document = QDomDocument("qgis")
    root = document.createElement("qgis")
    root.setAttribute("version", Qgis.QGIS_VERSION)
    pipe = document.createElement("pipe")
    style(raster).writeXml(document, pipe)
    root.appendChild(pipe)
    document.appendChild(root)
    with open(f"{os.path.splitext(path)[0]}.qml", "w", encoding="utf-8") as qml:
        qml.write(document.toString(1))


class _PostProcessor(QgsProcessingLayerPostProcessorInterface):
    def __init__(self, style: Style) -> None:
        super().__init__()
        self._style = style

    def postProcessLayer(
        self,
        layer: QgsMapLayer,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> None:
        if isinstance(layer, QgsRasterLayer) and layer.isValid():
            layer.setRenderer(self._style(layer.dataProvider()))
            layer.triggerRepaint()


_POST_PROCESSORS: List[_PostProcessor] = []
"""Those in use. Held here, not by an algorithm: inside a model the child algorithm is deleted
before its layers are loaded, and the style would be lost unnoticed."""


def post_processor(style: Style) -> QgsProcessingLayerPostProcessorInterface:
    """Return what applies a style to a layer once QGIS has loaded it.

    A new one each time: the run's context deletes it.
    """
    _POST_PROCESSORS[:] = [each for each in _POST_PROCESSORS if not sip.isdeleted(each)]
    _POST_PROCESSORS.append(_PostProcessor(style))
    return _POST_PROCESSORS[-1]
