"""AlexNet (Krizhevsky et al. 2012): five convolutions, three dense layers, a large patch.

One tower instead of two, and no local response normalisation; the widths keep the published ratios
to the first layer's filters, 96 : 256 : 384 : 384 : 256 : 4096 : 4096.
"""

from __future__ import annotations

from ..errors import SeaIceError
from .config import NetworkConfig
from .plan import NetworkPlan, Planner

_PATCH_PX = 67
_OUTPUT_STRIDE_PX = 16
_WIDTHS = (96, 256, 384, 384, 256, 4096, 4096)


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers of a patch, 227 x 227 px in the publication, at least 67 x 67.

    Raises:
        SeaIceError: The layers do not fit the patch.
    """
    if (config.depth, config.kernel_size) != (5, 3):
        raise SeaIceError(
            f"alexnet: depth {config.depth} and kernel size {config.kernel_size}, but its five"
            " convolutions have the published kernels 11, 5, 3, 3, 3; leave both empty, and scale"
            " the network by its filters"
        )
    widths = [max(1, round(config.filters * width / _WIDTHS[0])) for width in _WIDTHS]
    patch = config.patch_size or _PATCH_PX
    planner = Planner(config)

    def convolution(number: int, kernel: int, stride: int, padding: int) -> None:
        width = widths[number - 1]
        planner.convolution(f"conv{number}", width, kernel, stride=stride, padding=padding)
        planner.relu(f"conv{number}_relu")
        planner.dropout(f"conv{number}_dropout", in_block=True)

    convolution(1, 11, config.stride or 4, 0)
    planner.max_pool("pool1", 3, 2)
    convolution(2, 5, 1, 2)
    planner.max_pool("pool2", 3, 2)
    convolution(3, 3, 1, 1)
    convolution(4, 3, 1, 1)
    convolution(5, 3, 1, 1)
    planner.max_pool("pool5", 3, 2)
    for number, kernel in ((6, planner.size_after(patch)), (7, 1)):
        planner.dropout(f"dense{number}_dropout")
        planner.convolution(f"dense{number}", widths[number - 1], kernel, dense=True)
        planner.relu(f"dense{number}_relu")
    planner.convolution("output", config.out_channels, 1, dense=True)
    return planner.patch_plan(patch, config.output_stride or _OUTPUT_STRIDE_PX)
