"""One layer as data: what it does, the size that it gives and the pixels that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
        in_channels: Channels that go in, without those that a JOIN adds.
        channels: Channels that come out.
        kernel: Kernel size K, px.
        stride: Stride S of a convolution or pooling, enlargement of the others.
        padding: Padding P, px.
        dilation: Distance D between the kernel's samples, px.
        padding_after: PAD only: zeros behind; `padding` counts those before.
        rate: DROPOUT only: share of the channels that is switched off.
        joins: JOIN only: name of the layer whose output comes behind the input's channels.
        dense: The convolution stands for a dense layer: its kernel spans its whole input in a
            patch.
    """

    name: str
    kind: LayerKind
    in_channels: int
    channels: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    padding_after: int = 0
    rate: float = 0.0
    joins: str = ""
    dense: bool = False

    @property
    def _reach(self) -> int:
        """Pixels from the first to the last of the kernel's samples."""
        return self.dilation * (self.kernel - 1)

    def size_after(self, size: int) -> int:
        """Return what comes out of an input of W = `size` px along one axis, px.

        Convolution and pooling: floor((W - K + 2P) / S) + 1, with D (K - 1) + 1 for K where the
        kernel is dilated; 0 or less where it does not fit into the padded input. Transposed
        convolution: (W - 1) S - 2P + K.
        """
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
            return (size - self._reach - 1 + 2 * self.padding) // self.stride + 1
        if self.kind is LayerKind.TRANSPOSED:
            return (size - 1) * self.stride - 2 * self.padding + self.kernel
        if self.kind is LayerKind.RESIZE:
            return size * self.stride
        if self.kind is LayerKind.PAD:
            return size + self.padding + self.padding_after
        return size

    def interval_before(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and last input pixel that output pixels first..last depend on."""
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.MAX_POOL):
            start = first * self.stride - self.padding
            return start, last * self.stride - self.padding + self._reach
        if self.kind is LayerKind.TRANSPOSED:
            # output o takes from input i through weight k where o = i S - P + k, 0 <= k < K
            low = -(-(first + self.padding - self.kernel + 1) // self.stride)
            return low, (last + self.padding) // self.stride
        if self.kind is LayerKind.RESIZE:
            return first // self.stride, last // self.stride
        if self.kind is LayerKind.PAD:
            return first - self.padding, last - self.padding
        return first, last

    @property
    def multiplications(self) -> int:
        """Multiply-adds for one pixel: of the output, of the input where it is transposed."""
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.TRANSPOSED):
            return self.kernel**2 * self.in_channels * self.channels
        return 0

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        if self.kind is LayerKind.BATCH_NORM:
            return 2 * self.channels
        return self.multiplications + self.channels if self.multiplications else 0
