import torch
from hypothesis import given
from hypothesis import strategies as st

from ml_core.networks.layer import Layer, LayerKind

sizes = st.integers(1, 40)
kernels = st.integers(1, 9)
strides = st.integers(1, 5)


def size_after(kind, size, *shape):
    return Layer("x", kind, 1, 1, *shape).size_after(size)


@given(sizes, kernels, strides, st.integers(0, 4), st.integers(1, 3))
def test_a_convolution_gives_the_size_that_torch_gives(size, kernel, stride, padding, dilation):
    layer = torch.nn.Conv2d(1, 1, kernel, stride, padding, dilation=dilation)
    expected = size_after(LayerKind.CONVOLUTION, size, kernel, stride, padding, dilation)
    if size + 2 * padding < dilation * (kernel - 1) + 1:
        assert expected < 1
    else:
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


@given(sizes, kernels, strides, st.integers(0, 4))
def test_a_pooling_gives_the_size_that_torch_gives(size, kernel, stride, padding):
    padding = min(padding, kernel // 2)  # torch's own bound
    expected = size_after(LayerKind.MAX_POOL, size, kernel, stride, padding)
    if expected >= 1:
        layer = torch.nn.MaxPool2d(kernel, stride, padding)
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


@given(sizes, kernels, strides, st.integers(0, 4))
def test_a_transposed_convolution_gives_the_size_that_torch_gives(size, kernel, stride, padding):
    expected = size_after(LayerKind.TRANSPOSED, size, kernel, stride, padding)
    if expected >= 1:
        layer = torch.nn.ConvTranspose2d(1, 1, kernel, stride, padding)
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


def test_the_sizes_of_the_lectures_table():
    # K, S, P of AlexNet's convolutions and poolings, with the paddings that the table leaves out
    layers = [
        (11, 4, 0),
        (3, 2, 0),
        (5, 1, 2),
        (3, 2, 0),
        (3, 1, 1),
        (3, 1, 1),
        (3, 1, 1),
        (3, 2, 0),
    ]
    size, found = 227, []
    for shape in layers:
        size = size_after(LayerKind.CONVOLUTION, size, *shape)
        found.append(size)
    assert found == [55, 27, 27, 13, 13, 13, 13, 6]
