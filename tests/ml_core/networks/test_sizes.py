import torch
from hypothesis import given
from hypothesis import strategies as st

from ml_core.networks.sizes import convolution_size, same_padding, transposed_size

sizes = st.integers(1, 40)
kernels = st.integers(1, 9)
strides = st.integers(1, 5)


@given(sizes, kernels, strides, st.integers(0, 4), st.integers(1, 3))
def test_a_convolution_gives_the_size_that_torch_gives(size, kernel, stride, padding, dilation):
    layer = torch.nn.Conv2d(1, 1, kernel, stride, padding, dilation=dilation)
    expected = convolution_size(size, kernel, stride, padding, dilation)
    if size + 2 * padding < dilation * (kernel - 1) + 1:
        assert expected < 1
    else:
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


@given(sizes, kernels, strides, st.integers(0, 4))
def test_a_pooling_gives_the_size_that_torch_gives(size, kernel, stride, padding):
    padding = min(padding, kernel // 2)  # torch's own bound
    expected = convolution_size(size, kernel, stride, padding)
    if expected >= 1:
        layer = torch.nn.MaxPool2d(kernel, stride, padding)
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


@given(sizes, kernels, strides, st.integers(0, 4), st.integers(0, 4))
def test_a_transposed_convolution_gives_the_size_that_torch_gives(
    size, kernel, stride, padding, output_padding
):
    output_padding = min(output_padding, stride - 1)  # torch's own bound
    expected = transposed_size(size, kernel, stride, padding, output_padding)
    if expected >= 1:
        layer = torch.nn.ConvTranspose2d(1, 1, kernel, stride, padding, output_padding)
        assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


@given(sizes, st.integers(0, 6).map(lambda half: 2 * half + 1))
def test_same_padding_keeps_the_size(size, kernel):
    assert convolution_size(size, kernel, 1, same_padding(kernel)) == size


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
    for kernel, stride, padding in layers:
        size = convolution_size(size, kernel, stride, padding)
        found.append(size)
    assert found == [55, 27, 27, 13, 13, 13, 13, 6]
