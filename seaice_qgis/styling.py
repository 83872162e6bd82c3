"""How output layers look: styles, the QML file beside a raster, and layer post-processors."""

from __future__ import annotations

import os
from typing import Callable, Iterable, List, Tuple

from qgis.core import (
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRasterShader,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor

from .core import wmo

Style = Callable[[QgsRasterLayer], None]
"""Gives a layer its look."""

Item = Tuple[float, str, str]
"""Value, colour and legend entry."""

_ERROR_COLOURS = ("#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b")
_SPREAD_COLOURS = ("#fcfbfd", "#bcbddc", "#807dba", "#54278f", "#2d004b")


def sic(layer: QgsRasterLayer) -> None:
    """Show a SIC layer in the total-concentration classes and colours of ice charts."""
    lows = [low for low, _, _ in wmo.WMO_CLASSES]
    highs = [*lows[1:], 100.0]
    items = [
        (high, colour, f"{low:g} - {high:g} %: {name}")
        for high, (low, colour, name) in zip(highs, wmo.WMO_CLASSES)
    ]
    # What rounding puts above 100 belongs to the last class.
    items[-1] = (float("inf"), *items[-1][1:])
    _colour(layer, items, QgsColorRampShader.Type.Discrete, 0.0, 100.0)


def difference(layer: QgsRasterLayer) -> None:
    """Show prediction minus reference in % SIC: blue too low, red too high, white equal."""
    values = (-50.0, -15.0, 0.0, 15.0, 50.0)
    _colour(layer, _percent(values, _ERROR_COLOURS), QgsColorRampShader.Type.Interpolated)


def uncertainty(layer: QgsRasterLayer) -> None:
    """Show a standard deviation in % SIC: the darker the less certain."""
    values = (0.0, 5.0, 10.0, 20.0, 40.0)
    _colour(layer, _percent(values, _SPREAD_COLOURS), QgsColorRampShader.Type.Interpolated)


def grey(layer: QgsRasterLayer) -> None:
    """Show backscatter or an angle in grey, stretched between its 2nd and 98th percentile."""
    layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), 1))
    layer.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
        QgsRasterMinMaxOrigin.Limits.CumulativeCut,
    )


def _percent(values: Iterable[float], colours: Iterable[str]) -> List[Item]:
    return [(value, colour, f"{value:g} %") for value, colour in zip(values, colours)]


def _colour(
    layer: QgsRasterLayer,
    items: List[Item],
    ramp_type: QgsColorRampShader.Type,
    low: float = 0.0,
    high: float = 0.0,
) -> None:
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
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    layer.setRenderer(renderer)


def write_qml(raster: str, style: Style) -> None:
    """Write the style beside a raster as QML, which QGIS applies whenever it opens the file."""
    layer = QgsRasterLayer(raster, "output")
    if layer.isValid():
        style(layer)
        layer.saveNamedStyle(f"{os.path.splitext(raster)[0]}.qml")


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
            self._style(layer)
            layer.triggerRepaint()


_POST_PROCESSORS: List[_PostProcessor] = []
"""Those in use. Held here, not by an algorithm: inside a model the child algorithm is deleted
before its layers are loaded, and the style would be lost without a word."""


def post_processor(style: Style) -> QgsProcessingLayerPostProcessorInterface:
    """Return what applies a style to a layer once QGIS has loaded it.

    A new one each time: the run's context deletes it.
    """
    _POST_PROCESSORS[:] = [each for each in _POST_PROCESSORS if not sip.isdeleted(each)]
    _POST_PROCESSORS.append(_PostProcessor(style))
    return _POST_PROCESSORS[-1]
