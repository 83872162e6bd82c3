"""Patch networks slid over a scene: the plan of one patch turned into the plan of a map.

Where no layer inside the patch is padded, the network slides as one large image: dense layers are
convolutions already, and what would be skipped by striding is computed by dilating the layers
behind (Giusti et al. 2013, "Fast image scanning with deep max-pooling convolutional neural
networks"; the à-trous algorithm). A padded layer puts zeros where the neighbouring patch's values
would be, so that no large image gives the same: such patches are cut out and judged one by one.
Either way the map equals the judgement of each patch by itself.
"""

from __future__ import annotations

from dataclasses import replace

from .plan import Kind, Layer, Plan


def lead_px(plan: Plan) -> int:
    """Return the pixels from a patch's start to the start of the block that it describes."""
    return ((plan.patch_px or 1) - plan.output_stride) // 2


def as_map(plan: Plan) -> Plan:
    """Return the plan that gives a map as large as its input, zeros beyond the input's edges.

    Each block of `output_stride` pixels gets the value of the patch in whose middle it lies. A plan
    that maps pixel by pixel is returned as it is.
    """
    if plan.patch_px is None:
        return plan
    padded = any(layer.padding for layer in plan.layers)
    layers = _cut(plan, plan.patch_px) if padded else _dilated(plan)
    if plan.output_stride > 1:
        layers.append(Layer("blocks", Kind.RESIZE, layers[-1].channels, stride=plan.output_stride))
    return replace(plan, layers=tuple(layers), multiple=plan.output_stride)


def _pad(plan: Plan, reach: int) -> Layer:
    """Return zeros around the input, so that each block has its patch of `reach` pixels."""
    lead = lead_px(plan)
    behind = max(0, reach - plan.output_stride - lead)
    return Layer("surround", Kind.PAD, plan.in_channels, padding=lead, padding_after=behind)


def _cut(plan: Plan, patch_px: int) -> list[Layer]:
    stride = plan.output_stride
    return [
        _pad(plan, patch_px),
        Layer("patches", Kind.CUT, plan.in_channels, patch_px, stride),
        *plan.layers,
        Layer("map", Kind.STITCH, plan.layers[-1].channels),
    ]


def _dilated(plan: Plan) -> list[Layer]:
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
