"""Sea-ice concentration from Sentinel-1 backscatter with convolutional networks, without QGIS.

Importing this package, ``ml_core.jobs`` or ``ml_core.events`` loads neither torch nor rasterio, so
that the QGIS process can describe and check a job before a worker process runs it.
"""

from __future__ import annotations

__version__ = "0.1.0"
