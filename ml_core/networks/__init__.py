"""The networks: building blocks, one file per network; arrays in, arrays out.

The registry is `jobs.choices.ARCHITECTURES`: ``networks/<id>.py`` holds the network of that id and
gives its layers by ``plan(config)``. Everything else - the torch module, the sizes, the
receptive field, the description and its drawing - is derived from the plan.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import SeaIceError
from .config import NetworkConfig
from .fully_convolutional import as_map
from .geometry import Geometry, geometry_of
from .plan import NetworkPlan, Tensors

if TYPE_CHECKING:
    import torch

    from .module import PlannedNetwork

__all__ = ["Geometry", "NetworkConfig", "NetworkPlan", "build", "geometry", "plan", "restore"]


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers of a network; those of a single patch where it takes patches.

    Raises:
        SeaIceError: The settings do not make a network.
    """
    config.check_settings()
    result: NetworkPlan = import_module(f".{config.architecture}", __package__).plan(config)
    return result


def geometry(config: NetworkConfig) -> Geometry:
    """Return what a network asks of its input's size and surroundings."""
    return geometry_of(plan(config))


def build(config: NetworkConfig, generator: torch.Generator | None = None) -> PlannedNetwork:
    """Return a network with fresh weights, in training mode.

    It maps normalised input (B, C, H, W) to (B, O, H, W), H and W multiples of
    ``geometry(config).multiple``. The output of a regression is the SIC as a fraction, nominally
    0-1 and not clipped; that of classes one score (logit) each.

    Args:
        generator: Draws the weights; torch's global generator when None.

    Raises:
        SeaIceError: The settings do not make a network.
    """
    from .module import PlannedNetwork

    return PlannedNetwork(as_map(plan(config)), generator)


def restore(
    config: NetworkConfig, tensors: Tensors, masks: Tensors | None = None
) -> PlannedNetwork:
    """Return a fitted network, ready to predict (dropout off, batch norm fixed).

    Args:
        tensors: Its state by name, as `build(config).state_dict()` names it.
        masks: For several networks that are made of one (`PlannedNetwork.draw`).

    Raises:
        SeaIceError: The tensors are not those of this network.
    """
    import torch

    network = build(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(array.shape) for name, array in tensors.items()}
    if wanted != found:
        differing = sorted(
            name for name in {*wanted, *found} if wanted.get(name) != found.get(name)
        )
        name = differing[0]
        raise SeaIceError(
            f"the model file's weights are not those of its {config.architecture} network:"
            f" {name} has shape {found.get(name, 'none')}, expected {wanted.get(name, 'none')}"
            f" ({len(differing)} tensors differ); the file is damaged, train the network again"
        )
    network.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    )
    if masks:
        network.draw(masks)
    return network.eval()
