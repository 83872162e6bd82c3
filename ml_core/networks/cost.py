"""What a network's layers cost: arithmetic and memory for one pixel of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .layer import Layer, LayerKind
from .plan import NetworkPlan


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs for one pixel of the scene.

    Attributes:
        multiplications: Multiply-adds.
        values: Numbers that come out.
        values_at_once: Numbers held while it computes: its input and output, and the outputs that
            skips keep.
    """

    multiplications: float
    values: float
    values_at_once: float


def layer_costs(plan: NetworkPlan) -> Iterator[LayerCost]:
    """Yield what each layer of a map's plan costs, edges left out of account."""
    kept, area, patch_px = 0.0, 1.0, 0
    for layer in plan.layers:
        before = area
        area, patch_px = _area_after(layer, area, patch_px)
        values = layer.channels * area
        # each input pixel of a transposed convolution is spread by the whole kernel
        pixels = before if layer.kind is LayerKind.TRANSPOSED else area
        at_once = layer.in_channels * before + values + kept
        yield LayerCost(layer.multiplications * pixels, values, at_once)
        if layer.joins:
            kept -= (layer.channels - layer.in_channels) * area
        if layer.name in plan.joined:
            kept += values


def values_at_once(plan: NetworkPlan) -> float:
    """Return the numbers that a forward pass must hold at once for one pixel of the scene."""
    return max(cost.values_at_once for cost in layer_costs(plan))


def _area_after(layer: Layer, area: float, patch_px: int) -> tuple[float, int]:
    """Return a layer's output pixels for one pixel of the scene, and the side of its patches.

    Args:
        layer: The layer.
        area: Its input pixels for one pixel of the scene.
        patch_px: Side of the patches that go in; 0 where it is a map.
    """
    if layer.kind is LayerKind.UNFOLD:
        return area * (layer.kernel / layer.stride) ** 2, layer.kernel
    if layer.kind is LayerKind.FOLD:
        return area, 0
    if patch_px:  # the number of patches stays
        size = layer.size_after(patch_px)
        return area * (size / patch_px) ** 2, size
    if layer.kind in (LayerKind.TRANSPOSED, LayerKind.RESIZE):
        return area * layer.stride**2, 0
    if layer.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
        return area / layer.stride**2, 0
    return area, 0
