"""The total-concentration classes of ice charts, for maps in QGIS and in reports alike."""

from __future__ import annotations

from typing import Tuple

WMO_CLASSES: Tuple[Tuple[float, str, str], ...] = (
    (0.0, "#0064ff", "ice free"),
    (1.0, "#96c8ff", "open water, below 1/10"),
    (10.0, "#8cffa0", "1/10 to 3/10"),
    (35.0, "#ffff00", "4/10 to 6/10"),
    (65.0, "#ff7d07", "7/10 to 8/10"),
    (85.0, "#ff0000", "9/10 to 10/10"),
)
"""Lowest SIC in percent, colour and name of each class.

Colours: Ice Chart Colour Code Standard, WMO/TD-No. 1215 (2004), total concentration. The classes
there are tenths; a SIC between two of them belongs to the nearer one.
"""
