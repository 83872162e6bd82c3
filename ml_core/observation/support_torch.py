"""Maps observed through supports in torch: as in `support`, and differentiable."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def observe_at(values: Tensor, share: Tensor, rows: Tensor, cols: Tensor) -> tuple[Tensor, Tensor]:
    """Return maps as a reference sees them: means over supports, and how much they cover of each.

    Args:
        values: (B, H, W) on cells, each the mean of what is valid there; else anything.
        share: (B, H, W) how much of each cell is valid, 0-1.
        rows: (B, K, H) weights of the cells' rows in each of K supports (`support.weights`).
        cols: (B, K, W) weights of their columns.

    Returns:
        Means (B, K), 0 where nothing is covered, and the covered share of the weight (B, K).
    """

    def sums(field: Tensor) -> Tensor:
        return ((rows @ field) * cols).sum(-1)

    cover = sums(share)
    return sums(torch.where(share > 0, values, 0.0) * share) / cover.clamp(min=1e-6), cover


def cell_means(values: Tensor, valid: Tensor, cell_px: int) -> tuple[Tensor, Tensor]:
    """Return the means of the valid pixels of square cells, and the share of each that is valid.

    Args:
        values: (B, H, W); anything where not valid.
        valid: (B, H, W) bool.
        cell_px: Side of a cell; the last ones may overhang.

    Returns:
        Means, 0 where nothing is valid, and shares, (B, h, w) each.
    """
    height, width = valid.shape[-2:]
    overhang = (0, -width % cell_px, 0, -height % cell_px)

    def mean(field: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(nn.functional.pad(field, overhang), cell_px)

    share = mean(valid.float())
    return mean(torch.where(valid, values, 0.0)) / share.clamp(min=1e-6), share
