"""A network in numbers: its layers, what an output pixel sees, memory and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .fully_convolutional import as_map
from .geometry import Geometry, geometry_of
from .plan import Layer, LayerKind, NetworkPlan

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class LayerRow:
    """A layer as the table shows it.

    Attributes:
        layer: The layer.
        in_channels: Channels that go in.
        size: Height and width of the output for an input of the described size, px.
        parameters: Trained numbers.
        receptive_field_px: Side of the square of input pixels that one output value depends on,
            at most, counting the input's edges as far away.
        multiplications: Multiply-adds for one pixel of the scene.
    """

    layer: Layer
    in_channels: int
    size: int
    parameters: int
    receptive_field_px: int
    multiplications: float


@dataclass(frozen=True)
class Description:
    """A network in numbers.

    Attributes:
        plan: The layers; of a single patch where the network judges patches.
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
        input_px = 10 * max(plan.multiple, 16)
    mapped = as_map(plan)
    densities = list(_densities(mapped))
    work = {
        layer.name: _multiplications(mapped, i, densities[i])
        for i, layer in enumerate(mapped.layers)
    }
    rows = tuple(
        LayerRow(layer, plan.in_channels_of(i), size, parameters, field, work[layer.name])
        for i, (layer, size, parameters, field) in enumerate(
            zip(
                plan.layers,
                plan.sizes(input_px),
                plan.parameters(),
                _receptive_fields(plan, input_px),
            )
        )
    )
    at_once, altogether = _values(mapped, densities)
    return Description(
        plan=plan,
        input_px=input_px,
        rows=rows,
        geometry=geometry,
        parameters=sum(plan.parameters()),
        flop_per_px=2 * sum(work.values()),
        prediction_bytes_per_px=_FLOAT_BYTES * at_once,
        training_bytes_per_px=_FLOAT_BYTES * altogether,
    )


def _receptive_fields(plan: NetworkPlan, input_px: int) -> Iterator[int]:
    """Yield each layer's receptive field: the widest of a period of its output pixels."""
    sizes = plan.sizes(input_px)
    for count in range(1, len(plan.layers) + 1):
        part = NetworkPlan(plan.architecture, plan.in_channels, plan.layers[:count])
        if plan.patch_px is not None:  # beyond a lone patch there are only zeros
            middle = sizes[count - 1] // 2
            first, last = part.interval(middle, middle)
            yield min(last, input_px - 1) - max(first, 0) + 1
        else:
            spans = (part.interval(pixel, pixel) for pixel in range(plan.multiple))
            yield max(last - first + 1 for first, last in spans)


def _densities(plan: NetworkPlan) -> Iterator[tuple[float, float]]:
    """Yield each layer's input and output pixels for one pixel of the scene."""
    density, size = 1.0, 0
    for layer in plan.layers:
        before = density
        if layer.kind is LayerKind.UNFOLD:
            size = layer.kernel
            density *= (layer.kernel / layer.stride) ** 2
        elif layer.kind is LayerKind.FOLD:
            size = 0
        elif size:  # inside patches, whose number stays
            after = layer.size_after(size)
            density *= (after / size) ** 2
            size = after
        elif layer.kind in (LayerKind.TRANSPOSED, LayerKind.RESIZE):
            density *= layer.stride**2
        elif layer.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
            density /= layer.stride**2
        yield before, density


def _multiplications(plan: NetworkPlan, index: int, densities: tuple[float, float]) -> float:
    """Return a layer's multiply-adds for one pixel of the scene."""
    layer = plan.layers[index]
    weights = layer.kernel**2 * plan.in_channels_of(index) * layer.channels
    before, after = densities
    if layer.kind is LayerKind.CONVOLUTION:
        return weights * after
    # every input pixel of a transposed convolution is spread by the whole kernel
    return weights * before if layer.kind is LayerKind.TRANSPOSED else 0.0


def _values(plan: NetworkPlan, densities: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the most values held at once and all values, for one pixel of the scene."""
    last_use = {layer.joins: i for i, layer in enumerate(plan.layers) if layer.joins}
    kept: dict[str, float] = {}
    most, altogether = 0.0, float(plan.in_channels)
    for i, layer in enumerate(plan.layers):
        before, after = densities[i]
        going_in = plan.in_channels_of(i) * before
        coming_out = layer.channels * after
        most = max(most, going_in + coming_out + sum(kept.values()))
        altogether += coming_out
        kept.pop(layer.joins, None)
        if layer.name in last_use:
            kept[layer.name] = coming_out
    return most, altogether
