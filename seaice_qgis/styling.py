"""How output layers look: styles, the QML file beside a raster, and layer post-processors."""

from __future__ import annotations

import os
from typing import Callable, Dict, Tuple

from qgis.core import (
    QgsColorRampShader,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

Style = Callable[[QgsRasterLayer], None]
"""Gives a layer its look."""

WMO_CLASSES: Tuple[Tuple[float, str, str], ...] = (
    (1.0, "#0064ff", "0 %  ice free"),
    (10.0, "#96c8ff", "1 - 10 %  open water, below 1/10"),
    (35.0, "#8cffa0", "10 - 35 %  very open drift ice, 1/10 to 3/10"),
    (65.0, "#ffff00", "35 - 65 %  open drift ice, 4/10 to 6/10"),
    (85.0, "#ff7d07", "65 - 85 %  close drift ice, 7/10 to 8/10"),
    (float("inf"), "#ff0000", "85 - 100 %  very close and compact ice, 9/10 to 10/10"),
)
"""Upper end in percent, colour and legend entry of the ice charts' classes.

Colours: Ice Chart Colour Code Standard, WMO/TD-No. 1215 (2004), total concentration. The classes
there are tenths; a SIC between two of them belongs to the nearer one.
"""


def SIC(layer: QgsRasterLayer) -> None:
    """Show a SIC layer in the total-concentration classes and colours of ice charts."""
    entries = [
        QgsColorRampShader.ColorRampItem(upper, QColor(colour), label)
        for upper, colour, label in WMO_CLASSES
    ]
    ramp = QgsColorRampShader(0.0, 100.0, None, QgsColorRampShader.Type.Discrete)
    ramp.setColorRampItemList(entries)
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(100.0)
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


_POST_PROCESSORS: Dict[Style, _PostProcessor] = {}
"""Held here, not by an algorithm: inside a model the child algorithm is deleted before its layers
are loaded, and the style would be lost without a word."""


def post_processor(style: Style) -> QgsProcessingLayerPostProcessorInterface:
    """Return what applies a style to a layer once QGIS has loaded it."""
    if style not in _POST_PROCESSORS:
        _POST_PROCESSORS[style] = _PostProcessor(style)
    return _POST_PROCESSORS[style]
