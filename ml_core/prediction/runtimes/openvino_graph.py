"""A network as an OpenVINO graph, made from its plan and weights; needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...networks.layer import Layer, LayerKind
from ...networks.plan import NetworkPlan, Tensors
from .openvino_library import ops, ov

Node = Any
"""A node of the graph; openvino's stubs give its operations no useful type."""

Parts = tuple[Node, ...]
"""Nodes whose channels lie one behind the other, not joined yet."""

_BATCH_NORM_EPS = 1e-5
"""torch.nn.BatchNorm2d's default."""


def supports(plan: NetworkPlan) -> bool:
    """Say whether every layer has its OpenVINO counterpart here."""
    known = {LayerKind.CONVOLUTION, LayerKind.JOIN, *_MAKERS}
    return all(layer.kind in known for layer in plan.layers)


def build(plan: NetworkPlan, members: Sequence[Tensors], masks: Tensors | None = None) -> ov.Model:
    """Return the graph of fitted networks; height and width are free.

    As one graph they take turns in the same memory.

    Args:
        plan: The layers of the map (`networks.as_map`).
        members: The state of each network by name, as `networks.build` names it.
        masks: Factors (K, C) of each dropout layer's channels, for K networks at a time that are
            made of one (`sampling.draw_masks`); what lies before the first dropout layer is
            computed once.

    Returns:
        A model from (B, C, H, W) float32 to (B, M * O, H, W) float32 for M members, batch norm as
        fitted and dropout off; with masks from (1, C, H, W) to (K, O, H, W).
    """
    source = ops.parameter([-1, plan.in_channels, -1, -1], np.float32, name="scene")
    outputs = [_network(source, plan, tensors, masks or {}) for tensors in members]
    node = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=1)
    return ov.Model([node], [source], plan.architecture)


def _network(source: Node, plan: NetworkPlan, tensors: Tensors, masks: Tensors) -> Node:
    count = len(next(iter(masks.values()), ()))
    fused = {norm.name for norm in plan.norms.values()}

    def output_of(layer: Layer, inputs: Sequence[Parts]) -> Parts:
        parts = tuple(part for each in inputs for part in each)
        if layer.kind is LayerKind.JOIN and count:
            # OpenVINO cannot add up what was computed for one network and what for several: what
            # stems from before the first dropout comes as often as there are networks
            every = ops.constant(np.ones((count, 1, 1, 1), np.float32))
            return (ops.concat([ops.multiply(part, every) for part in parts], axis=1),)
        if layer.kind is LayerKind.JOIN or layer.name in fused:
            return parts
        if layer.kind is LayerKind.CONVOLUTION:
            one_weight_each = layer.channels == layer.kernel == layer.stride == len(parts) == 1
            if layer is plan.layers[-1] and one_weight_each:
                return (_weighted_sum(parts[0], layer, tensors),)
            return (_convolution(parts, layer, plan.norms.get(layer.name), tensors),)
        node = parts[0] if len(parts) == 1 else ops.concat(list(parts), axis=1)
        if layer.name in masks:
            factors = masks[layer.name][:, :, None, None]  # (K, C, 1, 1)
            return (ops.multiply(node, ops.constant(np.ascontiguousarray(factors))),)
        return (_MAKERS[layer.kind](node, layer, tensors),)

    (node,) = plan.run((source,), output_of)
    return node


