"""U-Net (Ronneberger et al. 2015): an encoder and a decoder joined by skips at every level.

As published, with two differences: the convolutions are padded, so that the map has the scene's
size, and followed by batch normalisation.
"""

from __future__ import annotations

from .config import NetworkConfig
from .plan import NetworkPlan, Planner


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers: `depth` halvings, filters doubling at each, and the way back up.

    Raises:
        SeaIceError: The kernel size is even.
    """
    planner = Planner(config.architecture, config.in_channels)
    everywhere = config.dropout_position == "blocks"
    skips = []
    for level in range(config.depth):
        _block(planner, f"down{level}", config.filters << level, config.kernel_size)
        if everywhere:
            planner.dropout(f"down{level}_dropout", config.dropout)
        skips.append(planner.last)
        planner.max_pool(f"pool{level}", 2)
    _block(planner, "bottleneck", config.filters << config.depth, config.kernel_size)
    planner.dropout("bottleneck_dropout", config.dropout)
    for level in reversed(range(config.depth)):
        planner.upsample(f"up{level}", config.filters << level, 2, config.upsampling)
        planner.join(f"skip{level}", skips[level])
        _block(planner, f"expand{level}", config.filters << level, config.kernel_size)
        if everywhere:
            planner.dropout(f"expand{level}_dropout", config.dropout)
    planner.convolution("output", config.out_channels, 1)
    return planner.plan(multiple=2**config.depth)


def _block(planner: Planner, name: str, channels: int, kernel: int) -> None:
    planner.same_convolution(f"{name}_a", channels, kernel)
    planner.same_convolution(f"{name}_b", channels, kernel)
