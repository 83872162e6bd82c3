"""The halo: the margin at which a network's tiles fit together."""

from __future__ import annotations

from ..rounding import rounded_up
from . import NetworkConfig, geometry, plan


def exact_halo(config: NetworkConfig) -> int:
    """Return the margin with which tiles give what the whole scene gives, px.

    For tiles whose cores start and end at multiples of the network's multiple: it is then less
    than `Geometry.halo_px`, which holds for any core (96 instead of 112 px for a U-Net of depth 4).

    No less will do. Most of what a network may see by its layers has next to no weight in most of
    its output, but with a margin of two thirds a trained network was off by 1.2 % SIC where its
    samples had shown 0.05 %.
    """
    shape, layers = geometry(config), plan(config)
    multiple = shape.multiple
    if layers.patch_px is not None:
        return shape.halo_px
    first, last = layers.interval(0, multiple - 1)
    reach = max(-first, last - (multiple - 1))
    return rounded_up(reach, multiple)
