"""The naive segmentation network: convolutions with 'same' padding, nothing down-sampled."""

from __future__ import annotations

from .config import NetworkConfig
from .plan import NetworkPlan, Planner


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers: `depth` convolutions of `filters` filters.

    Raises:
        SeaIceError: The kernel size is even.
    """
    planner = Planner(config)
    for level in range(config.depth):
        planner.same_convolution(f"conv{level}", config.filters)
        planner.dropout(f"conv{level}_dropout", in_block=level < config.depth - 1)
    planner.convolution("output", config.out_channels, 1)
    return planner.plan()
