"""U-Net (Ronneberger et al. 2015): an encoder and a decoder joined by skips at every level.

As published, with two differences: the convolutions are padded, so that the map has the scene's
size, and followed by batch normalisation.
"""

from __future__ import annotations

from .config import NetworkConfig
from .encoder_decoder import down_and_up
from .plan import NetworkPlan, Planner


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers: `depth` halvings, filters doubling at each, and the way back up.

    Raises:
        SeaIceError: The kernel size is even.
    """
    return down_and_up(config, _two_convolutions, 2, skips=True)


def _two_convolutions(planner: Planner, name: str, channels: int) -> None:
    planner.same_convolution(f"{name}_a", channels)
    planner.same_convolution(f"{name}_b", channels)