def _weights(layer: Layer, tensors: Tensors, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(tensors[f"layers.{layer.name}.{name}"], dtype=np.float32)


def _per_channel(values: np.ndarray[Any, Any]) -> Node:
    return ops.constant(values.reshape(1, -1, 1, 1))  # (1, C, 1, 1)


def _convolution(parts: Parts, layer: Layer, norm: Layer | None, tensors: Tensors) -> Node:
    """Return a convolution, with the batch norm behind it.

    Parts that were joined are convolved by themselves and added up, which saves the copy of the two
    joined: a quarter of a U-Net's memory.
    """
    weight = _weights(layer, tensors, "weight")  # (O, C, K, K)
    bias = _weights(layer, tensors, "bias")
    if norm is not None:
        scale, shift = _scale_and_shift(norm, tensors)
        weight, bias = weight * scale[:, None, None, None], bias * scale + shift
    strides, pads, dilations = ([n] * 2 for n in (layer.stride, layer.padding, layer.dilation))
    total, end = _per_channel(bias), weight.shape[1]
    for part in reversed(parts):
        start = end - _channels(part)
        factors = ops.constant(np.ascontiguousarray(weight[:, start:end]))
        total = ops.add(ops.convolution(part, factors, strides, pads, pads, dilations), total)
        end = start
    return total


def _channels(node: Node) -> int:
    output = node if isinstance(node, ov.Output) else node.output(0)
    count: int = output.get_partial_shape()[1].get_length()
    return count


def _weighted_sum(node: Node, layer: Layer, tensors: Tensors) -> Node:
    """Return a 1 x 1 convolution to one channel in float32, whatever the others compute in.

    As a convolution OpenVINO would compute it in bfloat16 and round the SIC to 0.4 %. What is no
    convolution behind the last one stays in float32; the product joins the layer before, so that
    it costs next to nothing.
    """
    weight = _weights(layer, tensors, "weight")[:, :, 0, 0]  # (1, C)
    channels = ops.constant(np.array([1], dtype=np.int64))
    total = ops.reduce_sum(ops.multiply(node, _per_channel(weight)), channels, keep_dims=True)
    return ops.add(total, _per_channel(_weights(layer, tensors, "bias")))


def _transposed(node: Node, layer: Layer, tensors: Tensors) -> Node:
    weight = ops.constant(_weights(layer, tensors, "weight"))  # (C, O, K, K)
    strides, pads = [layer.stride] * 2, [layer.padding] * 2
    node = ops.convolution_backprop_data(
        node, weight, strides, pads_begin=pads, pads_end=pads, dilations=[1, 1]
    )
    return ops.add(node, _per_channel(_weights(layer, tensors, "bias")))


def _max_pool(node: Node, layer: Layer, tensors: Tensors) -> Node:
    strides, pads, dilations = ([n] * 2 for n in (layer.stride, layer.padding, layer.dilation))
    return ops.max_pool(node, strides, dilations, pads, pads, [layer.kernel] * 2).output(0)


def _resize(node: Node, layer: Layer, tensors: Tensors) -> Node:
    return ops.interpolate(
        node,
        ops.constant(np.array([layer.stride] * 2, dtype=np.float32)),
        "nearest",
        "scales",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=ops.constant(np.array([2, 3], dtype=np.int64)),
    )


def _batch_norm(node: Node, layer: Layer, tensors: Tensors) -> Node:
    scale, shift = _scale_and_shift(layer, tensors)
    return ops.add(ops.multiply(node, _per_channel(scale)), _per_channel(shift))


def _scale_and_shift(
    norm: Layer, tensors: Tensors
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return what a batch norm multiplies each channel by and adds to it, as fitted."""
    scale = _weights(norm, tensors, "weight") / np.sqrt(
        _weights(norm, tensors, "running_var") + np.float32(_BATCH_NORM_EPS)
    )
    shift = _weights(norm, tensors, "bias") - _weights(norm, tensors, "running_mean") * scale
    return scale, shift


def _pad(node: Node, layer: Layer, tensors: Tensors) -> Node:
    before, after = layer.padding, layer.padding_after
    begin = ops.constant(np.array([0, 0, before, before], dtype=np.int64))
    end = ops.constant(np.array([0, 0, after, after], dtype=np.int64))
    return ops.pad(node, begin, end, "constant", ops.constant(np.float32(0)))


_MAKERS: Mapping[LayerKind, Callable[[Node, Layer, Tensors], Node]] = {
    LayerKind.TRANSPOSED: _transposed,
    LayerKind.MAX_POOL: _max_pool,
    LayerKind.RESIZE: _resize,
    LayerKind.BATCH_NORM: _batch_norm,
    LayerKind.RELU: lambda node, layer, tensors: ops.relu(node),
    LayerKind.DROPOUT: lambda node, layer, tensors: node,
    LayerKind.PAD: _pad,
}
