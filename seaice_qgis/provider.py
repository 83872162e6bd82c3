"""The Processing provider: its algorithms and settings."""

from __future__ import annotations

from typing import List

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import settings
from .algorithms import ALGORITHMS
from .core import resource


class SeaIceProvider(QgsProcessingProvider):
    """Sea-ice concentration from Sentinel-1 backscatter."""

    def id(self) -> str:
        return "seaice"

    def name(self) -> str:
        return "Sea ice"

    def longName(self) -> str:
        return "Sea-ice concentration from Sentinel-1"

    def icon(self) -> QIcon:
        return QIcon(resource("icons", "seaice.svg"))

    def svgIconPath(self) -> str:
        return resource("icons", "seaice.svg")

    def load(self) -> bool:
        _add_settings(self.name(), self.icon())
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        _remove_settings()

    def loadAlgorithms(self) -> None:
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())

    def supportedOutputRasterLayerExtensions(self) -> List[str]:
        """Return the one format that is written; QGIS would offer PDF and NetCDF too."""
        return ["tif"]

    def defaultRasterFileExtension(self) -> str:
        return "tif"


def _add_settings(group: str, icon: QIcon) -> None:
    # Processing is itself a plugin and may be switched off; then there is no page of settings.
    try:
        from processing.core.ProcessingConfig import ProcessingConfig, Setting
    except ImportError:
        return
    ProcessingConfig.settingIcons[group] = icon
    ProcessingConfig.addSetting(
        Setting(
            group,
            settings.PYTHON_SETTING,
            "Worker's Python (empty: the one that Install environment made)",
            "",
            valuetype=Setting.FILE,
            placeholder="Install environment's",
        )
    )
    ProcessingConfig.readSettings()


def _remove_settings() -> None:
    try:
        from processing.core.ProcessingConfig import ProcessingConfig
    except ImportError:
        return
    ProcessingConfig.removeSetting(settings.PYTHON_SETTING)
