"""A network as data: its layers in order, from which it is built, checked and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ..errors import SeaIceError
from .config import NetworkConfig
from .layer import Layer, LayerKind

Value = TypeVar("Value")

Tensors = Mapping[str, np.ndarray[Any, Any]]
"""A network's weights, by the names that `networks.build(config).state_dict()` gives them, or what
belongs to its layers, by their names."""


@dataclass(frozen=True)
class NetworkPlan:
    """A network's layers and the sizes of input it takes.

    Attributes:
        architecture: The network's id.
        layers: The layers in order.
        multiple: Height and width of the input must be multiples of this, px.
        patch_px: The patch that a patch network takes; its layers are then those of one patch, at
            whose end one pixel is left. None: the network maps pixel by pixel.
        output_stride: Side of the blocks of pixels that share one value, px.
    """

    architecture: str
    layers: tuple[Layer, ...]
    multiple: int = 1
    patch_px: int | None = None
    output_stride: int = 1

    @property
    def in_channels(self) -> int:
        """Channels that go in."""
        return self.layers[0].in_channels

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def joined(self) -> frozenset[str]:
        """Names of the layers whose output a later layer joins."""
        return frozenset(layer.joins for layer in self.layers if layer.joins)

    @cached_property
    def norms(self) -> dict[str, Layer]:
        """The batch norm behind each convolution that has one, by the convolution's name."""
        return {
            layer.name: behind
            for layer, behind in zip(self.layers, self.layers[1:])
            if (layer.kind, behind.kind) == (LayerKind.CONVOLUTION, LayerKind.BATCH_NORM)
        }

    def run(self, value: Value, operation: Callable[[Layer, Sequence[Value]], Value]) -> Value:
        """Take a value through the layers: a tensor, a node of a graph, a size.

        Args:
            value: What goes into the first layer.
            operation: Gives what comes out of a layer from what goes in: one value; where it
                joins, two.
        """
        kept: dict[str, Value] = {}
        for layer in self.layers:
            inputs = (value, kept.pop(layer.joins)) if layer.joins else (value,)
            value = operation(layer, inputs)
            if layer.name in self.joined:
                kept[layer.name] = value
        return value

    def sizes(self, size: int) -> list[int]:
        """Return the size along one axis after each layer.

        Args:
            size: Size of the input, px.

        Raises:
            SeaIceError: The input is too small, or no multiple of what the network halves; the
                message shows the sizes layer by layer.
        """
        if size % self.multiple:
            raise SeaIceError(
                f"{self.architecture}: the input's size must be a multiple of {self.multiple} px,"
                f" got {size}; give {max(1, round(size / self.multiple)) * self.multiple}"
            )
        sizes: list[int] = []

        def size_after(layer: Layer, inputs: Sequence[int]) -> int:
            after = layer.size_after(inputs[0])
            if after < 1:
                raise SeaIceError(
                    f"{self.architecture} does not fit an input of {size} px: {layer.name}"
                    f" ({layer.kind.value}, K {layer.kernel}, S {layer.stride}, P {layer.padding})"
                    f" gets only {inputs[0]} px. Sizes so far: {self._trail(size, sizes)}."
                    " Take larger chips or patches, or fewer or smaller layers"
                )
            if len(set(inputs)) > 1:
                raise SeaIceError(
                    f"{self.architecture}: {layer.name} joins {inputs[0]} px and {inputs[1]} px,"
                    f" which must be equal; sizes: {self._trail(size, sizes)}"
                )
            sizes.append(after)
            return after

        self.run(size, size_after)
        return sizes

    def _trail(self, size: int, sizes: list[int]) -> str:
        steps = [f"input {size}"]
        for layer, after in zip(self.layers, sizes):
            if layer.kind not in (LayerKind.RELU, LayerKind.BATCH_NORM, LayerKind.DROPOUT):
                steps.append(f"{layer.name} {after}")
        return ", ".join(steps)

    def interval(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and last input pixel that output pixels first..last depend on.

        Walks the layers backwards, joining what a skip needs to what the layers between need.
        """
        by_skip: dict[str, tuple[int, int]] = {}
        for layer in reversed(self.layers):
            if layer.name in by_skip:
                low, high = by_skip[layer.name]
                first, last = min(first, low), max(last, high)
            if layer.joins:
                by_skip[layer.joins] = first, last
            first, last = layer.interval_before(first, last)
        return first, last


class Planner:
    """Collects a network's layers; each method adds one at the end, or a few."""

    def __init__(self, config: NetworkConfig) -> None:
        self._config = config
        self._layers: list[Layer] = []

    @property
    def channels(self) -> int:
        """Channels that come out of the last layer."""
        return self._layers[-1].channels if self._layers else self._config.in_channels

    @property
    def last(self) -> str:
        """Name of the last layer."""
        return self._layers[-1].name

    def _add(self, name: str, kind: LayerKind, channels: int | None = None, **more: Any) -> None:
        if any(other.name == name for other in self._layers):
            raise ValueError(f"two layers are called {name}")
        self._layers.append(Layer(name, kind, self.channels, channels or self.channels, **more))

    def convolution(self, name: str, channels: int, kernel: int, **more: int) -> None:
        """Add a convolution, its `stride` and `padding` and whether it is `dense` as in `Layer`."""
        self._add(name, LayerKind.CONVOLUTION, channels, kernel=kernel, **more)

    def same_convolution(self, name: str, channels: int) -> None:
        """Add a convolution that keeps the size, with batch norm and ReLU.

        Raises:
            SeaIceError: The kernel size is even: no padding on both sides keeps the size.
        """
        kernel = self._config.kernel_size
        if kernel % 2 == 0:
            raise SeaIceError(
                f"{self._config.architecture}: kernel size {kernel} is even, and 'same' padding"
                f" (K - 1) / 2 needs an odd one; give {kernel - 1 or 1} or {kernel + 1}"
            )
        self.convolution(name, channels, kernel, padding=(kernel - 1) // 2)
        self.batch_norm(f"{name}_norm")
        self.relu(f"{name}_relu")

    def max_pool(self, name: str, kernel: int, stride: int | None = None) -> None:
        """Add max-pooling; the stride is the kernel's size unless given."""
        self._add(name, LayerKind.MAX_POOL, kernel=kernel, stride=stride or kernel)

    def batch_norm(self, name: str) -> None:
        """Add batch normalisation (Ioffe and Szegedy 2015)."""
        self._add(name, LayerKind.BATCH_NORM)

    def relu(self, name: str) -> None:
        """Add max(0, x)."""
        self._add(name, LayerKind.RELU)

    def dropout(self, name: str, *, in_block: bool = False) -> None:
        """Add dropout of channels, drawn anew for each batch; nothing at rate 0.

        Args:
            name: The layer's name.
            in_block: It sits in a block of convolutions, which has dropout only where the config
                asks for it.
        """
        config = self._config
        if config.dropout > 0 and (not in_block or config.dropout_position == "blocks"):
            self._add(name, LayerKind.DROPOUT, rate=config.dropout)

    def join(self, name: str, kept: str) -> None:
        """Put the output of an earlier layer behind the channels of the last one."""
        channels = next(layer.channels for layer in self._layers if layer.name == kept)
        self._add(name, LayerKind.JOIN, self.channels + channels, joins=kept)

    def upsample(self, name: str, channels: int, factor: int) -> None:
        """Enlarge and change the channels, by the way that the config names."""
        if self._config.upsampling == "transposed":
            self._add(name, LayerKind.TRANSPOSED, channels, kernel=factor, stride=factor)
        else:
            self._add(f"{name}_resize", LayerKind.RESIZE, stride=factor)
            self.convolution(name, channels, 3, padding=1)

    def size_after(self, size: int) -> int:
        """Return what the layers so far make of an input's size, px.

        Raises:
            SeaIceError: They do not fit it.
        """
        return self.plan().sizes(size)[-1]

    def plan(self, *, multiple: int = 1) -> NetworkPlan:
        """Return the plan of a network that maps pixel by pixel, of the layers so far."""
        return NetworkPlan(self._config.architecture, tuple(self._layers), multiple)

    def patch_plan(self, patch_px: int, output_stride: int) -> NetworkPlan:
        """Return the plan of a network that takes patches, of the layers so far.

        Raises:
            SeaIceError: The layers do not fit the patch, or the patches would leave gaps.
        """
        architecture = self._config.architecture
        if output_stride > patch_px:
            raise SeaIceError(
                f"{architecture}: output stride {output_stride} px is larger than the patch,"
                f" {patch_px} px, and would leave gaps; give {patch_px} or less"
            )
        left_px = self.size_after(patch_px)
        if left_px != 1:
            raise ValueError(f"{architecture} leaves {left_px} px of a patch")
        return NetworkPlan(architecture, tuple(self._layers), 1, patch_px, output_stride)
