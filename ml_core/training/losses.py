"""What the fit makes small: the error of a network's output, and penalties on its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..observation.support import LEAST_COVER, around_cells, cell_size_px
from ..observation.support_torch import cell_means, observe


class DataLoss(Protocol):
    """How far a network's output is from the labels."""

    def __call__(
        self, output: Tensor, label: Tensor, valid: Tensor, /, *, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of losses, and the number of pixels.

        Args:
            output: (B, O, H, W) of the network.
            label: (B, H, W); anything where it is not valid.
            valid: (B, H, W) bool.
            weight: (B, H, W) how much each label counts, 1 on average; None: 1.
        """


def squared_error(
    output: Tensor, sic_fraction: Tensor, valid: Tensor, *, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a regression over the valid pixels, and their number.

    Args:
        output: (B, 1, H, W) SIC fraction that the network gives.
        sic_fraction: (B, H, W) reference, 0-1; anything where it is not valid.
        valid: (B, H, W) bool.
        weight: (B, H, W) of each error; None: 1.
    """
    squares = torch.where(valid, output[:, 0].float() - sic_fraction, 0.0).square()
    return (squares if weight is None else squares * weight).sum(), valid.sum()


def footprint_error(
    output: Tensor,
    sic_fraction: Tensor,
    valid: Tensor,
    footprint_px: float,
    *,
    weight: Tensor | None = None,
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
        weight: (B, H, W) of each error; None: 1.

    Returns:
        The mean squared error times the number of valid pixels, and that number; 0 and 0 where no
        footprint is covered.
    """
    cell_px = cell_size_px(footprint_px)
    sic = torch.where(valid, output[:, 0].float(), 0.0)
    predicted, share = cell_means(sic, valid, cell_px)
    reference, _ = cell_means(sic_fraction, valid, cell_px)  # (B, h, w)
    supports = around_cells(share.shape[1:], footprint_px, cell_px)
    mean, cover = observe(predicted, share, supports)
    covered = share * torch.where(cover >= LEAST_COVER, cover.square(), 0.0)
    outside = (sic - sic.clamp(0, 1)).square().sum()
    total = covered.sum()
    count = valid.sum() * (total > 0)
    squares = covered * (mean - reference).square()
    if weight is not None:
        squares = squares * cell_means(weight, valid, cell_px)[0]
    error = squares.sum() / total.clamp(min=1e-6)
    return error * count + outside * (total > 0), count


def cross_entropy(
    output: Tensor,
    label: Tensor,
    valid: Tensor,
    class_weights: Tensor | None = None,
    *,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of classes summed over the valid pixels, and their number.

    Args:
        output: (B, K, H, W) one score (logit) for each of K classes.
        label: (B, H, W) the class, 0 to K - 1, of any number type; anything where not valid.
        valid: (B, H, W) bool.
        class_weights: (K,) weight of each class; the number of pixels is then the sum of theirs.
        weight: (B, H, W) of each pixel beside that of its class; None: 1.
    """
    target = torch.where(valid, label, -1).long()
    losses = nn.functional.cross_entropy(
        output.float(), target, class_weights, ignore_index=-1, reduction="none"
    )
    total = (losses if weight is None else losses * weight).sum()
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
