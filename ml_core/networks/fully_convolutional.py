"""Patch networks over a scene: the plan of one patch turned into the plan of a map.

Where no layer inside the patch is padded, the network is fully convolutional: dense layers are
convolutions already, and what would be skipped by striding is computed by dilating the layers
behind (Giusti et al. 2013, "Fast image scanning with deep max-pooling convolutional neural
networks"; the à-trous algorithm). A padded layer puts zeros where the neighbouring patch's values
would be, so that no large image gives the same: the scene is unfolded into such patches, and their
values folded into a map. Either way the map equals the outputs for each patch by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .layer import Layer, LayerKind
from .plan import NetworkPlan


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
    stride, lead = plan.output_stride, lead_px(plan)
    first, last = plan.interval(0, 0)
    padded = any(layer.padding for layer in plan.layers)
    reach = plan.patch_px if padded else last - first + 1

    inputs, outputs = plan.in_channels, plan.layers[-1].channels
    # zeros around the input, so that each block has its patch
    behind = max(0, reach - stride - lead)
    layers = [Layer("surround", LayerKind.PAD, inputs, inputs, padding=lead, padding_after=behind)]
    if padded:
        unfold = Layer("patches", LayerKind.UNFOLD, inputs, inputs, reach, stride)
        layers += [unfold, *plan.layers, Layer("map", LayerKind.FOLD, outputs, outputs)]
    else:
        layers += _dilated(plan)
    if stride > 1:
        layers.append(Layer("blocks", LayerKind.RESIZE, outputs, outputs, stride=stride))
    return replace(plan, layers=tuple(layers), multiple=stride)


def _dilated(plan: NetworkPlan) -> Iterator[Layer]:
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
        yield replace(layer, stride=keep, dilation=dilation)
        stride, dilation = stride * keep, dilation * step
