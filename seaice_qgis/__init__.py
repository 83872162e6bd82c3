"""QGIS plugin: sea-ice concentration from Sentinel-1 backscatter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugin import SeaIcePlugin


def classFactory(iface: Any) -> SeaIcePlugin:
    """Return the plugin; QGIS calls this, with iface None where there is no window."""
    from .plugin import SeaIcePlugin

    return SeaIcePlugin(iface)
