"""Size arithmetic of convolution, pooling and transposed convolution along one axis."""

from __future__ import annotations


def convolution_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Return a convolution's or pooling's output size, O = floor((W - K + 2P) / S) + 1.

    A dilated kernel reaches over D (K - 1) + 1 pixels, which then stands for K.

    Args:
        size: Input size W, px.
        kernel: Kernel size K, px.
        stride: Stride S, px.
        padding: Padding P on both sides, px.
        dilation: Distance D between the kernel's samples, px.

    Returns:
        The output size in px; 0 or less where the kernel does not fit into the padded input.
    """
    reach = dilation * (kernel - 1) + 1
    return (size - reach + 2 * padding) // stride + 1


def transposed_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    """Return a transposed convolution's output size, O = (W - 1) S - 2P + K + output padding.

    Args:
        size: Input size W, px.
        kernel: Kernel size K, px.
        stride: Stride S, px.
        padding: Padding P that the matching convolution would have, px.
        output_padding: Rows and columns added at the far side, px.

    Returns:
        The output size in px.
    """
    return (size - 1) * stride - 2 * padding + kernel + output_padding


def same_padding(kernel: int) -> int:
    """Return the padding that keeps the size at stride 1, P = (K - 1) / 2; K must be odd."""
    return (kernel - 1) // 2
