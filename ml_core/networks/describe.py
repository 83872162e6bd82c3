"""A network in numbers: its layers, what an output pixel sees, memory and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..rounding import rounded_up
from .cost import layer_costs, values_at_once
from .fully_convolutional import as_map
from .geometry import Geometry, geometry_of
from .layer import Layer
from .plan import NetworkPlan

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class LayerRow:
    """A layer as the table shows it.

    Attributes:
        size: Height and width of the output for an input of the described size, px.
        receptive_field_px: Side of the square of input pixels that one output value depends on,
            at most, counting the input's edges as far away.
        multiplications: Multiply-adds for one pixel of the scene.
    """

    layer: Layer
    size: int
    receptive_field_px: int
    multiplications: float


@dataclass(frozen=True)
class Description:
    """A network in numbers.

    Attributes:
        plan: The layers; of a single patch where the network takes patches.
        input_px: Height and width of the input that the sizes are given for.
        rows: The layers one by one.
        geometry: What the network asks of its input.
        parameters: Trained numbers.
        flop_per_px: Floating-point operations for one pixel of a map, counting multiplication and
            addition as two; convolutions and dense layers only.
        prediction_bytes_per_px: Memory of the layers' values that must be held at once to predict
            one pixel, in float32.
        training_bytes_per_px: Memory of all layers' values, which training keeps for the gradient.
    """

    plan: NetworkPlan
    input_px: int
    rows: tuple[LayerRow, ...]
    geometry: Geometry
    parameters: int
    flop_per_px: float
    prediction_bytes_per_px: float
    training_bytes_per_px: float


def describe(plan: NetworkPlan, input_px: int | None = None) -> Description:
    """Return a network's numbers.

    Args:
        plan: Its layers, as `networks.plan` gives them.
        input_px: Size of the input to give sizes for; None: the patch, or a size that the network
            can halve. A patch network is always described for its patch.

    Raises:
        SeaIceError: The network does not fit the input.
    """
    geometry = geometry_of(plan)
    if plan.patch_px is not None:
        input_px = plan.patch_px
    elif input_px is None:
        input_px = rounded_up(10 * max(plan.multiple, 16), plan.multiple)
    in_map = as_map(plan)
    costs = {
        layer.name: cost for layer, cost in zip(in_map.layers, layer_costs(in_map), strict=True)
    }
    rows = tuple(
        LayerRow(layer, size, field, costs[layer.name].multiplications)
        for layer, size, field in zip(
            plan.layers, plan.sizes(input_px), _receptive_fields(plan, input_px), strict=True
        )
    )
    values = plan.in_channels + sum(cost.values for cost in costs.values())
    return Description(
        plan=plan,
        input_px=input_px,
        rows=rows,
        geometry=geometry,
        parameters=plan.parameters,
        flop_per_px=2 * sum(cost.multiplications for cost in costs.values()),
        prediction_bytes_per_px=_FLOAT_BYTES * values_at_once(in_map),
        training_bytes_per_px=_FLOAT_BYTES * values,
    )


def _receptive_fields(plan: NetworkPlan, input_px: int) -> Iterator[int]:
    """Yield each layer's receptive field: the widest of a period of its output pixels."""
    sizes = plan.sizes(input_px)
    for count in range(1, len(plan.layers) + 1):
        part = replace(plan, layers=plan.layers[:count])
        if plan.patch_px is not None:  # beyond a lone patch there are only zeros
            middle = sizes[count - 1] // 2
            first, last = part.interval(middle, middle)
            yield min(last, input_px - 1) - max(first, 0) + 1
        else:
            spans = (part.interval(pixel, pixel) for pixel in range(plan.multiple))
            yield max(last - first + 1 for first, last in spans)
