"""Encoder and decoder without skips: what the image loses on the way down stays lost."""

from __future__ import annotations

from collections.abc import Callable

from .config import NetworkConfig
from .plan import NetworkPlan, Planner


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers: `depth` times a convolution and a pooling by `stride`, and back up.

    Raises:
        SeaIceError: The kernel size is even.
    """
    return down_and_up(config, Planner.same_convolution, config.stride or 2, skips=False)


def down_and_up(
    config: NetworkConfig, block: Callable[[Planner, str, int], None], factor: int, *, skips: bool
) -> NetworkPlan:
    """Return the layers: `depth` reductions, filters doubling at each, and the way back up.

    Args:
        config: The network.
        block: Adds the convolutions of one level, given their name and channels.
        factor: What each level reduces and enlarges by.
        skips: Whether a level of the way up joins what the same level of the way down gave.

    Raises:
        SeaIceError: The kernel size is even.
    """
    planner = Planner(config)
    reduced = []
    for level in range(config.depth):
        block(planner, f"down{level}", config.filters << level)
        planner.dropout(f"down{level}_dropout", in_block=True)
        reduced.append(planner.last)
        planner.max_pool(f"pool{level}", factor)
    block(planner, "bottleneck", config.filters << config.depth)
    planner.dropout("bottleneck_dropout")
    for level in reversed(range(config.depth)):
        planner.upsample(f"up{level}", config.filters << level, factor)
        if skips:
            planner.join(f"skip{level}", reduced[level])
        block(planner, f"expand{level}", config.filters << level)
        planner.dropout(f"expand{level}_dropout", in_block=True)
    planner.convolution("output", config.out_channels, 1)
    return planner.plan(multiple=factor**config.depth)
