"""A network as data: its layers in order, from which it is built, checked and described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ..errors import SeaIceError
from .sizes import convolution_size, same_padding, transposed_size


class LayerKind(str, Enum):
    """What a layer does."""

    CONVOLUTION = "convolution"
    TRANSPOSED = "transposed convolution"
    MAX_POOL = "max-pooling"
    RESIZE = "resize"  # each pixel becomes a block of stride x stride
    BATCH_NORM = "batch norm"
    RELU = "ReLU"
    DROPOUT = "dropout"
    JOIN = "join"  # the layer's input and a kept output, one behind the other
    PAD = "pad"  # zeros: `padding` before, `padding_after` behind
    UNFOLD = "unfold"  # patches of kernel x kernel, `stride` apart, along the batch's axis
    FOLD = "fold"  # the values of those patches as a map


@dataclass(frozen=True)
class Layer:
    """One layer; its input is the output of the layer before it.

    Attributes:
        name: Unique within the network; names the layer's tensors in a model file.
        kind: What it does.
        channels: Channels that come out.
        kernel: Kernel size K, px.
        stride: Stride S of a convolution or pooling, enlargement of the others.
        padding: Padding P, px.
        dilation: Distance between the kernel's samples, px.
        padding_after: PAD only: zeros behind; `padding` counts those before.
        rate: DROPOUT only: share of the channels that is switched off.
        joins: JOIN only: name of the layer whose output comes behind the input's channels.
        dense: The convolution stands for a dense layer: its kernel spans its whole input in a
            patch.
    """

    name: str
    kind: LayerKind
    channels: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    padding_after: int = 0
    rate: float = 0.0
    joins: str = ""
    dense: bool = False

    def size_after(self, size: int) -> int:
        """Return the size that comes out along one axis, px."""
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
            return convolution_size(size, self.kernel, self.stride, self.padding, self.dilation)
        if self.kind is LayerKind.TRANSPOSED:
            return transposed_size(size, self.kernel, self.stride, self.padding)
        if self.kind is LayerKind.RESIZE:
            return size * self.stride
        if self.kind is LayerKind.PAD:
            return size + self.padding + self.padding_after
        return size

    def interval_before(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and last input pixel that output pixels first..last depend on."""
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
            start = first * self.stride - self.padding
            return start, last * self.stride - self.padding + self.dilation * (self.kernel - 1)
        if self.kind is LayerKind.TRANSPOSED:
            # output o takes from input i through weight k where o = i S - P + k, 0 <= k < K
            low = -(-(first + self.padding - self.kernel + 1) // self.stride)
            return low, (last + self.padding) // self.stride
        if self.kind is LayerKind.RESIZE:
            return first // self.stride, last // self.stride
        if self.kind is LayerKind.PAD:
            return first - self.padding, last - self.padding
        return first, last


@dataclass(frozen=True)
class NetworkPlan:
    """A network's layers and the sizes of input it takes.

    Attributes:
        architecture: The network's id.
        in_channels: Channels that go in.
        layers: The layers in order.
        multiple: Height and width of the input must be multiples of this, px.
        patch_px: The patch that a patch network judges; its layers are then those of one patch, at
            whose end one pixel is left. None: the network maps pixel by pixel.
        output_stride: Side of the blocks of pixels that share one value, px.
    """

    architecture: str
    in_channels: int
    layers: tuple[Layer, ...]
    multiple: int = 1
    patch_px: int | None = None
    output_stride: int = 1

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each layer, by its name."""
        return {layer.name: i for i, layer in enumerate(self.layers)}

    def in_channels_of(self, index: int) -> int:
        """Return the channels that go into a layer."""
        return self.layers[index - 1].channels if index else self.in_channels

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
        for layer in self.layers:
            before = sizes[-1] if sizes else size
            after = layer.size_after(before)
            if after < 1:
                raise SeaIceError(
                    f"{self.architecture} does not fit an input of {size} px: {layer.name}"
                    f" ({layer.kind.value}, K {layer.kernel}, S {layer.stride}, P {layer.padding})"
                    f" gets only {before} px. Sizes so far: {self._trail(size, sizes)}."
                    " Take larger chips or patches, or fewer or smaller layers"
                )
            if layer.joins and sizes[self.index[layer.joins]] != after:
                raise SeaIceError(
                    f"{self.architecture}: {layer.name} joins {after} px and"
                    f" {sizes[self.index[layer.joins]]} px, which must be equal;"
                    f" sizes: {self._trail(size, sizes)}"
                )
            sizes.append(after)
        return sizes

    def _trail(self, size: int, sizes: list[int]) -> str:
        steps = [f"input {size}"]
        for layer, after in zip(self.layers, sizes, strict=False):
            if layer.kind not in (LayerKind.RELU, LayerKind.BATCH_NORM, LayerKind.DROPOUT):
                steps.append(f"{layer.name} {after}")
        return ", ".join(steps)

    def interval(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and last input pixel that output pixels first..last depend on.

        Walks the layers backwards, joining what a skip needs to what the layers between need.
        """
        needed: list[tuple[int, int] | None] = [None] * len(self.layers) + [(first, last)]
        # needed[i] is what is wanted of the input of layer i, that is of the output of layer i - 1
        for i in reversed(range(len(self.layers))):
            wanted = needed[i + 1]
            if wanted is None:
                continue
            layer = self.layers[i]
            needed[i] = _union(needed[i], layer.interval_before(*wanted))
            if layer.joins:
                source = self.index[layer.joins] + 1
                needed[source] = _union(needed[source], wanted)
        return needed[0] or (first, last)

    def parameters(self) -> Iterator[int]:
        """Yield the number of trained parameters of each layer."""
        for i, layer in enumerate(self.layers):
            before = self.in_channels_of(i)
            if layer.kind in (LayerKind.CONVOLUTION, LayerKind.TRANSPOSED):
                yield layer.kernel**2 * before * layer.channels + layer.channels
            elif layer.kind is LayerKind.BATCH_NORM:
                yield 2 * layer.channels
            else:
                yield 0


def _union(a: tuple[int, int] | None, b: tuple[int, int]) -> tuple[int, int]:
    return b if a is None else (min(a[0], b[0]), max(a[1], b[1]))


class Planner:
    """Collects a network's layers; each method adds one at the end.

    Args:
        architecture: The network's id.
        in_channels: Channels that go in.
    """

    def __init__(self, architecture: str, in_channels: int) -> None:
        self._architecture = architecture
        self._in_channels = in_channels
        self._layers: list[Layer] = []

    @property
    def channels(self) -> int:
        """Channels that come out of the last layer."""
        return self._layers[-1].channels if self._layers else self._in_channels

    @property
    def last(self) -> str:
        """Name of the last layer."""
        return self._layers[-1].name

    def add(self, layer: Layer) -> None:
        """Add any layer.

        Raises:
            ValueError: The name is taken.
        """
        if any(other.name == layer.name for other in self._layers):
            raise ValueError(f"two layers are called {layer.name}")
        self._layers.append(layer)

    def convolution(
        self,
        name: str,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dense: bool = False,
    ) -> None:
        """Add a convolution."""
        self.add(Layer(name, LayerKind.CONVOLUTION, channels, kernel, stride, padding, dense=dense))

    def same_convolution(self, name: str, channels: int, kernel: int) -> None:
        """Add a convolution that keeps the size, with batch norm and ReLU.

        Raises:
            SeaIceError: The kernel size is even: no padding on both sides keeps the size.
        """
        if kernel % 2 == 0:
            raise SeaIceError(
                f"{self._architecture}: kernel size {kernel} is even, and 'same' padding"
                f" (K - 1) / 2 needs an odd one; give {kernel - 1 or 1} or {kernel + 1}"
            )
        self.convolution(name, channels, kernel, padding=same_padding(kernel))
        self.batch_norm(f"{name}_norm")
        self.relu(f"{name}_relu")

    def transposed(self, name: str, channels: int, kernel: int, stride: int) -> None:
        """Add a transposed convolution."""
        self.add(Layer(name, LayerKind.TRANSPOSED, channels, kernel, stride))

    def max_pool(self, name: str, kernel: int, stride: int | None = None) -> None:
        """Add max-pooling; the stride is the kernel's size unless given."""
        self.add(Layer(name, LayerKind.MAX_POOL, self.channels, kernel, stride or kernel))

    def resize(self, name: str, factor: int) -> None:
        """Add an enlargement to the nearest pixel."""
        self.add(Layer(name, LayerKind.RESIZE, self.channels, stride=factor))

    def batch_norm(self, name: str) -> None:
        """Add batch normalisation (Ioffe and Szegedy 2015)."""
        self.add(Layer(name, LayerKind.BATCH_NORM, self.channels))

    def relu(self, name: str) -> None:
        """Add max(0, x)."""
        self.add(Layer(name, LayerKind.RELU, self.channels))

    def dropout(self, name: str, rate: float) -> None:
        """Add dropout of channels, drawn anew for each batch; nothing at rate 0."""
        if rate > 0:
            self.add(Layer(name, LayerKind.DROPOUT, self.channels, rate=rate))

    def join(self, name: str, kept: str) -> None:
        """Put the output of an earlier layer behind the channels of the last one."""
        channels = next(layer.channels for layer in self._layers if layer.name == kept)
        self.add(Layer(name, LayerKind.JOIN, self.channels + channels, joins=kept))

    def upsample(self, name: str, channels: int, factor: int, how: str) -> None:
        """Enlarge and change the channels, by the way that `NetworkConfig.upsampling` names."""
        if how == "transposed":
            self.transposed(name, channels, factor, factor)
        else:
            self.resize(f"{name}_resize", factor)
            self.convolution(name, channels, 3, padding=1)

    def size_after(self, size: int) -> int:
        """Return what the layers so far make of an input's size, px.

        Raises:
            SeaIceError: They do not fit it.
        """
        return (self.plan().sizes(size) or [size])[-1]

    def plan(self, *, multiple: int = 1) -> NetworkPlan:
        """Return the plan of a network that maps pixel by pixel, of the layers so far."""
        return NetworkPlan(self._architecture, self._in_channels, tuple(self._layers), multiple)

    def patch_plan(self, patch_px: int, output_stride: int) -> NetworkPlan:
        """Return the plan of a network that judges patches, of the layers so far.

        Raises:
            SeaIceError: The layers do not fit the patch, or the patches would leave gaps.
        """
        if output_stride > patch_px:
            raise SeaIceError(
                f"{self._architecture}: output stride {output_stride} px is larger than the patch,"
                f" {patch_px} px, and would leave gaps; give {patch_px} or less"
            )
        layers = tuple(self._layers)
        plan = NetworkPlan(
            self._architecture, self._in_channels, layers, 1, patch_px, output_stride
        )
        if plan.sizes(patch_px)[-1] != 1:
            raise ValueError(
                f"{self._architecture} leaves {plan.sizes(patch_px)[-1]} px of a patch"
            )
        return plan
