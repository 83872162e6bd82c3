"""What the fit makes small: the error of a network's output, and penalties on its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.batch import Batch
from ..datasets.polygon_chips import PolygonChips
from ..observation.support import LEAST_COVER
from ..observation.support_torch import cell_means, observe_at
from .polygon_memory import PolygonMemory


@dataclass(frozen=True)
class PolygonTargets:
    """What charts say of P polygons in chips, on the device; as in `PolygonChips`."""

    pixels: Tensor
    number: Tensor
    low: Tensor
    high: Tensor
    seen_px: Tensor
    area_px: Tensor
    total: int
    weight: float

    @classmethod
    def of(
        cls, chips: PolygonChips | None, place: Callable[[NDArray[Any]], Tensor]
    ) -> PolygonTargets | None:
        """Return the polygons of a batch; None where it has none."""
        if chips is None or not chips.number.size:
            return None
        return cls(
            place(chips.pixels),
            place(chips.number),
            place(chips.low),
            place(chips.high),
            place(chips.seen_px),
            place(chips.area_px),
            chips.total,
            chips.weight,
        )


@dataclass(frozen=True)
class Targets:
    """What chips are compared with, on the device.

    Attributes:
        label: (B, H, W) SIC as a fraction, or a class; anything where it is not valid.
        valid: (B, H, W) where the label counts.
        weight: (B, H, W) how much it counts, 1 on average; None: 1.
        visible: (B, H, W) where there is input.
        rows: (B, K, h) weights of the cells' rows in each of K footprints; None: by pixels.
        cols: (B, K, w) weights of their columns.
        low: (B, K) the lowest SIC that the reference may mean there, as a fraction.
        high: (B, K) the highest.
        weights: (B, K) how much each counts; 0 where there is none.
        cell_px: Side of the cells; 0 without footprints.
        polygons: What charts say of their polygons; None without any.
    """

    label: Tensor
    valid: Tensor
    weight: Tensor | None
    visible: Tensor
    rows: Tensor
    cols: Tensor
    low: Tensor
    high: Tensor
    weights: Tensor
    cell_px: int
    polygons: PolygonTargets | None = None

    @classmethod
    def of(cls, batch: Batch, cell_px: int, place: Callable[[NDArray[Any]], Tensor]) -> Targets:
        """Return a batch's targets.

        Args:
            cell_px: Side of the cells that footprints are weighed on.
            place: Brings an array to the device.
        """
        weight = None if batch.weight is None else place(batch.weight)
        label, valid, visible = (place(a) for a in (batch.label, batch.valid, batch.visible))
        seen, polygons = batch.observed, PolygonTargets.of(batch.polygons, place)
        if seen is None:
            none = torch.empty(0)
            return cls(label, valid, weight, visible, none, none, none, none, none, 0, polygons)
        supports = seen.supports(batch.label.shape[1], cell_px)
        rows, cols, low, high, weights = (
            place(a) for a in (supports.rows, supports.cols, seen.low, seen.high, seen.weight)
        )
        return cls(label, valid, weight, visible, rows, cols, low, high, weights, cell_px, polygons)


class DataLoss(Protocol):
    """How far a network's output is from the reference."""

    def __call__(self, output: Tensor, targets: Targets, /) -> tuple[Tensor, Tensor]:
        """Return the sum of losses, and what it is to be divided by for their mean.

        Args:
            output: (B, O, H, W) of the network.
            targets: What it is compared with.
        """


