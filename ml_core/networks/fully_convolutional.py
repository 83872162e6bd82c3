"""Patch networks over a scene: the plan of one patch turned into the plan of a map.

Where no layer inside the patch is padded, the network is fully convolutional: dense layers are
convolutions already, and what would be skipped by striding is computed by dilating the layers
behind (Giusti et al. 2013, "Fast image scanning with deep max-pooling convolutional neural
networks"; the à-trous algorithm). A padded layer puts zeros where the neighbouring patch's values
would be, so that no large image gives the same: the scene is unfolded into such patches, and their
values folded into a map. Either way the map equals the outputs for each patch by itself.
"""

from __future__ import annotations

from dataclasses import replace

from .plan import Layer, LayerKind, NetworkPlan


def lead_px(plan: NetworkPlan) -> int:
    """Return the pixels from a patch's start to the start of the block that it describes."""
    return ((plan.patch_px or 1) - plan.output_stride) // 2


def as_map(plan: NetworkPlan) -> NetworkPlan:
    """Return the plan that gives a map as large as its input, zeros beyond the input's edges.

    Each block of `output_stride` pixels gets the value of the patch in whose middle it lies. A plan
    that maps pixel by pixel is returned as it is.
    """
    if plan.patch_px is None:
        return plan
    padded = any(layer.padding for layer in plan.layers)
    layers = _unfolded(plan, plan.patch_px) if padded else _dilated(plan)
    if plan.output_stride > 1:
        layers.append(
            Layer("blocks", LayerKind.RESIZE, layers[-1].channels, stride=plan.output_stride)
        )
    return replace(plan, layers=tuple(layers), multiple=plan.output_stride)


def _pad(plan: NetworkPlan, reach: int) -> Layer:
    """Return zeros around the input, so that each block has its patch of `reach` pixels."""
    lead = lead_px(plan)
    behind = max(0, reach - plan.output_stride - lead)
    return Layer("surround", LayerKind.PAD, plan.in_channels, padding=lead, padding_after=behind)


def _unfolded(plan: NetworkPlan, patch_px: int) -> list[Layer]:
    stride = plan.output_stride
    return [
        _pad(plan, patch_px),
        Layer("patches", LayerKind.UNFOLD, plan.in_channels, patch_px, stride),
        *plan.layers,
        Layer("map", LayerKind.FOLD, plan.layers[-1].channels),
    ]


def _dilated(plan: NetworkPlan) -> list[Layer]:
    first, last = plan.interval(0, 0)
    layers = [_pad(plan, last - first + 1)]
    stride, dilation = 1, 1
    for layer in plan.layers:
        step = layer.stride
        if layer.dense and stride < plan.output_stride:
            # whatever the output stride leaves to be skipped is skipped before the dense layers
            keep, step = plan.output_stride // stride, 1
        elif step > 1 and dilation == 1 and plan.output_stride % (stride * step) == 0:
            keep, step = step, 1
        else:
            keep = 1
        layers.append(replace(layer, stride=keep, dilation=dilation))
        stride, dilation = stride * keep, dilation * step
    return layers
