"""What a network asks of its input's size and surroundings."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Plan


@dataclass(frozen=True)
class Geometry:
    """How a network's output lies on its input.

    Output pixel (r, c) always describes input pixel (r, c), and the output has the input's size.

    Attributes:
        multiple: The input's height and width, and a tile's first row and column in the scene,
            must be multiples of this, px.
        halo_px: Margin, a multiple of `multiple`, beyond which no pixel touches a tile's core:
            with it, tiles give exactly what the whole scene gives.
        receptive_field_px: Side of the square that one output pixel depends on, at most.
        output_stride: Side of the aligned blocks of pixels that share one value; 1: every pixel
            has its own.
        minimum_size_px: Smallest input that is useful: at least one value rests on input alone
            for a patch network, and no level is smaller than a pixel for the others.
    """

    multiple: int
    halo_px: int
    receptive_field_px: int
    output_stride: int
    minimum_size_px: int


def geometry_of(plan: Plan) -> Geometry:
    """Return the geometry of a plan, from the pixels that its outputs depend on."""
    period = max(plan.multiple, plan.output_stride)
    reach, field = 0, 1
    for pixel in range(period):
        first, last = plan.interval(pixel, pixel)
        reach = max(reach, pixel - first, last - pixel)
        field = max(field, last - first + 1)
    halo = -(-reach // plan.multiple) * plan.multiple
    return Geometry(
        multiple=plan.multiple,
        halo_px=halo,
        receptive_field_px=field,
        output_stride=plan.output_stride,
        minimum_size_px=max(plan.patch_px or 1, plan.multiple),
    )
