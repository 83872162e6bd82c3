"""The plugin object: registers the provider and, where there is a window, menu and toolbar."""

from __future__ import annotations

from functools import partial
from typing import Any, List, Optional

from qgis.core import QgsApplication

from .provider import SeaIceProvider

MENU = "Sea ice"
TOOLBAR = ("train", "predict")


class SeaIcePlugin:
    """What QGIS loads and unloads.

    Args:
        iface: QGIS's window, or None in qgis_process.
    """

    def __init__(self, iface: Any = None) -> None:
        self._iface = iface
        self._provider: Optional[SeaIceProvider] = None
        self._actions: List[Any] = []
        self._toolbar: Any = None

    def initProcessing(self) -> None:
        """Register the provider; all that qgis_process asks for."""
        if self._provider is None:
            provider = SeaIceProvider()
            # Refused, and deleted, where another copy of the plugin is loaded.
            if QgsApplication.processingRegistry().addProvider(provider):
                self._provider = provider

    def initGui(self) -> None:
        """Register the provider and add the menu and the toolbar."""
        self.initProcessing()
        if self._iface is None or self._provider is None:
            return
        self._toolbar = self._iface.addToolBar(MENU)
        self._toolbar.setObjectName("SeaIceToolbar")
        for algorithm in sorted(
            self._provider.algorithms(), key=lambda each: (each.group(), each.displayName())
        ):
            self._add_action(algorithm)

    def unload(self) -> None:
        """Remove provider, menu and toolbar."""
        for action in self._actions:
            self._iface.removePluginRasterMenu(MENU, action)
            action.deleteLater()
        self._actions.clear()
        if self._toolbar is not None:
            self._toolbar.deleteLater()
            self._toolbar = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None

    def _add_action(self, algorithm: Any) -> None:
        from qgis.PyQt.QtWidgets import QAction

        action = QAction(algorithm.icon(), f"{algorithm.displayName()}…", self._iface.mainWindow())
        action.triggered.connect(partial(_open_dialog, algorithm.id()))
        self._iface.addPluginToRasterMenu(MENU, action)
        self._actions.append(action)
        if algorithm.name() in TOOLBAR:
            self._toolbar.addAction(action)


def _open_dialog(algorithm_id: str, checked: bool = False) -> None:
    import processing

    processing.execAlgorithmDialog(algorithm_id)