def squared_error(output: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a regression over the labelled pixels, and their number.

    Args:
        output: (B, 1, H, W) SIC fraction that the network gives.
        targets: What it is compared with.
    """
    squares = torch.where(targets.valid, output[:, 0].float() - targets.label, 0.0).square()
    weight = targets.weight
    return (squares if weight is None else squares * weight).sum(), targets.valid.sum()


BEYOND: Final = 0.25
"""By how much, as a fraction of SIC, the unseen part of a footprint may differ from the whole.

On simulated scenes it does so by 0.14 RMS, and 90 % of mixed footprints by less than 0.24. The
loss's own optimum then gives water in leads -0.2 % SIC; with 0, where what lies beyond is taken to
be alike, 12 %, and with 1, where nothing is known of it, 0.6 %.
"""


class _Bounded(torch.autograd.Function):
    """SIC held within 0 and 1, which what lies beyond can leave inwards.

    The gradient of a clamp is 0 beyond the bounds: a network that gives all ground less than 0
    would never learn that there is ice. Here it passes where it leads back.
    """

    @staticmethod
    def forward(ctx: Any, sic: Tensor) -> Tensor:  # Any: torch's
        ctx.save_for_backward(sic)
        return sic.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (sic,), (gradient,) = ctx.saved_tensors, gradients
        outwards = ((sic < 0) & (gradient > 0)) | ((sic > 1) & (gradient < 0))
        return torch.where(outwards, 0.0, gradient)


def observed_error(
    sic: Tensor, targets: Targets, memory: PolygonMemory | None = None
) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a map as the reference sees it, and how many they are.

    Compared with the reference pixel by pixel, a network learns the reference's blur, too, since
    from water alone it cannot know how near the ice is: it gives all water the mean reference of
    water, some 10 %. Here the map is observed as the reference observes it, so that it may be as
    sharp as the ice is. It is held within 0 and 100 %, else SIC below 0 might balance SIC above
    100 % in the mean; what goes beyond has a squared penalty, without which it would never come
    back.

    Args:
        sic: (B, H, W) SIC fraction.
        targets: What it is compared with, in its footprints and polygons.
        memory: Of the polygons; None: what is seen of one stands for it.
    """
    sic = torch.where(targets.visible, sic, 0.0)
    bounded: Tensor = _Bounded.apply(sic)  # type: ignore[no-untyped-call]
    total, number = sic.new_zeros(()), sic.new_zeros(())
    if targets.cell_px:
        excess, weights = footprint_excess(bounded, targets)
        total, number = (weights * excess.square()).sum(), weights.sum()
    if targets.polygons:
        added, more = polygon_error(bounded, targets.polygons, memory or PolygonMemory())
        total, number = total + added, number + more
    outside = (sic - bounded).square().sum() / targets.visible.sum().clamp(min=1)
    return total + outside * number, number


def footprint_excess(sic: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return how far a map's means over footprints lie off, and how much each counts.

    All ground that has backscatter belongs to the mean, with or without a label. Of a footprint
    that reaches beyond the chip or beyond the valid ground only a share c of the weight is seen.
    What lies beyond may differ from the value v of the whole, by at most `BEYOND`, so that the seen
    part may have a mean that differs from v by BEYOND (1 - c) / c. The error is how far the mean
    lies outside of this range. Were what lies beyond taken to be alike, the network would learn the
    blur.

    Args:
        sic: (B, H, W) SIC fraction, 0-1.
        targets: What it is compared with.

    Returns:
        Excess and weights, (B, K) each.
    """
    means, share = cell_means(sic, targets.visible, targets.cell_px)
    mean, cover = observe_at(means, share, targets.rows, targets.cols)
    seen = cover.clamp(LEAST_COVER, 1)
    low = (targets.low - (1 - seen) * (targets.high + BEYOND).clamp(max=1)) / seen
    high = (targets.high - (1 - seen) * (targets.low - BEYOND).clamp(min=0)) / seen
    excess = mean - torch.minimum(torch.maximum(mean, low), high)
    return excess, torch.where(cover >= LEAST_COVER, targets.weights * seen, 0.0)


def polygon_error(
    sic: Tensor, polygons: PolygonTargets, memory: PolygonMemory
) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors of a map's means over polygons, and of their weights.

    The error is how far a mean lies outside the range that the chart gives. Of a polygon that
    reaches beyond the chips, the mean is that of what is seen and of what was seen of the rest in
    chips before, and what is seen has to move as if it were the whole. Each weighs by the pixels
    that are seen.

    Args:
        sic: (B, H, W) SIC fraction, 0-1.
        polygons: What it is compared with.
        memory: Of what was seen before.
    """
    sums = sic.new_zeros(polygons.number.numel() + 1)
    sums = sums.index_add(0, polygons.pixels.flatten(), sic.flatten())
    seen = polygons.seen_px
    part = sums[1:] / seen
    whole = memory.together(polygons.number, part, seen, polygons.area_px, polygons.total)
    mean = part + (whole - part).detach()
    excess = mean - torch.minimum(torch.maximum(mean, polygons.low), polygons.high)
    weights = polygons.weight * seen
    return (weights * excess.square()).sum(), weights.sum()


def observed_classes(
    output: Tensor,
    targets: Targets,
    values: tuple[float, ...],
    memory: PolygonMemory | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the `observed_error` of the expected SIC of classes.

    Args:
        output: (B, K, H, W) one score (logit) for each class.
        values: (K,) SIC of each class as a fraction.
        memory: Of polygons.
    """
    likely = output.float().softmax(dim=1)
    expected = torch.einsum("bkhw,k->bhw", likely, likely.new_tensor(values))
    return observed_error(expected, targets, memory)


def cross_entropy(
    output: Tensor, targets: Targets, class_weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of classes summed over the labelled pixels, and their number.

    Args:
        output: (B, K, H, W) one score (logit) for each of K classes.
        targets: What it is compared with; labels are classes, 0 to K - 1.
        class_weights: (K,) weight of each class; the number of pixels is then the sum of theirs.
    """
    valid, weight = targets.valid, targets.weight
    target = torch.where(valid, targets.label, -1).long()
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
