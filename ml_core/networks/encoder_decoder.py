"""Encoder and decoder without skips: what the image loses on the way down stays lost."""

from __future__ import annotations

from .config import NetworkConfig
from .plan import NetworkPlan, Planner


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers: `depth` times a convolution and a pooling by `stride`, and back up.

    Raises:
        SeaIceError: The kernel size is even.
    """
    factor = config.stride or 2
    planner = Planner(config.architecture, config.in_channels)
    everywhere = config.dropout_position == "blocks"
    for level in range(config.depth):
        planner.same_convolution(f"down{level}", config.filters << level, config.kernel_size)
        if everywhere:
            planner.dropout(f"down{level}_dropout", config.dropout)
        planner.max_pool(f"pool{level}", factor)
    planner.same_convolution("bottleneck", config.filters << config.depth, config.kernel_size)
    planner.dropout("bottleneck_dropout", config.dropout)
    for level in reversed(range(config.depth)):
        planner.upsample(f"up{level}", config.filters << level, factor, config.upsampling)
        planner.same_convolution(f"expand{level}", config.filters << level, config.kernel_size)
        if everywhere:
            planner.dropout(f"expand{level}_dropout", config.dropout)
    planner.convolution("output", config.out_channels, 1)
    return planner.plan(multiple=factor**config.depth)
