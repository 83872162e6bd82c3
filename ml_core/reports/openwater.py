"""Open water in a report: the false ice that a network shows on a scene without any."""

from __future__ import annotations

from ..evaluation.extent import EDGE_PERCENT
from ..evaluation.openwater import OpenWater
from . import colours
from .figures import Picture
from .maps import Panel, maps
from .tables import Column, Table


def picture(water: OpenWater) -> Picture:
    """Draw the map."""
    return maps(
        [Panel(water.sic_percent, "Predicted SIC on open water", colours.sic())],
        water.pixel_size_m,
        alt="Map of the SIC predicted on a scene of open water",
        caption="There is no ice here: every colour but that of open water is false ice.",
        columns=1,
    )


def table(water: OpenWater) -> Table | None:
    """Return the false ice by incidence angle; None where that is not known."""
    if not water.by_angle:
        return None
    return Table(
        (
            Column("Incidence angle", "deg"),
            Column("Share of the scene", "%", 0),
            Column("Mean SIC", "%", 1),
            Column(f"Called ice (SIC ≥ {EDGE_PERCENT:.0f} %)", "%", 1),
        ),
        [
            (row.label, 100 * row.share, row.mean_percent, 100 * row.ice_share)
            for row in water.by_angle
        ],
        caption="False ice by incidence angle",
    )
