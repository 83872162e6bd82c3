"""What the fit makes small: the error of a network's output, and penalties on its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..observation.footprint import CELLS_PER_FOOTPRINT, FWHM_PER_SIGMA, LEAST_COVER, TRUNCATE

DataLoss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(output (B, O, H, W), label (B, H, W), valid (B, H, W)) -> sum of losses, number of pixels."""


def squared_error(output: Tensor, sic_fraction: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a regression over the valid pixels, and their number.

    Args:
        output: (B, 1, H, W) SIC fraction that the network gives.
        sic_fraction: (B, H, W) reference, 0-1; anything where it is not valid.
        valid: (B, H, W) bool.
    """
    error = torch.where(valid, output[:, 0].float() - sic_fraction, 0.0)
    return error.square().sum(), valid.sum()


def footprint_error(
    output: Tensor, sic_fraction: Tensor, valid: Tensor, footprint_px: float
) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a regression's means over footprints, and their number.

    The reference is what a radiometer sees: means over a Gaussian footprint. A network that is
    compared with it pixel by pixel learns the blur, too, since from water alone it cannot know how
    near the ice is: it gives all water the mean reference of water, some 10 %. Here the network's
    means are compared, so that its map may be as sharp as the ice is. Without the second term it
    might balance SIC below 0 by SIC above 100 %.

    Where a footprint reaches beyond what is valid, such as a chip's edge, the mean is that of the
    rest, and counts by the square of the share of the footprint's weight that is there; not at
    all below half.

    Args:
        output: (B, 1, H, W) SIC fraction that the network gives.
        sic_fraction: (B, H, W) reference, 0-1; anything where it is not valid.
        valid: (B, H, W) bool.
        footprint_px: Full width at half maximum of the footprint in pixels.

    Returns:
        The mean squared error times the number of valid pixels, and that number; 0 and 0 where no
        footprint is covered.
    """
    known = valid[:, None].float()  # (B, 1, H, W)
    predicted = output[:, :1].float() * known
    reference = torch.where(valid, sic_fraction, 0.0)[:, None]
    cell = max(1, int(footprint_px / CELLS_PER_FOOTPRINT))
    share, sums, expected = (
        nn.functional.avg_pool2d(x, cell, ceil_mode=True) for x in (known, predicted, reference)
    )
    kernel = _gaussian(footprint_px / FWHM_PER_SIGMA / cell).to(share.device)
    cover = _smoothed(share, kernel)
    mean = _smoothed(sums, kernel) / cover.clamp(min=LEAST_COVER)
    weight = share * torch.where(cover >= LEAST_COVER, cover.square(), 0.0)
    squares = (mean - expected / share.clamp(min=1e-6)).square()
    outside = (predicted - predicted.clamp(0, 1)).square()
    total_weight = weight.sum()
    count = valid.sum() * (total_weight > 0)
    error = (weight * squares).sum() / total_weight.clamp(min=1e-6)
    return error * count + outside.sum() * (total_weight > 0), count


def _gaussian(sigma: float) -> Tensor:
    reach = max(1, math.ceil(TRUNCATE * sigma))
    kernel = torch.exp(-torch.arange(-reach, reach + 1.0).square() / (2 * sigma**2))
    return kernel / kernel.sum()


def _smoothed(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (B, 1, h, w) with a kernel (K,) along both axes; beyond the edge is 0."""
    reach = len(kernel) // 2
    along = nn.functional.conv2d(x, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return nn.functional.conv2d(along, kernel.view(1, 1, 1, -1), padding=(0, reach))


def cross_entropy(
    output: Tensor,
    label: Tensor,
    valid: Tensor,
    class_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of classes summed over the valid pixels, and their number.

    Args:
        output: (B, K, H, W) one score (logit) for each of K classes.
        label: (B, H, W) the class, 0 to K - 1, of any number type; anything where not valid.
        valid: (B, H, W) bool.
        class_weights: (K,) weight of each class; the number of pixels is then the sum of theirs.
    """
    target = torch.where(valid, label, -1).long()
    total = nn.functional.cross_entropy(
        output.float(), target, class_weights, ignore_index=-1, reduction="sum"
    )
    if class_weights is None:
        return total, valid.sum()
    return total, class_weights[target[valid]].sum()


def l2_term(network: nn.Module) -> Tensor:
    """Return the sum of the squared convolution and dense weights."""
    return torch.stack([weight.square().sum() for weight in penalised(network)]).sum()


def l1_term(network: nn.Module) -> Tensor:
    """Return the sum of the moduli of the convolution and dense weights."""
    return torch.stack([weight.abs().sum() for weight in penalised(network)]).sum()


def penalised(network: nn.Module) -> Iterator[Tensor]:
    """Yield the weights that L2 and L1 count: no biases, no batch normalisation."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            yield module.weight


ZERO: Final = 1e-3
"""A convolution or dense weight of a smaller modulus counts as driven to zero: beside the others it
adds nothing, and L1's steps leave it within the last learning rate of zero."""


def zero_share(state: Mapping[str, NDArray[np.generic]]) -> float | None:
    """Return the share of a network's convolution and dense weights below `ZERO`.

    Args:
        state: Its weights and statistics by name; convolution and dense weights are those of four
            dimensions.
    """
    weights = [np.abs(array).ravel() for array in state.values() if array.ndim == 4]
    return float((np.concatenate(weights) < ZERO).mean()) if weights else None
