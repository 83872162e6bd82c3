"""The second output of a regression: how large its errors are, learnt beside the SIC."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..networks.output import MIDDLE_LOG_SCALE, REACH_LOG_SCALE
from ..observation.support_torch import cell_means, observe_at
from .losses import Targets, footprint_excess, observed_error
from .polygon_memory import PolygonMemory


def observed_with_scale(
    output: Tensor, targets: Targets, memory: PolygonMemory | None = None
) -> tuple[Tensor, Tensor]:
    """Return the `losses.observed_error` of the SIC, and beside it fit the size of its errors.

    The second output is the scale of a Laplace distribution of the difference between reference and
    SIC. Its mean over the same footprint is held against the difference as it is, so that the SIC
    learns nothing from it (with `apart`, its features neither). The value returned is that of the
    SIC alone.

    Args:
        output: (B, 2, H, W) SIC as a fraction, and the second output.
        targets: What they are compared with.
        memory: Of polygons, whose errors teach the scale nothing.
    """
    sic = output[:, 0].float()
    total, number = observed_error(sic, targets, memory)
    if not targets.cell_px:
        return total, number
    with torch.no_grad():
        excess, weights = footprint_excess(sic.clamp(0, 1), targets)
    middle, reach = MIDDLE_LOG_SCALE, REACH_LOG_SCALE
    scale = torch.exp(middle + reach * torch.tanh(output[:, 1].float() / reach))
    means, share = cell_means(scale, targets.visible, targets.cell_px)
    mean, _ = observe_at(means, share, targets.rows, targets.cols)
    mean = mean.clamp(min=1e-4)
    unlikely = (weights * (mean.log() + excess.abs() / mean)).sum()
    return total + (unlikely - unlikely.detach()), number


def apart(network: nn.Module) -> nn.Module:
    """Return a network whose second output changes none of the features that it is made of.

    Args:
        network: It is changed; its last convolution is called ``output``.
    """
    last = network.get_submodule("layers.output")
    assert isinstance(last, nn.Conv2d)
    last.register_forward_hook(_detached)
    return network


def _detached(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    assert isinstance(module, nn.Conv2d)
    if not torch.is_grad_enabled():
        return output
    bias = None if module.bias is None else module.bias[1:]
    # its kernel is 1 px: neither stride nor padding
    second = nn.functional.conv2d(inputs[0].detach(), module.weight[1:], bias)
    return torch.cat([output[:, :1], second], dim=1)
