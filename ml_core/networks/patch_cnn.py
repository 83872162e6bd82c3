"""The classical CNN: convolutions, max-pooling and dense layers map a patch to one value."""

from __future__ import annotations

from .config import NetworkConfig
from .plan import NetworkPlan, Planner

_PATCH_PX = 25
_PADDED_STRIDE_PX = 4


def plan(config: NetworkConfig) -> NetworkPlan:
    """Return the layers of a patch: `depth` times convolution and pooling, then two dense layers.

    The defaults are the lecture's network: 25 x 25 px, batch norm on the input, 5 filters of 3 x 3,
    pooling by 2, dense layers of 10 and 1.

    Raises:
        SeaIceError: The layers do not fit the patch.
    """
    padding = config.padding or 0
    patch = config.patch_size or _PATCH_PX
    planner = Planner(config)
    planner.batch_norm("input_norm")
    for level in range(config.depth):
        filters, stride = config.filters << level, config.stride or 1
        planner.convolution(
            f"conv{level}", filters, config.kernel_size, stride=stride, padding=padding
        )
        planner.relu(f"conv{level}_relu")
        planner.max_pool(f"pool{level}", 2)
        planner.dropout(f"pool{level}_dropout", in_block=True)
    planner.convolution("dense0", 2 * config.filters, planner.size_after(patch), dense=True)
    planner.relu("dense0_relu")
    planner.dropout("dense0_dropout")
    planner.convolution("output", config.out_channels, 1, dense=True)
    # padded patches overlap in the input but share no values: take fewer of them
    stride = config.output_stride or (_PADDED_STRIDE_PX if padding else 1)
    return planner.patch_plan(patch, stride)
